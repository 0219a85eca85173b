"""What must hold between rendered objects, and between units, models and clusters."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tidegate.catalog.checks import check_catalog, offers
from tidegate.catalog.load import Catalog, load
from tidegate.catalog.objects import LAB_REGISTRY, EngineArtifact
from tidegate.catalog.schema import check_schemas
from tidegate.findings import Finding
from tidegate.manifests.golden import check_golden
from tidegate.manifests.release import ENGINE, MODEL
from tidegate.manifests.render import Rendered, render_all
from tidegate.manifests.units import Unit, find_units
from tidegate.supply.checks import check_supply

_SENTINEL = re.compile(r"REPLACE_ME-\S+")

Object = dict[str, Any]


def check_repository(root: Path) -> list[Finding]:
    """Everything that is wrong in the repository at `root`, sorted by file."""
    catalog, findings = load(root)
    units, unit_findings = find_units(catalog)
    rendered, render_findings = render_all(units)
    findings += check_catalog(catalog) + unit_findings + render_findings
    findings += [fault for one in rendered for fault in check_rendered(one)]
    findings += [*_check_clusters(catalog, units), *_check_owners(rendered)]
    findings += check_schemas(root) + check_supply(root)
    if not render_findings and not unit_findings:
        findings += check_golden(root, rendered)
    return sorted(set(findings))


def check_rendered(rendered: Rendered) -> list[Finding]:
    """Findings of one unit's objects: sentinels, namespace, references, drain time."""
    file = rendered.unit.file
    return [
        *_check_sentinels(rendered, file),
        *_check_namespace(rendered, file),
        *_check_registry(rendered.unit, file),
        *_check_selectors(rendered.objects, file),
        *(
            fault
            for one in rendered.objects
            if one["kind"] == "Deployment"
            for fault in _check_drain(one, rendered.unit, file)
        ),
    ]


def title(one: Object) -> str:
    """`Kind/name`, as findings call an object."""
    return f"{one['kind']}/{one['metadata']['name']}"


def _check_sentinels(rendered: Rendered, file: str) -> Iterator[Finding]:
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
        "restore the base's names in base/engine",
    )


def _check_namespace(rendered: Rendered, file: str) -> Iterator[Finding]:
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
    """Every Service and PodDisruptionBudget selects the pods of a Deployment."""
    objects = tuple(objects)
    pods = [
        one["spec"]["template"]["metadata"]["labels"].items()
        for one in objects
        if one["kind"] == "Deployment"
    ]
    for one in objects:
        selector = _selector(one)
        chosen = selector and any(selector.items() <= labels for labels in pods)
        if selector is not None and not chosen:
            yield Finding(
                file,
                title(one),
                "selects no pod",
                "labels of a Deployment's pods",
                ", ".join(f"{k}={v}" for k, v in selector.items()) or "nothing",
                "correct the selector",
            )


def _selector(one: Object) -> dict[str, str] | None:
    match one["kind"]:
        case "Service":
            return dict(one["spec"].get("selector", {}))
        case "PodDisruptionBudget":
            return dict(one["spec"].get("selector", {}).get("matchLabels", {}))
        case _:
            return None


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


def _check_owners(rendered: list[Rendered]) -> Iterator[Finding]:
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
