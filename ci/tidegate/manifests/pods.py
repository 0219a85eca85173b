"""The pods in rendered objects, whatever kind holds them, and what holds for each."""

from collections.abc import Iterator, Sequence
from typing import Any

from tidegate.findings import Finding
from tidegate.manifests.objects import Object, selects, title

# Time the engine needs to tear down after the last request; see base/engine/deployment.yaml.
TEARDOWN_SECONDS = 15


def pods(node: Any) -> Iterator[tuple[dict[str, str], Object]]:  # noqa: ANN401 - any YAML value
    """Labels and specification of every pod that a value describes, at any depth.

    KServe gives an InferenceService's own labels to its pods.
    """
    if isinstance(node, dict) and node.get("kind") == "InferenceService":
        yield node["metadata"].get("labels", {}), node["spec"]["predictor"]
    elif isinstance(node, list):
        for child in node:
            yield from pods(child)
    elif isinstance(node, dict):
        spec = node.get("spec")
        if isinstance(spec, dict) and "containers" in spec:
            yield node.get("metadata", {}).get("labels", {}), spec
        elif "containers" in node:
            yield {}, node
        else:
            for child in node.values():
                yield from pods(child)


def check_selectors(objects: Sequence[Object], file: str) -> Iterator[Finding]:
    """Each Service, disruption budget and network policy selects pods that are rendered with it."""
    labels = [found for one in objects for found, _ in pods(one)]
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


def check_drain(one: Object, pod: Object, drain: int, file: str) -> Iterator[Finding]:
    """Grace >= preStop + shutdown-timeout + teardown, so that no request is cut off."""
    grace = pod.get("terminationGracePeriodSeconds", 30)
    for container in pod["containers"]:
        hook = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {})
        needed = int(hook.get("seconds", 0)) + drain + TEARDOWN_SECONDS
        if not drain or grace < needed:
            yield Finding(
                file,
                f"{title(one)}/{container['name']}",
                "requests are cut off at shutdown",
                f"shutdown-timeout > 0 and terminationGracePeriodSeconds >= {needed}",
                f"shutdown-timeout {drain}, grace {grace}",
                "raise the grace period or lower shutdown-timeout in engine.yaml",
            )
