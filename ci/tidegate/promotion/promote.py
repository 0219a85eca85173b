"""Promotion and rollback: one commit that changes one file, or nothing."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from tidegate.catalog.load import Catalog, load_valid
from tidegate.evidence.proof import Search, prove
from tidegate.findings import refuse
from tidegate.manifests.release import ENGINE, MODEL, Release, with_release
from tidegate.manifests.render import build
from tidegate.manifests.units import Unit, read_unit
from tidegate.oci import Layout, short
from tidegate.promotion import rules
from tidegate.promotion.git import BRANCH, REMOTE, GitError, Repository, tracking
from tidegate.promotion.history import Record, find_release, of_unit, trailer_lines
from tidegate.promotion.index import known_records
from tidegate.promotion.journal import Asked, landed
from tidegate.promotion.reference import reference_lines
from tidegate.promotion.version import next_version
from tidegate.promotion.write import Draft, Written, needed_for, publish, write


@dataclass(frozen=True, slots=True)
class Change:
    """What a promotion wants to write: a release and why it may."""

    release: Release
    evidence: str
    gates: str
    more: dict[str, str] = field(default_factory=dict)
    """Further trailers of the record."""
    reference: Record | None = None
    """The promotion that brought the release to the environment before."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """What happened: the commit and the branch that has it; no commit where nothing was to do."""

    environment: str
    service: str
    release: Release
    commit: str | None
    branch: str
    earlier: bool = False
    """An earlier run of the same request did it."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a decision looks at: the tip's catalog and unit, and the service's records."""

    catalog: Catalog
    unit: Unit
    found: list[Record]

    @property
    def own(self) -> list[Record]:
        """The unit's records, newest first."""
        unit = self.unit
        return of_unit(self.found, unit.environment.metadata.name, unit.service.metadata.name)


Decide = Callable[[Scene], Change]


@dataclass(frozen=True, slots=True)
class Request:
    """A promotion asked for; `release` is None for "what the environment before runs".

    A string is a release on the service's record, as `find_release` knows it.
    """

    service: str
    environment: str
    release: Release | str | None = None
    evidence: str | None = None
    reason: str = "not given"
    pull_request: bool = False
    despite_rollback: bool = False
    """Lift the mark that a rollback put on the release."""
    asked: Asked = field(default_factory=Asked)


def promote(
    repository: Repository, layout: Layout, request: Request, *, now: datetime | None = None
) -> Promotion:
    """Put a release that its evidence proves on an environment.

    Args:
        repository: a clean checkout of the fork.
        layout: the store that holds the release's artifacts and evidence.
        request: what to promote, where, and whether on a branch for review.
        now: the moment that ages, soak times and freezes are measured at.

    Raises:
        FindingsError: it may not be promoted; nothing was changed.
        CouldNotCheckError: git, the store or the catalog cannot be used; nothing was changed.
    """

    def decide(scene: Scene) -> Change:
        named = _named(request, scene.found)
        release = rules.release_for(scene.catalog, scene.unit, named)
        if release == scene.unit.release:
            return Change(release, "", "")
        return _proven(scene, layout, request, release, now or datetime.now(UTC))

    return _write(repository, request, "promote", decide)


def _named(request: Request, found: list[Record]) -> Release | None:
    """The release that a request names, if it names one."""
    if isinstance(request.release, str):
        return find_release(found, request.release)
    return request.release


def _proven(
    scene: Scene, layout: Layout, request: Request, release: Release, now: datetime
) -> Change:
    """The change, if every rule allows it; all that do not are told at once."""
    unit, own, policy = scene.unit, scene.own, rules.policy_of(scene.catalog, scene.unit)
    rules.require_all(
        lambda: rules.require_no_hold(unit),
        lambda: rules.require_no_freeze(unit, policy, now),
        lambda: rules.require_not_bad(unit, own, release, lift=request.despite_rollback),
        lambda: rules.require_artifact(layout, unit, release),
        lambda: rules.require_pinned_source(unit),
        lambda: rules.require_record(unit, scene.found, release, request.evidence),
        lambda: rules.require_soak(unit, policy, scene.found, release, now),
    )
    signers = scene.catalog.signers
    roles = signers.spec.roles if signers else {}
    tasks = scene.catalog.tasks()
    search = Search(layout, release, policy, roles, now, unit.model.name, tasks)
    proof = prove(search, request.evidence)
    built = proof.built()
    if not request.despite_rollback:
        rules.require_newer(unit, own, release, built)
    before = unit.environment.spec.promotes_from
    earlier = of_unit(scene.found, before, request.service) if before else []
    version = next_version(scene.found, release)
    return Change(
        release,
        proof.evidence.digest,
        proof.evidence.verdict.summary(),
        {"Proof": proof.trailer(), "Built": built.isoformat(), "Version": version},
        earlier[0] if earlier else None,
    )


def rollback(
    repository: Repository,
    service: str,
    environment: str,
    reason: str,
    *,
    undo: bool = False,
    asked: Asked | None = None,
) -> Promotion:
    """Put back the last good release and mark the present one bad; needs git and nothing else.

    Args:
        repository: a clean checkout of the fork.
        service: the service to roll back.
        environment: where.
        reason: why, for the commit.
        undo: put back what the last rollback took away, and lift its mark.
        asked: the request, if it may have been run before; it goes back once.

    Raises:
        FindingsError: there is no earlier good release on record, no rollback to undo, or a run
            that was killed did it and something else came after.
    """

    def decide(scene: Scene) -> Change:
        unit, own = scene.unit, scene.own
        record = rules.last_undone(unit, own) if undo else rules.last_good(unit, own)
        more = {"Proof": record.proof, "Built": record.built, "Version": record.version}
        if unit.release and not undo:
            more["Bad"] = unit.release.to_line()
        return Change(record.release, record.evidence, record.gates, more)

    request = Request(service, environment, reason=reason, asked=asked or Asked())
    return _write(repository, request, "undo" if undo else "rollback", decide)


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
    written = Written(merged, promotion.commit, BRANCH)
    if not repository.contains(tip, promotion.commit) and (
        not repository.contains(promotion.commit, tip) or publish(repository, written, tip) is None
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


def _write(repository: Repository, request: Request, action: str, decide: Decide) -> Promotion:
    def compute(tree: Path, tip: str) -> Draft[Release]:
        catalog = load_valid(tree)
        if request.service not in catalog.services:
            raise rules.unknown_service(repository, tip, request.environment, request.service)
        unit = read_unit(catalog, request.environment, request.service)
        found = known_records(repository, tracking(BRANCH), service=request.service)
        scene = Scene(catalog, unit, found)
        named = _named(request, found)
        if earlier := landed(request.asked, action, unit, scene.own, named):
            return Draft(earlier.release, landed=earlier.commit)
        change = decide(scene)
        release = change.release
        if release == unit.release:
            return Draft(release)
        files = {unit.file: _edited(tree, unit, release)}
        message = _message(repository, request, action, change)
        return Draft(release, message, files, _branch(request, release, tip))

    done = write(repository, needed_for(request.service), compute)
    unit = (request.environment, request.service)
    return Promotion(*unit, done.outcome, done.commit, done.branch, done.earlier)


def _branch(request: Request, release: Release, tip: str) -> str:
    """Main, or a branch whose name holds the tip: made again on a newer main, it needs no force."""
    if not request.pull_request:
        return BRANCH
    parts = (release.engine.digest, release.model.digest, tip)
    return f"promote/{request.environment}/{request.service}/{'-'.join(map(short, parts))}"


def _edited(tree: Path, unit: Unit, release: Release) -> bytes:
    """The unit's file with the release; the rendered difference is the two references."""
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
    return path.read_bytes()


def _message(repository: Repository, request: Request, action: str, change: Change) -> str:
    subject = f"{action}({request.environment}): {request.service} {change.release}"
    trailers = {
        "Environment": request.environment,
        "Service": request.service,
        "Release": change.release.to_line(),
        "Evidence": change.evidence,
        "Gates": change.gates,
        "Action": action,
        "Reason": " ".join(request.reason.split()),
        "Request": request.asked.id,
    }
    block = [trailer_lines(trailers | change.more)]
    if change.reference:
        block += reference_lines(repository, change.reference.commit)
    return "\n\n".join([subject, request.reason, "\n".join(block)])
