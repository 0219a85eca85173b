"""What must hold of autoscalers: no scaling on what is not known."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tidegate.findings import Finding
from tidegate.manifests.objects import Object, dig, title
from tidegate.manifests.pods import pods
from tidegate.policy.scope import SERVERS, Scope

_WORD = re.compile(r"\b[a-zA-Z_]\w*")
# What a formula may call, from KEDA's expression language.
_FUNCTIONS = {
    "abs",
    "ceil",
    "count",
    "floor",
    "len",
    "max",
    "mean",
    "median",
    "min",
    "round",
    "sum",
}
_FUNCTIONS |= {"and", "or", "not", "true", "false", "nil", "int", "float"}


def check_scaling(scope: Scope) -> Iterator[Finding]:
    """Findings of a scope's scalers and the workloads that they scale."""
    for one in scope.of("ScaledObject"):
        for check in (_check_fallback, _check_formula, _check_bounds):
            yield from check(scope, one)
    yield from _check_targets(scope)


def _check_fallback(scope: Scope, one: Object) -> Iterator[Finding]:
    kinds = {trigger.get("type") for trigger in dig(one, "spec", "triggers") or []}
    if "prometheus" in kinds and not dig(one, "spec", "fallback"):
        yield scope.fault(
            title(one),
            "no fallback",
            wanted="fallback with failureThreshold and replicas",
            found=None,
            next_step="say how many replicas run while Prometheus does not answer",
        )


def _check_formula(scope: Scope, one: Object) -> Iterator[Finding]:
    """A formula names triggers; a fallback beside it needs a whole positive target."""
    modifiers = dig(one, "spec", "advanced", "scalingModifiers") or {}
    formula = modifiers.get("formula")
    if not formula:
        return
    names = {trigger.get("name") for trigger in dig(one, "spec", "triggers") or []}
    unknown = set(_WORD.findall(re.sub(r"[\"'].*?[\"']", "", formula))) - names - _FUNCTIONS
    if unknown:
        yield scope.fault(
            f"{title(one)}/formula",
            "formula names no trigger",
            wanted=", ".join(sorted(filter(None, names))),
            found=", ".join(sorted(unknown)),
            next_step="name the trigger, or correct the formula",
        )
    if dig(one, "spec", "fallback") and not re.fullmatch(
        "[1-9][0-9]*", str(modifiers.get("target"))
    ):
        yield scope.fault(
            f"{title(one)}/target",
            "fallback cannot work",
            wanted="scalingModifiers.target: a whole number above 0",
            found=modifiers.get("target"),
            next_step="KEDA divides by it; correct the target",
        )


def _check_bounds(scope: Scope, one: Object) -> Iterator[Finding]:
    """KEDA's own idle handling works only between zero and one replica."""
    spec = one["spec"]
    least, most = spec.get("minReplicaCount", 0), spec.get("maxReplicaCount", 100)
    fallback = dig(spec, "fallback", "replicas")
    if least > most or (fallback is not None and not least <= fallback <= most):
        yield scope.fault(
            title(one),
            "replica counts contradict",
            wanted="minReplicaCount <= fallback.replicas <= maxReplicaCount",
            found=f"{least}, {fallback}, {most}",
            next_step="correct the one that is wrong",
        )
    unsaid = [key for key in ("minReplicaCount", "maxReplicaCount") if key not in spec]
    if unsaid:
        yield scope.fault(
            title(one),
            "bounds are left to KEDA",
            wanted="minReplicaCount and maxReplicaCount",
            found=f"no {', '.join(unsaid)}",
            next_step="say both: KEDA takes 0 and 100",
        )
    idle = spec.get("idleReplicaCount")
    if least > 0 and idle is None and "cooldownPeriod" in spec:
        yield scope.fault(
            title(one),
            "setting has no effect",
            wanted="no cooldownPeriod where minReplicaCount > 0",
            found=spec["cooldownPeriod"],
            next_step="slow the way down in horizontalPodAutoscalerConfig.behavior",
        )


def _target(one: Object) -> tuple[str, str]:
    target = dig(one, "spec", "scaleTargetRef") or {}
    return target.get("kind", "Deployment"), target.get("name", "")


def _check_targets(scope: Scope) -> Iterator[Finding]:
    scalers = list(scope.of("ScaledObject", "HorizontalPodAutoscaler"))
    count = Counter(map(_target, scalers))
    targets = {(one["kind"], one["metadata"]["name"]): one for one in scope.of(*SERVERS)}
    for one in scalers:
        target = targets.get(_target(one))
        if count[_target(one)] > 1:
            yield scope.fault(
                title(one),
                "two scalers of one workload",
                wanted="one",
                found=count[_target(one)],
                next_step="join them: a ScaledObject takes several triggers",
            )
        if target and _by_processor(one) and any(pod.engine for pod in pods(target)):
            yield scope.fault(
                title(one),
                "scales an engine by its processor",
                wanted="waiting requests, cache use or queue time",
                found=", ".join(_by_processor(one)),
                next_step="a full GPU queue leaves the processor idle; use a prometheus trigger",
            )


def _by_processor(one: dict[str, Any]) -> list[str]:
    kinds = [dig(metric, "resource", "name") for metric in dig(one, "spec", "metrics") or []]
    kinds += [trigger.get("type") for trigger in dig(one, "spec", "triggers") or []]
    return [kind for kind in kinds if kind in {"cpu", "memory"}]
