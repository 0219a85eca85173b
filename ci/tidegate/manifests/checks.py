"""What must hold between rendered objects, and between units, models and clusters."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from tidegate.catalog.checks import check_catalog, offers
from tidegate.catalog.load import Catalog, load
from tidegate.catalog.objects import LAB_REGISTRY, EngineArtifact
from tidegate.catalog.schema import check_schemas
from tidegate.findings import Finding
from tidegate.manifests.coldstart import check_cold_start
from tidegate.manifests.golden import check_golden
from tidegate.manifests.namespaces import check_namespaces
from tidegate.manifests.network import check_network
from tidegate.manifests.objects import Object, labels, of, selects, templates, title
from tidegate.manifests.reference import check_reference
from tidegate.manifests.release import ENGINE, MODEL
from tidegate.manifests.render import Rendered, render_all
from tidegate.manifests.scaling import check_scaling
from tidegate.manifests.units import Source, Unit, find_folders, find_units
from tidegate.manifests.workloads import check_workloads

__all__ = ["Object", "check_rendered", "check_repository", "title"]

# The release's two, and the values that components take from the unit.
_SENTINEL = re.compile(r"REPLACE_ME[-_][\w.-]+")


def check_repository(root: Path) -> list[Finding]:
    """Everything that is wrong in the repository at `root`, sorted by file."""
    catalog, findings = load(root)
    units, unit_findings = find_units(catalog)
    rendered, render_findings = render_all(units)
    beside, more = render_all(find_folders(root))
    render_findings += more
    findings += check_catalog(catalog) + unit_findings + render_findings
    findings += [fault for one in rendered for fault in check_rendered(one)]
    if not more:
        findings += check_namespaces(catalog.environments.values(), beside, rendered)
    findings += [*_check_clusters(catalog, units), *_check_owners(rendered)]
    findings += check_schemas(root)
    if not render_findings and not unit_findings:
        findings += _check_generated(root, [*rendered, *beside])
    return sorted(set(findings))


def _check_generated(root: Path, rendered: Sequence[Rendered[Source]]) -> list[Finding]:
    return [*check_golden(root, rendered), *check_reference(root, rendered)]


def check_rendered(rendered: Rendered[Unit]) -> list[Finding]:
    """Findings of one unit's objects, each check on its own."""
    file = rendered.unit.file
    return [
        *_check_sentinels(rendered, file),
        *_check_namespace(rendered, file),
        *_check_registry(rendered.unit, file),
        *_check_selectors(rendered.objects, file),
        *check_cold_start(rendered),
        *check_scaling(rendered),
        *check_network(rendered.objects, file),
        *check_workloads(rendered.objects, file),
        *(
            fault
            for one in rendered.objects
            if one["kind"] == "Deployment"
            for fault in _check_drain(one, rendered.unit, file)
        ),
    ]


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


def _check_selectors(objects: Iterable[Object], file: str) -> Iterator[Finding]:
    """Every Service, PodDisruptionBudget and NetworkPolicy selects pods of the unit."""
    objects = tuple(objects)
    pods = [labels(template) for _, template in templates(objects)]
    for one in of(objects, *_SELECTOR):
        selector = _SELECTOR[one["kind"]](one["spec"])
        if not selector or not any(selects(selector, pod) for pod in pods):
            yield Finding(
                file,
                title(one),
                "selects no pod",
                "labels of the unit's pods",
                _shown(selector) or "nothing",
                "correct the selector",
            )


_SELECTOR: dict[str, Callable[[Object], Object]] = {
    "NetworkPolicy": lambda spec: spec.get("podSelector") or {},
    "PodDisruptionBudget": lambda spec: spec.get("selector") or {},
    "Service": lambda spec: {"matchLabels": spec.get("selector")} if spec.get("selector") else {},
}


def _shown(selector: Object) -> str:
    return ", ".join(f"{k}={v}" for k, v in (selector.get("matchLabels") or {}).items())


# Time the engine needs to tear down after the last request; see base/engine/deployment.yaml.
TEARDOWN_SECONDS = 15


def _check_drain(deployment: Object, unit: Unit, file: str) -> Iterator[Finding]:
    """Grace >= preStop + shutdown-timeout + teardown, so that no request is cut off."""
    pod = deployment["spec"]["template"]["spec"]
    grace = pod.get("terminationGracePeriodSeconds", 30)
    for container in pod["containers"]:
        hook = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {})
        drain = unit.model.engine.get("shutdown-timeout")
        drain = drain if isinstance(drain, int) else 0  # another type has its own finding
        needed = int(hook.get("seconds", 0)) + drain + TEARDOWN_SECONDS
        if not drain or grace < needed:
            yield Finding(
                file,
                f"{title(deployment)}/{container['name']}",
                "requests are cut off at shutdown",
                f"shutdown-timeout > 0 and terminationGracePeriodSeconds >= {needed}",
                f"shutdown-timeout {drain}, grace {grace}",
                "raise the grace period or lower shutdown-timeout in engine.yaml",
            )


def _check_clusters(catalog: Catalog, units: list[Unit]) -> Iterator[Finding]:
    """Each unit's model fits on a cluster of its environment."""
    for unit in units:
        environment = unit.environment.metadata.name
        clusters = [c for c in catalog.clusters.values() if c.spec.environment == environment]
        need = unit.model.spec.accelerator
        if need.kind != "cpu" and not any(offers(c, unit.model.spec) for c in clusters):
            yield Finding(
                unit.file,
                unit.model.name,
                "no cluster of the environment can hold the model",
                f"{need.count} x {need.kind} with {need.memory_gib:g} GiB on one node",
                ", ".join(c.metadata.name for c in clusters) or "no cluster",
                "add nodes to a cluster file or choose another model",
            )


def _check_owners(rendered: list[Rendered[Unit]]) -> Iterator[Finding]:
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
