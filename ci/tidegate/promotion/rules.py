"""What a promotion must obey: which release may go where, and on which evidence."""

from tidegate.catalog.load import Catalog
from tidegate.catalog.objects import LAB_ENGINE_TYPE, EngineArtifact
from tidegate.evidence.statement import Evidence
from tidegate.findings import refuse
from tidegate.manifests.release import Release
from tidegate.manifests.units import Unit, read_unit
from tidegate.oci import Layout
from tidegate.promotion.git import BRANCH, Repository, tracking
from tidegate.promotion.history import Record, of_unit, records


def release_for(catalog: Catalog, unit: Unit, named: Release | None) -> Release:
    """The release to promote, which the environment before must be running already."""
    before = unit.environment.spec.promotes_from
    if before is None:
        if named is None:
            raise refuse(
                unit.file,
                "release",
                "no release named",
                wanted="--engine and --model-artifact",
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


def evidence_for(repository: Repository, unit: Unit, release: Release, named: str | None) -> str:
    """The evidence named, or the one that the environment before was promoted on."""
    before = unit.environment.spec.promotes_from
    if named:
        return named
    found = records(repository, tracking(BRANCH)) if before else []
    for record in of_unit(found, before or "", unit.service.metadata.name):
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


def require_artifact(layout: Layout, unit: Unit, release: Release) -> None:
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


def require_model(unit: Unit, evidence: Evidence) -> None:
    """The verdict is about the model that the unit names, whose settings it will run with."""
    if evidence.verdict.model != unit.model.name:
        raise refuse(
            unit.file,
            "evidence",
            "about another model",
            wanted=unit.model.name,
            found=evidence.verdict.model,
            next_step="name the release's model under components first",
        )


def release_before(repository: Repository, unit: Unit) -> Record:
    """The newest record of the unit with another release than the present one."""
    environment, service = unit.environment.metadata.name, unit.service.metadata.name
    own = of_unit(records(repository, tracking(BRANCH)), environment, service)
    for record in own:
        if record.release != unit.release:
            return record
    raise refuse(
        unit.file,
        "release",
        "nothing to go back to",
        wanted="an earlier promotion on record",
        found=f"{len(own)} promotion of the present release" if own else "none",
        next_step="promote a release that passes",
    )
