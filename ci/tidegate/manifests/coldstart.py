"""What a model's cold start demands: patience at the start, and no hurry to stop."""

from collections.abc import Iterator

from tidegate.findings import Finding
from tidegate.manifests.objects import Object, dig, of, title
from tidegate.manifests.pods import pods
from tidegate.manifests.render import Rendered
from tidegate.manifests.units import Unit

# Kubernetes' defaults of a probe and a horizontal autoscaler, in seconds and times.
_PERIOD, _THRESHOLD, _WINDOW = 10, 3, 300
# A start may take twice as long as 99 of 100 do before it counts as failed.
_MARGIN = 2


def check_cold_start(rendered: Rendered[Unit]) -> Iterator[Finding]:
    """Findings of a unit whose objects are less patient than its model is slow."""
    unit = rendered.unit
    p99 = unit.model.spec.cold_start.p99_seconds
    for pod in (pod for one in of(rendered.objects, "Deployment") for pod in pods(one)):
        for container in pod.containers:
            if container.get("startupProbe") is not None:
                where = pod.title(container)
                yield from _check_budget(container["startupProbe"], where, p99, unit.file)
    for scaler in of(rendered.objects, "ScaledObject"):
        yield from _check_window(scaler, p99, unit.file)


def _check_budget(probe: Object, where: str, p99: int, file: str) -> Iterator[Finding]:
    budget = probe.get("periodSeconds", _PERIOD) * probe.get("failureThreshold", _THRESHOLD)
    if budget < _MARGIN * p99:
        yield Finding(
            file,
            where,
            "slow starts are killed",
            f"startupProbe with periodSeconds x failureThreshold >= {_MARGIN * p99}, "
            f"{_MARGIN} x coldStart.p99Seconds",
            str(budget),
            "let base/model set failureThreshold, or raise it",
        )


def _check_window(scaler: Object, p99: int, file: str) -> Iterator[Finding]:
    """A replica that is let go must not be missed before a new one could be there."""
    config = dig(scaler, "spec", "advanced", "horizontalPodAutoscalerConfig")
    down = dig(config, "behavior", "scaleDown") or {}
    window = down.get("stabilizationWindowSeconds", _WINDOW)
    if window <= p99:
        yield Finding(
            file,
            title(scaler),
            "scales down faster than it can scale up",
            f"scaleDown.stabilizationWindowSeconds > {p99}, the model's cold start",
            str(window),
            "raise the window in base/components/scaling",
        )
