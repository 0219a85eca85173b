"""Nothing points at what is not there: every reference between the objects of a namespace."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tidegate.findings import Finding
from tidegate.manifests.objects import Object, dig, title
from tidegate.manifests.pods import Pod, pods
from tidegate.policy.scope import Scope, namespace

# (kind, path to one or many names, kind that is meant); `*` walks a list.
_NAMES = [
    ("AuthorizationPolicy", "spec.targetRefs.*", None),
    ("ExternalSecret", "spec.secretStoreRef", "SecretStore"),
    ("HTTPRoute", "spec.rules.*.backendRefs.*", "Service"),
    ("HorizontalPodAutoscaler", "spec.scaleTargetRef", None),
    ("Rollout", "spec.strategy.blueGreen.activeService", "Service"),
    ("Rollout", "spec.strategy.blueGreen.previewService", "Service"),
    (
        "Rollout",
        "spec.strategy.blueGreen.prePromotionAnalysis.templates.*.templateName",
        "AnalysisTemplate",
    ),
    (
        "Rollout",
        "spec.strategy.blueGreen.postPromotionAnalysis.templates.*.templateName",
        "AnalysisTemplate",
    ),
    ("Rollout", "spec.strategy.canary.analysis.templates.*.templateName", "AnalysisTemplate"),
    ("Rollout", "spec.strategy.canary.canaryService", "Service"),
    ("Rollout", "spec.strategy.canary.stableService", "Service"),
    (
        "Rollout",
        "spec.strategy.canary.steps.*.analysis.templates.*.templateName",
        "AnalysisTemplate",
    ),
    ("Rollout", "spec.strategy.canary.trafficRouting.istio.virtualService", "VirtualService"),
    ("Rollout", "spec.strategy.canary.trafficRouting.istio.destinationRule", "DestinationRule"),
    ("Rollout", "spec.workloadRef", None),
    ("ScaledObject", "spec.triggers.*.authenticationRef", "TriggerAuthentication"),
]
Labels = dict[str, str]
Names = dict[str, set[tuple[str, str]]]
"""Kind and name of all that is there, by namespace."""
_SELECTING = {"AuthorizationPolicy", "PodMonitor", "RequestAuthentication"}
_SELECTING |= {"PeerAuthentication", "InferencePool"}


@dataclass(frozen=True, slots=True)
class Reference:
    """One object names another; `found` says whether that is there."""

    source: Object
    kind: str
    name: str
    found: bool


def check_references(scopes: Iterable[Scope]) -> Iterator[Finding]:
    """Findings of references, ports and selectors, over all scopes: names know no files."""
    scopes = list(scopes)
    inside: dict[str, list[Object]] = {}
    for scope in scopes:
        for one in scope.objects:
            inside.setdefault(namespace(one), []).append(one)
    names = {
        space: {(one["kind"], one["metadata"]["name"]) for one in objects}
        for space, objects in inside.items()
    }
    running = {
        space: [pod for one in objects for pod in pods(one)] for space, objects in inside.items()
    }
    labels = {space: [pod.labels for pod in found] for space, found in running.items()}
    for scope in scopes:
        for one in scope.objects:
            for reference in references(one, names):
                if not reference.found:
                    yield _dangling(scope, reference)
            yield from _check_ports(scope, one, running[namespace(one)])
            yield from _check_selector(scope, one, labels[namespace(one)])
            yield from _check_width(scope, one, labels[namespace(one)])


def _dangling(scope: Scope, reference: Reference) -> Finding:
    return scope.fault(
        title(reference.source),
        "names what is not there",
        wanted=f"a {reference.kind} in namespace {namespace(reference.source) or 'of the object'}",
        found=reference.name,
        next_step="add it or correct the name",
    )


def references(one: Object, names: Names) -> Iterator[Reference]:
    """Every reference of an object to another of the repository."""
    own = namespace(one)
    for kind, path, meant in _NAMES:
        if one["kind"] == kind:
            for found in _walk(one, path.split(".")):
                name, target = _named(found, meant)
                if name:
                    yield _reference(one, target, name, own, names)
    for pod in pods(one):
        for kind, name in _of_pod(pod):
            yield _reference(one, kind, name, own, names)
    for host in _hosts(one):
        service, _, rest = host.partition(".")
        space = rest.partition(".")[0] if rest else own
        here = not rest or rest.endswith(".svc.cluster.local") or rest == space
        if here and space in names:
            yield _reference(one, "Service", service, space, names)


def _walk(value: Any, path: list[str]) -> Iterator[Any]:  # noqa: ANN401 - JSON
    if not path:
        yield value
    elif path[0] == "*":
        for one in value if isinstance(value, list) else []:
            yield from _walk(one, path[1:])
    elif isinstance(value, dict) and path[0] in value:
        yield from _walk(value[path[0]], path[1:])


def _named(found: Any, meant: str | None) -> tuple[str | None, str]:  # noqa: ANN401 - JSON
    """A name alone, or an object with a name and perhaps a kind of its own."""
    if isinstance(found, str):
        return found, meant or ""
    if isinstance(found, dict):
        return found.get("name"), found.get("kind") or meant or ""
    return None, ""


# Kinds whose controllers make a Secret, by custom of this repository under their own name.
_MAKERS = ("Certificate", "ExternalSecret")


def _reference(one: Object, kind: str, name: str, space: str, names: Names) -> Reference:
    where = space if not kind.startswith("Cluster") and kind != "PriorityClass" else ""
    there = names.get(where, set())
    made = kind == "Secret" and any((maker, name) in there for maker in _MAKERS)
    return Reference(one, kind, name, made or (kind, name) in there)


def _of_pod(pod: Pod) -> Iterator[tuple[str, str]]:
    """What a pod needs before it can start."""
    if account := pod.spec.get("serviceAccountName"):
        yield "ServiceAccount", account
    if not (priority := pod.spec.get("priorityClassName", "system-")).startswith("system-"):
        yield "PriorityClass", priority
    for volume in pod.spec.get("volumes") or []:
        yield from _of_volume(volume)
    for container in pod.containers:
        for variable in container.get("env") or []:
            source = variable.get("valueFrom") or {}
            for key, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
                if (name := dig(source, key, "name")) and not dig(source, key, "optional"):
                    yield kind, name


def _of_volume(volume: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What is mounted; a source without a name is an empty one, which nothing has."""
    for key, (kind, field) in _SOURCES.items():
        if key in volume and not dig(volume, key, "optional"):
            yield kind, dig(volume, key, field) or f"none in volume {volume['name']}"


_SOURCES = {
    "configMap": ("ConfigMap", "name"),
    "persistentVolumeClaim": ("PersistentVolumeClaim", "claimName"),
    "secret": ("Secret", "secretName"),
}


def _hosts(one: Object) -> Iterator[str]:
    """Hosts of Istio destinations that are services of the cluster."""
    if one["kind"] == "DestinationRule":
        yield str(one["spec"].get("host", ""))
    if one["kind"] == "VirtualService":
        for route in dig(one, "spec", "http") or []:
            mirrors = [*(route.get("mirrors") or []), *filter(None, [route.get("mirror")])]
            for part in [*(route.get("route") or []), *mirrors]:
                yield str((part.get("destination") or part).get("host", ""))


def _check_pod(scope: Scope, pod: Pod) -> Iterator[Finding]:
    """Mounts name volumes of the pod, and probes name ports of their container."""
    volumes = {one["name"] for one in pod.spec.get("volumes") or []}
    for container in pod.containers:
        for mount in container.get("volumeMounts") or []:
            if mount["name"] not in volumes:
                yield scope.fault(
                    pod.title(container),
                    "names what is not there",
                    wanted=f"a volume: {', '.join(sorted(volumes))}",
                    found=mount["name"],
                    next_step="add the volume or correct the name",
                )
        opened = {p.get(key) for p in container.get("ports") or [] for key in _PORT_KEYS}
        for name in ("startupProbe", "readinessProbe", "livenessProbe"):
            port = dig(container, name, "httpGet", "port")
            if port is not None and port not in opened:
                yield scope.fault(
                    f"{pod.title(container)}/{name}",
                    "port that no container opens",
                    wanted=f"one of {', '.join(sorted(map(str, opened - {None})))}",
                    found=port,
                    next_step="correct the probe's port or the container's ports",
                )


_PORT_KEYS = ("name", "containerPort")


def _check_ports(scope: Scope, one: Object, running: list[Pod]) -> Iterator[Finding]:
    """A Service's port leads to a port that its pods open."""
    for pod in pods(one):
        yield from _check_pod(scope, pod)
    if one["kind"] != "Service":
        return
    selector = dig(one, "spec", "selector") or {}
    chosen = [pod for pod in running if selector and selector.items() <= pod.labels.items()]
    opened = {
        value
        for pod in chosen
        for container in pod.containers
        for port in container.get("ports") or []
        for value in (port.get("name"), port.get("containerPort"))
    }
    for port in dig(one, "spec", "ports") or []:
        target = port.get("targetPort", port["port"])
        if chosen and target not in opened:
            yield scope.fault(
                title(one),
                "port that no container opens",
                wanted=f"one of {', '.join(sorted(map(str, opened - {None})))}",
                found=target,
                next_step="correct targetPort or the container's ports",
            )


def _check_selector(scope: Scope, one: Object, pods_labels: list[Labels]) -> Iterator[Finding]:
    if one["kind"] not in _SELECTING:
        return
    spec = one.get("spec") or {}
    selector = dig(spec, "selector", "matchLabels")
    # Where nothing of this repository runs, as beside a chart's controller, nothing can be said.
    if (
        selector
        and pods_labels
        and not any(selector.items() <= labels.items() for labels in pods_labels)
    ):
        yield scope.fault(
            title(one),
            "selects no pod",
            wanted="labels of a pod in its namespace",
            found=", ".join(f"{k}={v}" for k, v in selector.items()),
            next_step="correct the selector",
        )


def _check_width(scope: Scope, one: Object, pods_labels: list[Labels]) -> Iterator[Finding]:
    """A selector with a label too few takes in the pods of other services."""
    if one["kind"] not in _NARROW:
        return
    selector: dict[str, str] = dig(one, *_NARROW[one["kind"]]) or {}
    whole = scope.model is not None  # of a unit, where nothing is meant for a whole namespace
    names = {
        labels.get(_SERVICE, "")
        for labels in pods_labels
        if (selector or whole) and selector.items() <= labels.items()
    }
    if len(names) > 1:
        yield scope.fault(
            title(one),
            "selects pods of several services",
            wanted=f"pods of one {_SERVICE}",
            found=", ".join(sorted(names)),
            next_step=f"select {_SERVICE} as well",
        )


_SERVICE = "app.kubernetes.io/name"
# Where each kind has the labels of the pods that it is for.
_NARROW = {
    "AuthorizationPolicy": ("spec", "selector", "matchLabels"),
    "Deployment": ("spec", "selector", "matchLabels"),
    "EnvoyFilter": ("spec", "workloadSelector", "labels"),
    "NetworkPolicy": ("spec", "podSelector", "matchLabels"),
    "PeerAuthentication": ("spec", "selector", "matchLabels"),
    "PodDisruptionBudget": ("spec", "selector", "matchLabels"),
    "PodMonitor": ("spec", "selector", "matchLabels"),
    "RequestAuthentication": ("spec", "selector", "matchLabels"),
    "Service": ("spec", "selector"),
}
