"""What must hold between rendered objects, and between units, models and clusters."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tidegate.catalog.checks import check_catalog, offers
from tidegate.catalog.gates import measurable
from tidegate.catalog.load import NAMESPACE, Catalog, load
from tidegate.catalog.objects import LAB_REGISTRY, EngineArtifact
from tidegate.catalog.policy import EvidenceKind, Policy
from tidegate.catalog.schema import check_schemas
from tidegate.findings import Finding
from tidegate.manifests.alerts import check_alerts
from tidegate.manifests.clusters import Generated, check_cluster, generate, unit_folders
from tidegate.manifests.coldstart import check_cold_start
from tidegate.manifests.examples import check_example
from tidegate.manifests.golden import check_golden
from tidegate.manifests.graph import Links, find_links
from tidegate.manifests.guards import check_guards
from tidegate.manifests.monitoring import check_monitoring
from tidegate.manifests.namespaces import check_namespaces
from tidegate.manifests.network import check_network
from tidegate.manifests.objects import dig, of, title
from tidegate.manifests.pods import check_drain, check_selectors, pods
from tidegate.manifests.reference import check_reference
from tidegate.manifests.release import ENGINE, MODEL
from tidegate.manifests.render import Rendered, render_all
from tidegate.manifests.rollouts import check_rollouts
from tidegate.manifests.routes import check_routes
from tidegate.manifests.scaling import check_scaling
from tidegate.manifests.units import Folder, Source, Unit, find_folders, find_units
from tidegate.manifests.usage import check_usage
from tidegate.manifests.workloads import check_workloads
from tidegate.supply.checks import check_supply

ENVIRONMENT = "tidegate.dev/environment"
# The release's two, and the values that components take from the unit.
_SENTINEL = re.compile(r"REPLACE_ME[-_][\w.-]+")


@dataclass(frozen=True, slots=True)
class Manifests:
    """A repository's catalog and all that it renders, with what is wrong with either."""

    catalog: Catalog
    sources: tuple[Unit, ...]
    """Every unit that could be read; `units` are those of them that render."""
    units: tuple[Rendered[Unit], ...]
    beside: tuple[Rendered[Folder], ...]
    findings: tuple[Finding, ...]
    unread: tuple[Finding, ...]
    """Of units that cannot be read."""
    unrendered: tuple[Finding, ...]
    links: Links


def read_manifests(root: Path) -> Manifests:
    """Read and render the repository at `root`; raises CouldNotCheckError without kubectl."""
    catalog, findings = load(root)
    sources, unread = find_units(catalog)
    links = find_links(root)
    units, unrendered = render_all(sources, links)
    beside, more = render_all(find_folders(root, links), links)
    faults = tuple(findings), tuple(unread), (*unrendered, *more)
    return Manifests(catalog, tuple(sources), tuple(units), tuple(beside), *faults, links)


def check_manifests(found: Manifests) -> list[Finding]:
    """Everything that is wrong with what was read and rendered, sorted by file."""
    catalog, root = found.catalog, found.catalog.root
    findings = [*found.findings, *check_catalog(catalog), *found.unread, *found.unrendered]
    findings += [fault for one in found.units for fault in check_rendered(one)]
    clusters = catalog.clusters.values()
    findings += [fault for one in found.units for fault in check_monitoring(one, clusters)]
    findings += [
        *_check_clusters(catalog, found.sources),
        *_check_gates(found.sources, catalog.policies),
        *_check_owners(found.units),
    ]
    if not found.unrendered:
        findings += check_namespaces(catalog.environments.values(), found.beside, found.units)
    everything: dict[str, Rendered[Source]] = {one.unit.folder: one for one in _all(found)}
    generated = _generate(found)
    for one in found.beside:
        findings += _check_beside(one, generated, catalog, everything)
    findings += check_schemas(root) + check_supply(root)
    if not found.unrendered and not found.unread:
        findings += [
            *_check_generated(root, _all(found)),
            *check_usage(catalog, found.links, found.sources, found.beside, generated),
        ]
    return sorted(set(findings))


def _all(found: Manifests) -> list[Rendered[Source]]:
    return [*found.units, *found.beside]


def _generate(found: Manifests) -> dict[str, Generated]:
    """What each cluster's Argo CD makes of it, by the cluster's folder."""
    folders = unit_folders(found.catalog)
    clusters = [one for one in found.beside if one.unit.folder.startswith("clusters/")]
    return {one.unit.folder: generate(one, folders) for one in clusters}


def _check_beside(
    one: Rendered[Folder],
    generated: Mapping[str, Generated],
    catalog: Catalog,
    everything: Mapping[str, Rendered[Source]],
) -> list[Finding]:
    match PurePosixPath(one.unit.name).parts:
        case ("clusters", _):
            return check_cluster(one, generated[one.unit.folder], catalog, everything)
        case ("examples", name) if name != NAMESPACE:
            return check_example(one)
        case _:
            return []  # a namespace, checked with its units, or what the policies look at


def _check_generated(root: Path, rendered: Sequence[Rendered[Source]]) -> list[Finding]:
    return [*check_golden(root, rendered), *check_reference(root, rendered)]


def check_rendered(rendered: Rendered[Unit]) -> list[Finding]:
    """Findings of one unit's objects, each check on its own."""
    file = rendered.unit.file
    return [
        *_check_sentinels(rendered, file),
        *_check_namespace(rendered, file),
        *_check_environment(rendered, file),
        *_check_registry(rendered.unit, file),
        *check_selectors(rendered.objects, file),
        *check_cold_start(rendered),
        *check_scaling(rendered),
        *check_network(rendered.objects, file),
        *check_workloads(rendered.objects, file),
        *check_routes(rendered),
        *check_rollouts(rendered),
        *check_guards(rendered),
        *check_alerts(rendered),
        *(
            fault
            for one in of(rendered.objects, "Deployment")
            for pod in pods(one)
            for fault in check_drain(pod, _shutdown_timeout(rendered.unit), file)
        ),
    ]


def _shutdown_timeout(unit: Unit) -> int:
    """In seconds; a value of another type has its own finding."""
    drain = unit.model.engine.get("shutdown-timeout")
    return drain if isinstance(drain, int) else 0


def _check_sentinels(rendered: Rendered[Unit], file: str) -> Iterator[Finding]:
    """Both ways: none survives a release, and both are there for a release to replace."""
    found = set(_SENTINEL.findall(rendered.text))
    wanted = set() if rendered.unit.release else {ENGINE, MODEL}
    if found == wanted:
        return
    yield Finding(
        file,
        "images",
        "sentinels do not match the release",
        ", ".join(sorted(wanted)) or "none left after the release",
        ", ".join(sorted(found)) or "none",
        "restore the base's names, and list what fills the other values, as ../environment does",
    )


def _check_namespace(rendered: Rendered[Unit], file: str) -> Iterator[Finding]:
    wanted = rendered.unit.environment.spec.namespace
    for one in rendered.objects:
        found = one["metadata"].get("namespace")
        if found != wanted:
            yield Finding(
                file,
                title(one),
                "in another namespace",
                wanted,
                str(found or "none"),
                "set `namespace:` as the environment says",
            )


def _check_environment(rendered: Rendered[Unit], file: str) -> Iterator[Finding]:
    """Whatever runs or is paid for is found by the environment that it belongs to."""
    wanted = rendered.unit.environment.metadata.name
    for one in rendered.objects:
        found = dig(one, "metadata", "labels", ENVIRONMENT)
        if found != wanted:
            yield Finding(
                file,
                title(one),
                "without the label of its environment",
                f"{ENVIRONMENT}: {wanted}",
                str(found or "none"),
                "set it under `labels` in the unit's kustomization.yaml",
            )


def _check_registry(unit: Unit, file: str) -> Iterator[Finding]:
    """A lab artifact runs in the lab and nowhere else, and the lab runs nothing else."""
    if unit.release is None:
        return
    lab = unit.environment.spec.engine_artifact is EngineArtifact.LAB
    wanted = f"{'a' if lab else 'no'} name under {LAB_REGISTRY}"
    for reference in (unit.release.engine, unit.release.model):
        if reference.name.startswith(f"{LAB_REGISTRY}/") != lab:
            yield Finding(
                file,
                "images",
                "artifact of the wrong kind for the environment",
                wanted,
                reference.name,
                "promote a release built for this environment",
            )


def _check_gates(units: Sequence[Unit], policies: Mapping[str, Policy]) -> Iterator[Finding]:
    """A gate that has nothing to measure on a unit's model holds each of its promotions."""
    for unit in units:
        environment, model = unit.environment.metadata.name, unit.model
        policy = policies.get(environment)
        verdict = policy and policy.spec.requirement(EvidenceKind.VERDICT)
        known = measurable(model.spec, model.evals)
        for gate in verdict.of_task(model.spec.task).gates if verdict else ():
            if gate not in known and model.evals:  # a model without any has its own finding
                yield Finding(
                    f"overlays/{environment}/policy.yaml",
                    f"verdict evidence of {unit.service.metadata.name}",
                    "gate that measures nothing",
                    f"what {model.name} has sets or objectives for: {', '.join(sorted(known))}",
                    gate,
                    "demand it of other tasks alone, or give the model such a set",
                )


def _check_clusters(catalog: Catalog, units: Sequence[Unit]) -> Iterator[Finding]:
    """A cluster runs every unit of its environment, so each unit's model fits on each of them."""
    for unit in units:
        environment = unit.environment.metadata.name
        clusters = [c for c in catalog.clusters.values() if c.spec.environment == environment]
        need = unit.model.spec.accelerator
        unfit = [c.metadata.name for c in clusters if not offers(c, unit.model.spec)]
        if need.kind != "cpu" and (unfit or not clusters):
            yield Finding(
                unit.file,
                unit.model.name,
                "a cluster of the environment cannot hold the model",
                f"{need.count} x {need.kind} with {need.memory_gib:g} GiB on one node of each",
                ", ".join(unfit) or "no cluster",
                "add nodes to a cluster file or choose another model",
            )


def _check_owners(rendered: Sequence[Rendered[Unit]]) -> Iterator[Finding]:
    """No object is rendered by two units: two Argo CD applications would fight over it."""
    owners: Counter[tuple[str, str, str]] = Counter()
    for one in rendered:
        for item in one.objects:
            key = (
                one.unit.environment.metadata.name,
                title(item),
                item["metadata"].get("namespace", ""),
            )
            owners[key] += 1
            if owners[key] > 1:
                yield Finding(
                    one.unit.file,
                    title(item),
                    "rendered by two units of one environment",
                    "one owner",
                    str(owners[key]),
                    "rename it in one of them",
                )
