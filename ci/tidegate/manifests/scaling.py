"""What must hold of a unit's scaler: a target, a signal, one writer of replicas."""

from collections.abc import Iterator

from tidegate.findings import Finding
from tidegate.manifests.objects import Object, dig, of, title
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
        version = reference.get("apiVersion", "apps/v1")
        if name not in targets or targets[name].get("apiVersion", version) != version:
            yield Finding(
                file,
                title(scaler),
                "scales nothing",
                f"one of {', '.join(targets) or 'no workload'}",
                name if name not in targets else f"{name} of {version}",
                "correct scaleTargetRef",
            )
        yield from _check_triggers(scaler, file)
    yield from _check_writers(rendered.objects, targets, file)


def _check_writers(
    objects: tuple[Object, ...], targets: dict[str, Object], file: str
) -> Iterator[Finding]:
    """A scaler writes replicas, and a Rollout those of the Deployment that it takes over."""
    references = (dig(one, "spec", "workloadRef") for one in of(objects, "Rollout"))
    taken = {f"{one.get('kind')}/{one.get('name')}" for one in references if one}
    written = targets if of(objects, "ScaledObject") else taken
    for name, one in targets.items():
        if name in written and "replicas" in one["spec"]:
            yield Finding(
                file,
                name,
                "two writers of replicas",
                "no spec.replicas: the scaler or the Rollout writes it",
                str(one["spec"]["replicas"]),
                "remove the field",
            )


def _check_triggers(scaler: Object, file: str) -> Iterator[Finding]:
    spec = scaler["spec"]
    most = spec.get("maxReplicaCount", 100)
    for trigger in spec.get("triggers") or []:
        wanted = str(trigger["metadata"].get("desiredReplicas", "0"))
        if wanted.isdecimal() and int(wanted) > most:  # no number has a finding of its own
            yield Finding(
                file,
                f"{title(scaler)}/{trigger.get('name', trigger['type'])}",
                "asks for more replicas than there may be",
                f"desiredReplicas <= maxReplicaCount {most}",
                wanted,
                "raise maxReplicaCount or lower desiredReplicas",
            )
