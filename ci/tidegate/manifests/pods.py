"""The pods in rendered objects, whatever kind holds them, and what holds for each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tidegate.findings import Finding
from tidegate.manifests.objects import Object, dig, selects, title

# Time the engine needs to tear down after the last request; see base/engine/deployment.yaml.
TEARDOWN_SECONDS = 15
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
# KServe has no template: what is here is a pod's spec, and the pods have the object's labels.
_SPECS = {"InferenceService": ("spec", "predictor"), "LLMInferenceService": ("spec", "template")}


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
    if one["kind"] in _SPECS:
        found.append({"metadata": one["metadata"], "spec": dig(one, *_SPECS[one["kind"]])})
    return [
        Pod(one, template.get("metadata") or {}, template["spec"])
        for template in found
        if isinstance(template, dict) and isinstance(template.get("spec"), dict)
    ]


def check_selectors(objects: Sequence[Object], file: str) -> Iterator[Finding]:
    """Each Service, disruption budget and network policy selects pods that are rendered with it."""
    labels = [pod.labels for one in objects for pod in pods(one)]
    for one in objects:
        selector = _selector(one)
        if selector is not None and not _chosen(selector, labels):
            yield Finding(
                file,
                title(one),
                "selects no pod",
                "labels of pods that are rendered with it",
                ", ".join(f"{k}={v}" for k, v in (selector.get("matchLabels") or {}).items())
                or "nothing",
                "correct the selector",
            )


def _chosen(selector: Object, labels: list[dict[str, str]]) -> bool:
    return bool(selector) and any(selects(selector, found) for found in labels)


def _selector(one: Object) -> Object | None:
    match one["kind"]:
        case "Service":
            wanted = one["spec"].get("selector")
            return {"matchLabels": wanted} if wanted else {}
        case "PodDisruptionBudget":
            return dict(one["spec"].get("selector") or {})
        case "NetworkPolicy":
            return dict(one["spec"].get("podSelector") or {})
        case _:
            return None


def check_drain(pod: Pod, drain: int, file: str) -> Iterator[Finding]:
    """Grace >= preStop + shutdown-timeout + teardown, so that no request is cut off."""
    grace = pod.spec.get("terminationGracePeriodSeconds", 30)
    for container in pod.containers:
        sleep = dig(container, "lifecycle", "preStop", "sleep", "seconds") or 0
        needed = int(sleep) + drain + TEARDOWN_SECONDS
        if not drain or grace < needed:
            yield Finding(
                file,
                pod.title(container),
                "requests are cut off at shutdown",
                f"shutdown-timeout > 0 and terminationGracePeriodSeconds >= {needed}",
                f"shutdown-timeout {drain}, grace {grace}",
                "raise the grace period or lower shutdown-timeout in engine.yaml",
            )
