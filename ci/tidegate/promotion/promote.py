"""Promotion and rollback: one commit that changes one file, or nothing.

The change is computed in a throw-away checkout of the remote's tip. When another writer is faster
it is computed again from the new tip, never merged as text and never forced.
"""

import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from tidegate.catalog.load import Catalog, load_valid
from tidegate.evidence.statement import verify
from tidegate.findings import cannot_check, refuse
from tidegate.manifests.release import ENGINE, MODEL, Release, with_release
from tidegate.manifests.render import build
from tidegate.manifests.units import Unit, read_unit
from tidegate.oci import Layout, short
from tidegate.promotion import rules
from tidegate.promotion.git import BRANCH, REMOTE, GitError, Repository, tracking
from tidegate.promotion.history import trailer_lines

ATTEMPTS = 8
_BACKOFF_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Change:
    """What a promotion wants to write: a release and why it may."""

    release: Release
    evidence: str
    gates: str
    action: str
    reason: str


@dataclass(frozen=True, slots=True)
class Promotion:
    """What happened: the commit and the branch that has it; no commit where nothing was to do."""

    environment: str
    service: str
    release: Release
    commit: str | None
    branch: str


Decide = Callable[[Catalog, Unit], Change]


@dataclass(frozen=True, slots=True)
class Request:
    """A promotion asked for; `release` is None for "what the environment before runs"."""

    service: str
    environment: str
    release: Release | None = None
    evidence: str | None = None
    reason: str = "not given"
    pull_request: bool = False


def promote(repository: Repository, layout: Layout, request: Request) -> Promotion:
    """Put a release that its evidence proves on an environment.

    Args:
        repository: a clean checkout of the fork.
        layout: the store that holds the release's artifacts and evidence.
        request: what to promote, where, and whether on a branch for review.

    Raises:
        FindingsError: it may not be promoted; nothing was changed.
        CouldNotCheckError: git, the store or the catalog cannot be used; nothing was changed.
    """

    def decide(catalog: Catalog, unit: Unit) -> Change:
        release = rules.release_for(catalog, unit, request.release)
        rules.require_artifact(layout, unit, release)
        rules.require_pinned_source(unit)
        named = rules.evidence_for(repository, unit, release, request.evidence)
        evidence = verify(layout, named, release)
        rules.require_model(unit, evidence)
        return Change(
            release, evidence.digest, evidence.verdict.summary(), "promote", request.reason
        )

    return _write(repository, request, decide)


def rollback(repository: Repository, service: str, environment: str, reason: str) -> Promotion:
    """Put back the release that ran before the present one; needs git and nothing else.

    Raises:
        FindingsError: there is no earlier release on record.
    """

    def decide(catalog: Catalog, unit: Unit) -> Change:
        del catalog
        record = rules.release_before(repository, unit)
        return Change(record.release, record.evidence, record.gates, "rollback", reason)

    return _write(repository, Request(service, environment, reason=reason), decide)


def merge(repository: Repository, promotion: Promotion) -> Promotion:
    """Merge a promotion's branch by fast-forward and delete it, as a forge would.

    Raises:
        FindingsError: main has moved since; the promotion has to be made again.
        CouldNotCheckError: the remote refuses or cannot be reached; main is as before.
    """
    if promotion.commit is None or promotion.branch == BRANCH:
        return promotion
    tip = repository.fetch()
    merged = replace(promotion, branch=BRANCH)
    if not repository.contains(tip, promotion.commit) and (
        not repository.contains(promotion.commit, tip) or _publish(repository, merged, tip) is None
    ):
        raise refuse(
            promotion.branch,
            "branch",
            "cannot be merged",
            wanted=f"a fast-forward of {BRANCH}",
            found=f"{BRANCH} has moved",
            next_step="promote again; the branch is computed from the new tip",
        )
    with suppress(GitError):  # merged all the same; a forge may have deleted it already
        repository.run("push", "--quiet", REMOTE, "--delete", promotion.branch)
    repository.fetch()
    repository.fast_forward()
    return merged


def _write(repository: Repository, request: Request, decide: Decide) -> Promotion:
    repository.require_clean()
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(random.uniform(0, _BACKOFF_SECONDS * 2**attempt))  # noqa: S311 - jitter
        tip = repository.fetch()
        try:
            promotion = _commit(repository, tip, request, decide)
        except GitError as error:
            raise repository.fault(
                "cannot commit",
                error,
                "nothing was promoted; run it again once git can commit here",
            ) from None
        published = _publish(repository, promotion, tip)
        if published:
            repository.fast_forward()
            return published
    raise cannot_check(
        repository.path,
        "push",
        "lost every race",
        wanted="a push that lands",
        found=f"{ATTEMPTS} lost",
        next_step="run it again",
    )


def _commit(repository: Repository, tip: str, request: Request, decide: Decide) -> Promotion:
    """The promotion committed on top of `tip` in a throw-away checkout, not pushed yet."""
    with repository.worktree(tip) as tree:
        catalog = load_valid(tree)
        unit = read_unit(catalog, request.environment, request.service)
        change = decide(catalog, unit)
        commit = None
        if change.release != unit.release:
            _edit(tree, unit, change.release)
            commit = repository.commit(tree, _message(unit, change), unit.file)
    branch = BRANCH
    if request.pull_request and commit:
        # The tip is part of the name: made again on a newer main, it needs no force.
        parts = (change.release.engine.digest, change.release.model.digest, tip)
        name = "-".join(map(short, parts))
        branch = f"promote/{request.environment}/{request.service}/{name}"
    return Promotion(request.environment, request.service, change.release, commit, branch)


def _edit(tree: Path, unit: Unit, release: Release) -> None:
    """Write the release into the unit's file; the rendered difference is the two references."""
    path = tree / unit.file
    before = build(tree / unit.folder, name=unit.folder)
    newline = "\r\n" if b"\r\n" in path.read_bytes() else "\n"
    text = with_release(path.read_text(encoding="utf-8"), release)
    path.write_text(text, encoding="utf-8", newline=newline)
    old = unit.release
    expected = before.replace(str(old.engine) if old else ENGINE, str(release.engine))
    expected = expected.replace(str(old.model) if old else MODEL, str(release.model))
    if build(tree / unit.folder, name=unit.folder) != expected:
        raise refuse(
            unit.file,
            "images",
            "would change more than the release",
            wanted="two references to differ in the rendered objects",
            found="another difference",
            next_step="render both and compare",
        )


def _message(unit: Unit, change: Change) -> str:
    environment, service = unit.environment.metadata.name, unit.service.metadata.name
    subject = f"{change.action}({environment}): {service} {change.release}"
    return "\n\n".join(
        [
            subject,
            change.reason,
            trailer_lines(
                {
                    "Environment": environment,
                    "Service": service,
                    "Release": change.release.to_line(),
                    "Evidence": change.evidence,
                    "Gates": change.gates,
                    "Action": change.action,
                    "Reason": " ".join(change.reason.split()),
                }
            ),
        ]
    )


def _publish(repository: Repository, promotion: Promotion, tip: str) -> Promotion | None:
    """Push; None where another writer was faster.

    Hosts word a lost race differently, so the tip decides, not the message; a push whose
    acknowledgement was lost has landed, and a branch that makes this very change is as good.
    """
    if promotion.commit is None:
        return promotion
    try:
        repository.push(promotion.commit, promotion.branch)
    except GitError as error:
        moved = repository.fetch() != tip
        branch = tracking(promotion.branch)
        if repository.contains(branch, promotion.commit):
            return promotion
        if moved:
            return None
        same = repository.same_change(branch, promotion.commit)
        if same:
            return replace(promotion, commit=same)
        raise repository.fault(
            "the remote refused the push",
            error,
            "nothing was promoted; check your access and its hooks",
        ) from None
    return promotion
