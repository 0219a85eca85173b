"""The one way in which Tidegate writes to git: a commit on the remote's tip, or nothing.

What to write is computed in a throw-away checkout of the tip. When another writer is faster it is
computed again from the new tip, never merged as text and never forced. Every step can be killed:
nothing counts until the push, and a run after the push finds that nothing is left to do, or the
commit of its request.
"""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from tidegate.catalog.load import ENVIRONMENT, PROFILE
from tidegate.findings import CouldNotCheckError, cannot_check
from tidegate.promotion.git import BRANCH, GitError, Needed, Repository, tracking

# More than the writers that a fork can have at once: in each round at least one of them lands.
ATTEMPTS = 64
# A refusal while the tip stands still may be a lock that another push holds; more than this is not.
REFUSALS = 4
_BACKOFF_SECONDS = 0.2
_BACKOFF_LIMIT_SECONDS = 5.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Draft(Generic[T]):
    """What one computation wants: a commit of these files, or none where `files` is empty."""

    outcome: T
    message: str = ""
    files: Mapping[str, bytes | None] | None = None
    """Path to content; None removes the file."""
    branch: str = BRANCH
    landed: str | None = None
    """The commit of an earlier run of the same request, which did it all."""


@dataclass(frozen=True, slots=True)
class Written(Generic[T]):
    """What happened: the outcome, the commit where one was needed, and the branch it is on."""

    outcome: T
    commit: str | None
    branch: str
    earlier: bool = False
    """An earlier run of the same request made the commit."""


Compute = Callable[[Path, str], Draft[T]]


def needed_for(service: str) -> Needed:
    """Which files a decision about a service reads: not other services', tests or evaluations."""

    def needed(file: str) -> bool:
        parts = file.split("/")
        per_service = parts[0] == "overlays" or parts[:2] == ["base", "services"]
        deep = len(parts) > 3  # noqa: PLR2004 - place/group/name/file
        other = deep and per_service and parts[2] not in {service, ENVIRONMENT, PROFILE}
        evals = deep and parts[0] == "models" and parts[2] == "evals"
        return not (other or evals or parts[0] == "tests")

    return needed


def write(repository: Repository, needed: Needed, compute: Compute[T]) -> Written[T]:
    """Commit what `compute` wants on the remote's tip.

    Args:
        repository: a clean checkout of the fork.
        needed: which files of the tip the computation reads.
        compute: called with a checkout of the tip and the tip's commit, once for each attempt.

    Raises:
        FindingsError: as `compute` raises; nothing was changed.
        CouldNotCheckError: git or the remote cannot be used; nothing was changed.
    """
    repository.require_clean()
    refusals = 0
    for attempt in range(ATTEMPTS):
        if attempt:
            wait = min(_BACKOFF_LIMIT_SECONDS, _BACKOFF_SECONDS * 2**attempt)
            time.sleep(random.uniform(0, wait))  # noqa: S311 - jitter
        tip = repository.fetch()
        written = _commit(repository, needed, tip, compute)
        try:
            landed = publish(repository, written, tip)
        except CouldNotCheckError:
            refusals += 1
            if refusals == REFUSALS:
                raise
            continue
        if landed:
            repository.fast_forward()
            return landed
    raise cannot_check(
        repository.path,
        "push",
        "lost every race",
        wanted="a push that lands",
        found=f"{ATTEMPTS} lost",
        next_step="run it again",
    )


def _commit(repository: Repository, needed: Needed, tip: str, compute: Compute[T]) -> Written[T]:
    """The draft committed on top of `tip` in a throw-away checkout, not pushed yet."""
    try:
        with repository.worktree(tip, needed) as tree:
            draft = compute(tree, tip)
            if draft.landed:
                return Written(draft.outcome, draft.landed, BRANCH, earlier=True)
            commit = None
            if draft.files:
                new = [file for file in draft.files if not (tree / file).exists()]
                for file, content in draft.files.items():
                    _put(tree / file, content)
                commit = repository.commit(tree, draft.message, *draft.files, new=new)
            return Written(draft.outcome, commit, draft.branch if commit else BRANCH)
    except GitError as error:
        raise repository.fault(
            "cannot commit", error, "nothing was promoted; run it again once git can commit here"
        ) from None
    except OSError as error:
        raise cannot_check(
            repository.path,
            "checkout",
            "cannot write",
            wanted="a disk with room that may be written to",
            found=f"{error.strerror or error}",
            next_step="nothing was promoted; make room or correct the rights, and run it again",
        ) from None


def _put(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink()
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def publish(repository: Repository, written: Written[T], tip: str) -> Written[T] | None:
    """Push; None where another writer was faster.

    Hosts word a lost race differently, so the tip decides, not the message; a push whose
    acknowledgement was lost has landed, and a branch that makes this very change is as good.
    """
    if written.commit is None or written.earlier:
        return written
    try:
        repository.push(written.commit, written.branch)
    except GitError as error:
        moved = repository.fetch() != tip
        branch = tracking(written.branch)
        if repository.contains(branch, written.commit):
            return written
        if moved:
            return None
        same = repository.same_change(branch, written.commit)
        if same:
            return Written(written.outcome, same, written.branch)
        raise repository.fault(
            "the remote refused the push",
            error,
            "nothing was promoted; check your access and its hooks",
        ) from None
    return written
