"""What must hold of a unit's Rollout: it shifts traffic that is there, and it is what is scaled."""

from collections.abc import Iterator

from tidegate.findings import Finding
from tidegate.manifests.objects import Object, dig, of, title
from tidegate.manifests.render import Rendered
from tidegate.manifests.units import Unit


def check_rollouts(rendered: Rendered[Unit]) -> Iterator[Finding]:
    """Findings of a unit's Rollouts and of the scaler beside them."""
    objects, file = rendered.objects, rendered.unit.file
    for rollout in of(objects, "Rollout"):
        yield from _check_subsets(rollout, objects, file)
        yield from _check_scaler(rollout, objects, file)


def _check_subsets(rollout: Object, objects: tuple[Object, ...], file: str) -> Iterator[Finding]:
    """The controller writes weights to routes and hashes to subsets, which must be there."""
    istio = dig(rollout, "spec", "strategy", "canary", "trafficRouting", "istio") or {}
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
        for route in one["spec"].get("http") or []
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


def _check_scaler(rollout: Object, objects: tuple[Object, ...], file: str) -> Iterator[Finding]:
    """The Rollout runs the pods, so it is what the scaler scales."""
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
