"""What must hold of a unit's pods beside their containers: eviction, spread and volumes."""

from collections.abc import Iterable, Iterator

from tidegate.findings import Finding
from tidegate.manifests.objects import Object, dig, of, selects, title
from tidegate.manifests.pods import Pod, pods

ZONE = "topology.kubernetes.io/zone"
SERVICE = "app.kubernetes.io/name"


def check_workloads(objects: Iterable[Object], file: str) -> list[Finding]:
    """Findings of what a unit's pods survive, and of claims that are not the unit's own."""
    objects = tuple(objects)
    servers = [pod for one in of(objects, "Deployment") for pod in pods(one)]
    return [
        *(fault for one in servers for fault in _check_eviction(one, objects, file)),
        *(fault for one in servers for fault in _check_spread(one, file)),
        *(fault for one in servers for fault in _check_apart(one, file)),
        *_check_claims(objects, file),
    ]


def _check_eviction(server: Pod, objects: Iterable[Object], file: str) -> Iterator[Finding]:
    """A drained node takes one replica at a time, and a sick one does not stop the drain."""
    budgets = [
        one["spec"]
        for one in of(objects, "PodDisruptionBudget")
        if selects(one["spec"].get("selector") or {}, server.labels)
    ]
    sound = [
        spec
        for spec in budgets
        if spec.get("unhealthyPodEvictionPolicy") == "AlwaysAllow"
        and spec.get("maxUnavailable") not in {None, 0, "0%"}
    ]
    if len(sound) != 1 or len(budgets) != 1:
        yield Finding(
            file,
            title(server.owner),
            "eviction is not bounded",
            "one PodDisruptionBudget with maxUnavailable >= 1 and AlwaysAllow",
            "; ".join(_shown(spec) for spec in budgets) or "none",
            "restore base/engine/poddisruptionbudget.yaml",
        )


def _shown(spec: Object) -> str:
    keys = ("maxUnavailable", "minAvailable", "unhealthyPodEvictionPolicy")
    return ", ".join(f"{key} {spec[key]}" for key in keys if key in spec)


def _check_spread(server: Pod, file: str) -> Iterator[Finding]:
    spreads = server.spec.get("topologySpreadConstraints") or []
    lacks = [
        name
        for name, found in (
            ("priorityClassName", server.spec.get("priorityClassName")),
            ("topologySpreadConstraints", [one for one in spreads if one["topologyKey"] == ZONE]),
            ("podAntiAffinity", dig(server.spec, "affinity", "podAntiAffinity")),
        )
        if not found
    ]
    if lacks:
        yield Finding(
            file,
            title(server.owner),
            "replicas may share one fate",
            "a priority class, a spread over zones and an anti-affinity of nodes",
            f"no {', '.join(lacks)}",
            "restore base/engine/patch-placement.yaml",
        )


def _check_apart(server: Pod, file: str) -> Iterator[Finding]:
    """What is spread, and what keeps apart, are the replicas of this very service."""
    terms = dig(server.spec, "affinity", "podAntiAffinity") or {}
    weighed = terms.get("preferredDuringSchedulingIgnoredDuringExecution") or []
    selectors = [
        one.get("labelSelector") or {}
        for one in (
            *(server.spec.get("topologySpreadConstraints") or []),
            *(terms.get("requiredDuringSchedulingIgnoredDuringExecution") or []),
            *(one["podAffinityTerm"] for one in weighed),
        )
    ]
    for selector in selectors:
        named = dig(selector, "matchLabels", SERVICE)
        if not named or not selects(selector, server.labels):
            yield Finding(
                file,
                title(server.owner),
                "keeps apart from other pods than its own",
                f"a labelSelector with {SERVICE} and labels that the pods have",
                str(selector),
                "restore base/engine/patch-placement.yaml",
            )


def _check_claims(objects: Iterable[Object], file: str) -> Iterator[Finding]:
    """Caches are loaded as code, so a volume belongs to one unit and is never another's too."""
    own = {one["metadata"]["name"] for one in of(objects, "PersistentVolumeClaim")}
    for pod in (pod for one in objects for pod in pods(one)):
        for volume in pod.spec.get("volumes") or []:
            claim = dig(volume, "persistentVolumeClaim", "claimName")
            if claim is not None and claim not in own:
                yield Finding(
                    file,
                    f"{title(pod.owner)}/{volume['name']}",
                    "volume of another owner",
                    f"one of {', '.join(sorted(own)) or 'no claim of this unit'}",
                    claim,
                    "render the claim in this unit; never share a cache between tenants",
                )
