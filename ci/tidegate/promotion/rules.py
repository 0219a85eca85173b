"""What a promotion must obey: which release may go where, when, and on which evidence."""

from collections.abc import Callable
from datetime import datetime, timedelta

from tidegate.catalog.load import Catalog
from tidegate.catalog.objects import LAB_ENGINE_TYPE, EngineArtifact
from tidegate.catalog.policy import Hold, Policy
from tidegate.catalog.reading import read_object
from tidegate.findings import Finding, FindingsError, cannot_check, refuse
from tidegate.manifests.release import Release
from tidegate.manifests.units import Unit, read_unit
from tidegate.oci import Layout
from tidegate.promotion.freeze import frozen_until
from tidegate.promotion.git import Repository
from tidegate.promotion.history import Record, marked_bad, of_unit, running_since


def require_all(*rules: Callable[[], object]) -> None:
    """Nothing where every rule holds.

    Raises:
        FindingsError: carries the findings of all rules that do not.
    """
    findings: list[Finding] = []
    for rule in rules:
        try:
            rule()
        except FindingsError as error:
            findings += error.findings
    if findings:
        raise FindingsError(findings)


def unknown_service(
    repository: Repository, tip: str, environment: str, service: str
) -> FindingsError:
    """What to raise for a service that the fork does not have; names those that it has."""
    folder = "base/services/"
    listed = repository.run("ls-tree", "-d", "--name-only", tip, folder).splitlines()
    known = ", ".join(name.removeprefix(folder) for name in listed)
    return refuse(
        f"overlays/{environment}/{service}/kustomization.yaml",
        "service",
        "unknown service",
        wanted=f"one of {known or 'none'}",
        found=service,
        next_step="add the service or correct the name",
    )


def policy_of(catalog: Catalog, unit: Unit) -> Policy:
    """The promotion policy of a unit's environment.

    Raises:
        CouldNotCheckError: there is none, so nothing could be enough.
    """
    name = unit.environment.metadata.name
    if name not in catalog.policies:
        raise cannot_check(
            f"overlays/{name}/policy.yaml",
            "policy",
            "missing file",
            wanted="a PromotionPolicy",
            found="no file",
            next_step="say what a promotion to it must show",
        )
    return catalog.policies[name]


def release_for(catalog: Catalog, unit: Unit, named: Release | None) -> Release:
    """The release to promote, which the environment before must be running already."""
    before = unit.environment.spec.promotes_from
    if before is None:
        if named is None:
            raise refuse(
                unit.file,
                "release",
                "no release named",
                wanted="--release, or --engine and --model-artifact",
                found="nothing",
                next_step="name what the gates have proven",
            )
        return named
    running = read_unit(catalog, before, unit.service.metadata.name).release
    if running is None or (named or running) != running:
        raise refuse(
            unit.file,
            "release",
            f"not what {before} runs",
            wanted=str(named or f"a release on {before}"),
            found=str(running or "never promoted"),
            next_step=f"promote it to {before} first",
        )
    return running


def require_record(unit: Unit, found: list[Record], release: Release, named: str | None) -> None:
    """The environment before runs the release by a promotion, or its evidence is named."""
    before = unit.environment.spec.promotes_from
    if before is None or named:
        return
    own = of_unit(found, before, unit.service.metadata.name)
    if not own or own[0].release != release:
        raise refuse(
            unit.file,
            "evidence",
            "none for the release",
            wanted="a promotion that put it there",
            found=f"none on record in {before}",
            next_step="run the gates and name their verdict with --evidence",
        )


def hold_file(unit: Unit) -> str:
    """Where a unit's hold stands, relative to the repository."""
    return f"{unit.folder}/hold.yaml"


def require_no_hold(unit: Unit) -> None:
    """Nobody holds the unit; rollbacks do not ask."""
    file = hold_file(unit)
    if not (unit.root / file).exists():
        return
    hold = read_object(unit.root / file, Hold, name=file)
    raise refuse(
        file,
        "hold",
        "unit is held",
        wanted="no hold",
        found=f"{hold.spec.reason} ({hold.spec.by}, {hold.spec.since})",
        next_step="end it with `tidegate release-hold`",
    )


def require_no_freeze(unit: Unit, policy: Policy, now: datetime) -> None:
    """No freeze of the environment holds now; rollbacks do not ask."""
    found = frozen_until(policy.spec.freezes, now)
    if found is None:
        return
    freeze, end = found
    name = unit.environment.metadata.name
    raise refuse(
        f"overlays/{name}/policy.yaml",
        f"freeze {freeze.name}",
        "environment is frozen",
        wanted="a time outside the window",
        found=now.isoformat(timespec="minutes"),
        next_step=f"promote it after {end.isoformat(timespec='minutes')}",
    )


def require_soak(
    unit: Unit, policy: Policy, found: list[Record], release: Release, now: datetime
) -> None:
    """The environment before has run the release for long enough, without a change."""
    before, hours = unit.environment.spec.promotes_from, policy.spec.soak_hours
    if before is None or not hours:
        return
    since = running_since(of_unit(found, before, unit.service.metadata.name), release)
    ran = (now - since) / timedelta(hours=1) if since else 0.0
    if ran < hours:
        raise refuse(
            unit.file,
            "soak",
            f"too new on {before}",
            wanted=f"{hours:g} hours there",
            found=f"{max(ran, 0):.1f}" if since else "no record of it",
            next_step="wait, and promote it then",
        )


def require_not_bad(unit: Unit, own: list[Record], release: Release, *, lift: bool) -> None:
    """No rollback took the release off this unit, or somebody lifts its mark."""
    mark = marked_bad(own, release)
    if mark and not lift:
        raise refuse(
            unit.file,
            "release",
            "was rolled back",
            wanted="another release",
            found=f"{release}, marked bad by {mark.commit[:8]}: {mark.reason}",
            next_step="promote a new release, or lift the mark with --despite-rollback",
        )


def require_newer(unit: Unit, own: list[Record], release: Release, built: datetime) -> None:
    """The release is not older than the one that runs: neither by its making nor by the record."""
    running = next((record for record in own if record.release == unit.release), None)
    if running is None:
        return
    before = own[own.index(running) + 1 :]
    ran_before = any(record.release == release for record in before)
    older = bool(running.built) and built < datetime.fromisoformat(running.built)
    if ran_before or older:
        raise refuse(
            unit.file,
            "release",
            "superseded by a newer one",
            wanted=f"newer than {running.release}",
            found=f"{release}, which ran before it" if ran_before else f"built {built.isoformat()}",
            next_step="build it again from today's sources, or use `tidegate rollback`",
        )


def require_artifact(layout: Layout, unit: Unit, release: Release) -> None:
    """The lab's engine runs in the lab and nowhere else, and the lab runs nothing else.

    Raises:
        CouldNotCheckError: the store does not have the release.
    """
    if not layout.has(release.engine.digest):
        raise cannot_check(
            layout.root,
            str(release),
            "not in the store",
            wanted="the release and its evidence",
            found="no such blob",
            next_step="fetch both with `tidegate evidence pull`, or name the right --store",
        )
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


def require_pinned_source(unit: Unit) -> None:
    """The weights can be fetched again: their revision is a commit, no branch and no tag."""
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


def last_good(unit: Unit, own: list[Record]) -> Record:
    """The newest record of another release than the present one that no rollback marked."""
    for record in own:
        if record.release != unit.release and not marked_bad(own, record.release):
            return record
    raise refuse(
        unit.file,
        "release",
        "nothing to go back to",
        wanted="an earlier promotion on record",
        found=_found(unit, own),
        next_step="promote a release that passes, or `rollback --undo` the last rollback",
    )


def _found(unit: Unit, own: list[Record]) -> str:
    if any(record.release != unit.release for record in own):
        return "only releases that were rolled back"
    return f"{len(own)} promotion of the present release" if own else "none"


def last_undone(unit: Unit, own: list[Record]) -> Record:
    """The record that put the release there which the last rollback took away."""
    newest = own[0] if own else None
    if newest and newest.bad and newest.release == unit.release:
        for record in own:
            if record.release == newest.bad:
                return record
    raise refuse(
        unit.file,
        "release",
        "no rollback to undo",
        wanted="a rollback as the last change",
        found=newest.action if newest else "none",
        next_step="promote the release instead",
    )
