"""Promotion and rollback: one commit that changes one file, or nothing.

The change is computed in a throw-away checkout of the remote's tip. When another writer is faster
it is computed again from the new tip, never merged as text and never forced.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tidegate.catalog.load import Catalog, load_valid
from tidegate.catalog.objects import LAB_ENGINE_TYPE, EngineArtifact
from tidegate.evidence.statement import verify
from tidegate.findings import cannot_check, refuse
from tidegate.manifests.release import ENGINE, MODEL, Release, with_release
from tidegate.manifests.render import build
from tidegate.manifests.units import Unit, read_unit
from tidegate.oci import Layout, short
from tidegate.promotion.git import BRANCH, REMOTE, GitError, Repository
from tidegate.promotion.history import of_unit, records, trailer_lines

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


Decide = Callable[[Path, Catalog, Unit], Change]


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

    def decide(tree: Path, catalog: Catalog, unit: Unit) -> Change:
        del tree
        release = _release_for(catalog, unit, request)
        _require_artifact(layout, unit, release)
        _require_pinned_source(unit)
        evidence = verify(layout, _evidence_for(repository, unit, release, request), release)
        return Change(
            release, evidence.digest, evidence.verdict.summary(), "promote", request.reason
        )

    return _write(repository, request, decide)


def rollback(repository: Repository, service: str, environment: str, reason: str) -> Promotion:
    """Put back the release that ran before the present one; needs git and nothing else.

    Raises:
        FindingsError: there is no earlier release on record.
    """

    def decide(tree: Path, catalog: Catalog, unit: Unit) -> Change:
        del tree, catalog
        own = of_unit(records(repository, f"{REMOTE}/{BRANCH}"), environment, service)
        for record in own:
            if record.release != unit.release:
                return Change(record.release, record.evidence, record.gates, "rollback", reason)
        raise refuse(
            unit.file,
            "release",
            "nothing to go back to",
            wanted="an earlier promotion on record",
            found=f"{len(own)} promotion of the present release" if own else "none",
            next_step="promote a release that passes",
        )

    return _write(repository, Request(service, environment, reason=reason), decide)


def merge(repository: Repository, promotion: Promotion) -> Promotion:
    """Merge a promotion's branch by fast-forward and delete it, as a forge would.

    Raises:
        FindingsError: main has moved since; the promotion has to be made again.
    """
    if promotion.commit is None:
        return promotion
    repository.fetch()
    try:
        repository.push(promotion.commit, BRANCH)
        repository.run("push", "--quiet", REMOTE, "--delete", promotion.branch)
    except GitError as error:
        raise refuse(
            promotion.branch,
            "branch",
            "cannot be merged",
            wanted=f"a fast-forward of {BRANCH}",
            found=str(error),
            next_step="promote again; the branch is computed from the new tip",
        ) from None
    repository.fetch()
    repository.fast_forward()
    return Promotion(
        promotion.environment, promotion.service, promotion.release, promotion.commit, BRANCH
    )


def _release_for(catalog: Catalog, unit: Unit, request: Request) -> Release:
    """The release to promote, which the environment before must be running already."""
    before = unit.environment.spec.promotes_from
    if before is None:
        if request.release is None:
            raise refuse(
                unit.file,
                "release",
                "no release named",
                wanted="--engine and --model",
                found="nothing",
                next_step="name what the gates have proven",
            )
        return request.release
    running = read_unit(catalog, before, request.service).release
    if running is None or (request.release or running) != running:
        raise refuse(
            unit.file,
            "release",
            f"not what {before} runs",
            wanted=str(request.release or f"a release on {before}"),
            found=str(running or "never promoted"),
            next_step=f"promote it to {before} first",
        )
    return running


def _evidence_for(repository: Repository, unit: Unit, release: Release, request: Request) -> str:
    """The evidence named, or the one that the environment before was promoted on."""
    before = unit.environment.spec.promotes_from
    if request.evidence:
        return request.evidence
    found = records(repository, f"{REMOTE}/{BRANCH}") if before else []
    for record in of_unit(found, before or "", request.service):
        if record.release == release:
            return record.evidence
    raise refuse(
        unit.file,
        "evidence",
        "none for the release",
        wanted="a gate verdict",
        found="none on record",
        next_step="run the gates and name it with --evidence",
    )


def _require_artifact(layout: Layout, unit: Unit, release: Release) -> None:
    """The lab's engine runs in the lab and nowhere else, and the lab runs nothing else."""
    found = layout.manifest(release.engine.digest).get("artifactType")
    kind = EngineArtifact.LAB if found == LAB_ENGINE_TYPE else EngineArtifact.IMAGE
    wanted = unit.environment.spec.engine_artifact
    if kind is not wanted:
        raise refuse(
            unit.file,
            str(release.engine),
            "engine of the wrong kind",
            wanted=wanted,
            found=f"{kind} ({found})",
            next_step="promote a release built for this fork",
        )


def _require_pinned_source(unit: Unit) -> None:
    source = unit.model.spec.source
    if not source.pinned and source.hugging_face:
        raise refuse(
            unit.model.file,
            "spec.source.huggingFace.revision",
            "not pinned",
            wanted="the 40 hex digits of a commit",
            found=source.hugging_face.revision,
            next_step="pin the revision that the artifact was packed from",
        )


def _write(repository: Repository, request: Request, decide: Decide) -> Promotion:
    repository.require_clean()
    for attempt in range(ATTEMPTS):
        tip = repository.fetch()
        try:
            promotion = _commit(repository, tip, request, decide)
        except GitError as error:
            raise repository.fault(
                "cannot commit",
                error,
                "nothing was promoted; run it again once git can commit here",
            ) from None
        if promotion.commit is None or _publish(repository, promotion, tip):
            repository.fast_forward()
            return promotion
        time.sleep(random.uniform(0, _BACKOFF_SECONDS * 2**attempt))  # noqa: S311 - jitter
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
        change = decide(tree, catalog, unit)
        commit = None
        if change.release != unit.release:
            _edit(tree, unit, change.release)
            commit = repository.commit(tree, _message(unit, change))
    branch = BRANCH
    if request.pull_request:
        release = short(change.release.engine.digest), short(change.release.model.digest)
        branch = "/".join(["promote", request.environment, request.service, "-".join(release)])
    return Promotion(request.environment, request.service, change.release, commit, branch)


def _edit(tree: Path, unit: Unit, release: Release) -> None:
    """Write the release into the unit's file; the rendered difference is the two references."""
    path = tree / unit.file
    before = build(tree / unit.folder, name=unit.folder)
    path.write_text(with_release(path.read_text(encoding="utf-8"), release), encoding="utf-8")
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


def _publish(repository: Repository, promotion: Promotion, tip: str) -> bool:
    """Push; False where another writer was faster.

    Hosts word a lost race differently, so the tip decides, not the message; and a push whose
    acknowledgement was lost has landed.
    """
    if promotion.commit is None:
        return True
    try:
        repository.push(promotion.commit, promotion.branch)
    except GitError as error:
        moved = repository.fetch() != tip
        if repository.contains(promotion.branch, promotion.commit):
            return True
        if moved:
            return False
        raise repository.fault(
            "the remote refused the push",
            error,
            "nothing was promoted; check your access and its hooks",
        ) from None
    repository.fetch()
    return True
