"""What must hold of a unit's scaler: a target, a signal, one writer of replicas."""

from collections.abc import Iterator

from tidegate.findings import Finding
from tidegate.manifests.objects import Object, of, title
from tidegate.manifests.render import Rendered
from tidegate.manifests.units import Unit

_TARGETS = ("Deployment", "Rollout", "StatefulSet")


def check_scaling(rendered: Rendered[Unit]) -> Iterator[Finding]:
    """Findings of a unit's scalers and of what they scale."""
    file = rendered.unit.file
    targets = {title(one): one for one in of(rendered.objects, *_TARGETS)}
    for scaler in of(rendered.objects, "ScaledObject"):
        reference = scaler["spec"]["scaleTargetRef"]
        name = f"{reference.get('kind', 'Deployment')}/{reference['name']}"
        if name not in targets:
            yield Finding(
                file,
                title(scaler),
                "scales nothing",
                f"one of {', '.join(targets) or 'no workload'}",
                name,
                "correct scaleTargetRef",
            )
        yield from _check_triggers(scaler, file)
    if of(rendered.objects, "ScaledObject"):
        yield from (
            _two_writers(one, file) for one in targets.values() if "replicas" in one["spec"]
        )


def _two_writers(one: Object, file: str) -> Finding:
    return Finding(
        file,
        title(one),
        "two writers of replicas",
        "no spec.replicas: the scaler writes it",
        str(one["spec"]["replicas"]),
        "remove the field",
    )


def _check_triggers(scaler: Object, file: str) -> Iterator[Finding]:
    spec = scaler["spec"]
    most = spec.get("maxReplicaCount", 100)
    for trigger in spec.get("triggers") or []:
        wanted = trigger["metadata"].get("desiredReplicas", "0")
        if int(wanted) > most:
            yield Finding(
                file,
                f"{title(scaler)}/{trigger.get('name', trigger['type'])}",
                "asks for more replicas than there may be",
                f"desiredReplicas <= maxReplicaCount {most}",
                wanted,
                "raise maxReplicaCount or lower desiredReplicas",
            )
