"""What a check looks at: the objects that one Argo CD application applies, and how to read them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tidegate.catalog.load import ModelFolder
from tidegate.findings import Finding
from tidegate.manifests.objects import Object, title

# Where each kind that owns pods keeps their template.
_TEMPLATES: dict[str, list[tuple[str, ...]]] = {
    "CronJob": [("spec", "jobTemplate", "spec", "template")],
    "DaemonSet": [("spec", "template")],
    "Deployment": [("spec", "template")],
    "Job": [("spec", "template")],
    "LeaderWorkerSet": [
        ("spec", "leaderWorkerTemplate", "leaderTemplate"),
        ("spec", "leaderWorkerTemplate", "workerTemplate"),
    ],
    "Pod": [()],
    "ReplicaSet": [("spec", "template")],
    "Rollout": [("spec", "template")],
    "StatefulSet": [("spec", "template")],
}
# Kinds that run for as long as they are there: the ones that serve.
SERVERS = {"Deployment", "LeaderWorkerSet", "Rollout", "StatefulSet"}


@dataclass(frozen=True, slots=True)
class Scope:
    """One rendered root; `model` and `namespace` are there where it is a unit."""

    name: str
    file: str
    objects: tuple[Object, ...]
    namespace: str | None = None
    model: ModelFolder | None = None

    def of(self, *kinds: str) -> Iterator[Object]:
        """Its objects of these kinds."""
        return (one for one in self.objects if one["kind"] in kinds)

    def fault(
        self, where: str, what: str, *, wanted: str, found: object, next_step: str
    ) -> Finding:
        """A finding in this scope's file."""
        return Finding(self.file, where, what, wanted, _shown(found), next_step)


def _shown(found: object) -> str:
    return "nothing" if found in (None, "", [], {}) else str(found)


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod template: whose it is, its labels, annotations and spec."""

    owner: Object
    metadata: dict[str, Any]
    spec: dict[str, Any]

    @property
    def labels(self) -> dict[str, str]:
        """The pod's labels."""
        return self.metadata.get("labels") or {}

    @property
    def containers(self) -> list[dict[str, Any]]:
        """The containers that run side by side."""
        return self.spec.get("containers") or []

    @property
    def engine(self) -> dict[str, Any] | None:
        """The container that runs vLLM, if there is one."""
        return next((one for one in self.containers if one["name"] == "engine"), None)

    def title(self, container: dict[str, Any]) -> str:
        """`Kind/name/container`, as findings call a container."""
        return f"{title(self.owner)}/{container['name']}"


def pods(one: Object) -> list[Pod]:
    """The pod templates of an object."""
    found = [dig(one, *path) for path in _TEMPLATES.get(one["kind"], [])]
    return [
        Pod(one, template.get("metadata") or {}, template["spec"])
        for template in found
        if isinstance(template, dict) and isinstance(template.get("spec"), dict)
    ]


def server_pods(scope: Scope) -> Iterator[Pod]:
    """The pod templates of everything that serves."""
    return (pod for one in scope.of(*SERVERS) for pod in pods(one))


def dig(value: Any, *keys: str | int) -> Any:  # noqa: ANN401 - JSON
    """What is below `keys`; None where a step is missing."""
    for key in keys:
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and isinstance(key, int) and key < len(value):
            value = value[key]
        else:
            return None
    return value


def namespace(one: Object) -> str:
    """The object's namespace; empty for what has none."""
    return str(one["metadata"].get("namespace") or "")


def environment(container: dict[str, Any]) -> dict[str, str]:
    """A container's plain environment variables."""
    return {one["name"]: str(one.get("value", "")) for one in container.get("env") or []}
