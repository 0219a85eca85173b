"""What must hold of a unit's Rollout: everything it names is there, and one thing owns replicas."""

from collections.abc import Iterator

from tidegate.findings import Finding
from tidegate.manifests.objects import Object, of, title
from tidegate.manifests.render import Rendered
from tidegate.manifests.units import Unit


def check_rollouts(rendered: Rendered[Unit]) -> Iterator[Finding]:
    """Findings of a unit's Rollouts and of the scaler beside them."""
    objects, file = rendered.objects, rendered.unit.file
    known = {title(one) for one in objects}
    for rollout in of(objects, "Rollout"):
        for name in _names(rollout):
            if name not in known:
                yield Finding(
                    file,
                    title(rollout),
                    "refers to nothing",
                    "an object of the unit",
                    name,
                    "list the component that brings it, or correct the name",
                )
        yield from _check_subsets(rollout, objects, file)
        yield from _check_replicas(rollout, objects, file)


def _names(rollout: Object) -> Iterator[str]:
    """`Kind/name` of everything that a Rollout refers to."""
    spec = rollout["spec"]
    if reference := spec.get("workloadRef"):
        yield f"{reference['kind']}/{reference['name']}"
    canary = spec["strategy"].get("canary") or {}
    green = spec["strategy"].get("blueGreen") or {}
    istio = (canary.get("trafficRouting") or {}).get("istio") or {}
    for key, kind in (("virtualService", "VirtualService"), ("destinationRule", "DestinationRule")):
        if key in istio:
            yield f"{kind}/{istio[key]['name']}"
    for key in ("activeService", "previewService"):
        if key in green:
            yield f"Service/{green[key]}"
    analyses = [step["analysis"] for step in canary.get("steps") or [] if "analysis" in step]
    analyses += [
        canary.get("analysis"),
        *map(green.get, ("prePromotionAnalysis", "postPromotionAnalysis")),
    ]
    for analysis in filter(None, analyses):
        yield from (f"AnalysisTemplate/{one['templateName']}" for one in analysis["templates"])


def _check_subsets(rollout: Object, objects: tuple[Object, ...], file: str) -> Iterator[Finding]:
    """The controller writes weights to routes and hashes to subsets, which must be there."""
    routing = (rollout["spec"]["strategy"].get("canary") or {}).get("trafficRouting") or {}
    istio = routing.get("istio") or {}
    rule, service = istio.get("destinationRule") or {}, istio.get("virtualService") or {}
    subsets = {
        subset["name"]
        for one in of(objects, "DestinationRule")
        if one["metadata"]["name"] == rule.get("name")
        for subset in one["spec"].get("subsets") or []
    }
    routes = {
        route.get("name")
        for one in of(objects, "VirtualService")
        if one["metadata"]["name"] == service.get("name")
        for route in one["spec"]["http"]
    }
    wanted = {rule[key] for key in ("stableSubsetName", "canarySubsetName") if key in rule}
    missing = sorted((wanted - subsets) | (set(service.get("routes") or []) - routes))
    if missing:
        yield Finding(
            file,
            title(rollout),
            "shifts traffic that no route has",
            "subsets of the DestinationRule and routes of the VirtualService",
            ", ".join(missing),
            "list base/components/rollout before it, or correct the name",
        )


def _check_replicas(rollout: Object, objects: tuple[Object, ...], file: str) -> Iterator[Finding]:
    """The Rollout runs the pods: the Deployment keeps the template, and the scaler scales it."""
    reference = rollout["spec"].get("workloadRef") or {}
    for one in of(objects, "Deployment"):
        if one["metadata"]["name"] == reference.get("name") and "replicas" in one["spec"]:
            yield Finding(
                file,
                title(one),
                "replicas beside a Rollout",
                f"no spec.replicas: {title(rollout)} runs the pods",
                str(one["spec"]["replicas"]),
                "remove the field",
            )
    for scaler in of(objects, "ScaledObject"):
        target = scaler["spec"]["scaleTargetRef"]
        found = f"{target.get('kind', 'Deployment')}/{target['name']}"
        if found != title(rollout):
            yield Finding(
                file,
                title(scaler),
                "scales past the Rollout",
                title(rollout),
                found,
                "list base/components/scaling before base/components/rollout",
            )
