"""Rendered objects, and the pods that they own."""

from collections.abc import Iterable, Iterator
from typing import Any

Object = dict[str, Any]

# Where each kind that owns pods keeps their template.
_TEMPLATE = {
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    "DaemonSet": ("spec", "template"),
    "Deployment": ("spec", "template"),
    "Job": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "Rollout": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
}


def title(one: Object) -> str:
    """`Kind/name`, as findings call an object."""
    return f"{one['kind']}/{one['metadata']['name']}"


def of(objects: Iterable[Object], *kinds: str) -> list[Object]:
    """The objects of these kinds."""
    return [one for one in objects if one["kind"] in kinds]


def templates(objects: Iterable[Object]) -> Iterator[tuple[Object, Object]]:
    """Every object that owns pods, with the template of its pods."""
    for one in objects:
        template: Any = one
        for key in _TEMPLATE.get(one["kind"], ()):
            template = template.get(key) or {}
        if template is not one and template:
            yield one, template


def labels(template: Object) -> dict[str, str]:
    """The labels of a template's pods."""
    return dict((template.get("metadata") or {}).get("labels") or {})


def selects(selector: Object, pod_labels: dict[str, str]) -> bool:
    """Whether a label selector matches; an empty one matches everything, as in Kubernetes."""
    wanted = selector.get("matchLabels") or {}
    expressions = selector.get("matchExpressions") or []
    return wanted.items() <= pod_labels.items() and all(
        _holds(expression, pod_labels) for expression in expressions
    )


def _holds(expression: Object, pod_labels: dict[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or []
    match expression["operator"]:
        case "In":
            return pod_labels.get(key) in values
        case "NotIn":
            return pod_labels.get(key) not in values
        case "Exists":
            return key in pod_labels
        case _:
            return key not in pod_labels
