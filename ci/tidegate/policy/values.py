"""Values that the schemas allow and an API server refuses: ranges, words and quantities."""

import re
from collections.abc import Iterator
from typing import Any

from tidegate.findings import Finding
from tidegate.manifests.objects import fields, title
from tidegate.manifests.pods import Pod, pods
from tidegate.policy.scope import Scope

# A number with a suffix or an exponent. Source: Kubernetes' resource.Quantity; no sign here.
QUANTITY = re.compile(
    r"([0-9]+\.?[0-9]*|\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]{1,2})?", re.ASCII
)
# (key, least, most): what a number under this key may be.
_NUMBERS = {
    "containerPort": (1, 65535),
    "failureThreshold": (1, None),
    "periodSeconds": (1, None),
    "port": (1, 65535),
    "progressDeadlineSeconds": (1, None),
    "replicas": (0, None),
    "seconds": (1, None),
    "successThreshold": (1, None),
    "targetPort": (1, 65535),
    "terminationGracePeriodSeconds": (0, None),
    "timeoutSeconds": (1, None),
}
_WORDS = {
    "fsGroupChangePolicy": {"Always", "OnRootMismatch"},
    "effect": {"NoSchedule", "PreferNoSchedule", "NoExecute"},
    "imagePullPolicy": {"Always", "IfNotPresent", "Never"},
    "medium": {"", "Memory", "HugePages"},
    "protocol": {"TCP", "UDP", "SCTP"},
    "restartPolicy": {"Always", "OnFailure", "Never"},
    "unhealthyPodEvictionPolicy": {"AlwaysAllow", "IfHealthyBudget"},
    "whenUnsatisfiable": {"DoNotSchedule", "ScheduleAnyway"},
}
_NATIVE = {"apps/v1", "batch/v1", "networking.k8s.io/v1", "policy/v1", "v1"}
# A label's value. Source: the Kubernetes documentation, "Labels and Selectors".
_LABEL = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?", re.ASCII)
_OPERATORS = {"In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"}
_RESOURCES = {"cpu", "memory", "ephemeral-storage"}


def check_values(scope: Scope) -> Iterator[Finding]:
    """Findings of native objects; custom kinds say such things in their schemas."""
    for one in scope.objects:
        if one["apiVersion"] in _NATIVE:
            for path, wanted, found in _wrong(one.get("spec"), "spec"):
                yield refused(scope, f"{title(one)}: {path}", wanted, found)
        if one["kind"] != "ApplicationSet":  # whose labels are templates
            for path, found in _labels(one, "object"):
                yield refused(scope, f"{title(one)}: {path}", "a label's value", found)
        for pod in pods(one):
            for path, found in _quantities(pod):
                yield refused(
                    scope, f"{title(one)}: {path}", "a quantity such as 500m or 16Gi", found
                )


def refused(scope: Scope, where: str, wanted: str, found: object) -> Finding:
    """The finding of a value that an API server does not take."""
    return scope.fault(
        where,
        "value that Kubernetes refuses",
        wanted=wanted,
        found=found,
        next_step="correct the value",
    )


def _wrong(value: Any, path: str) -> Iterator[tuple[str, str, object]]:  # noqa: ANN401 - JSON
    for at, key, one in fields(value, path):
        if isinstance(one, int) and key in _NUMBERS:
            least, most = _NUMBERS[key]
            if one < least or (most is not None and one > most):
                yield at, f"{least} to {most or 'any'}", one
        elif isinstance(one, str) and key in _WORDS and one not in _WORDS[key]:
            yield at, f"one of {', '.join(sorted(_WORDS[key] - {''}))}", one
        elif key == "matchExpressions":
            yield from _requirements(one or [], at)


def _labels(value: Any, path: str) -> Iterator[tuple[str, object]]:  # noqa: ANN401 - JSON
    """Labels and what selects by them, of which each value has a form."""
    for at, key, one in fields(value, path):
        if key == "matchLabels" or at.endswith("metadata.labels"):
            for name, text in (one or {}).items():
                if not _LABEL.fullmatch(str(text)):
                    yield f"{at}.{name}", text


def _requirements(listed: list[Any], path: str) -> Iterator[tuple[str, str, object]]:
    """What a selector demands beyond plain labels: a known operator, with the values it needs."""
    for one in listed:
        operator = one.get("operator")
        if operator not in _OPERATORS:
            yield path, f"one of {', '.join(sorted(_OPERATORS))}", operator
        elif bool(one.get("values")) is (operator in {"Exists", "DoesNotExist"}):
            yield path, "values where the operator needs some, and only there", one


def _quantities(pod: Pod) -> Iterator[tuple[str, object]]:
    """Amounts of containers and of volumes in memory or on the node's disk."""
    for container in pod.containers:
        for side, amounts in (container.get("resources") or {}).items():
            if isinstance(amounts, dict):
                for name, found in amounts.items():
                    known = name in _RESOURCES or "/" in name or name.startswith("hugepages-")
                    if not known or not QUANTITY.fullmatch(str(found)):
                        yield f"{container['name']}.resources.{side}.{name}", found
    for volume in pod.spec.get("volumes") or []:
        limit = (volume.get("emptyDir") or {}).get("sizeLimit", "0")
        if not QUANTITY.fullmatch(str(limit)):
            yield f"volumes.{volume['name']}.sizeLimit", limit
