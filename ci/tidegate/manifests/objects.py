"""Rendered objects, and how to read them."""

from collections.abc import Iterable, Iterator
from typing import Any

Object = dict[str, Any]


def title(one: Object) -> str:
    """`Kind/name`, as findings call an object."""
    return f"{one['kind']}/{one['metadata']['name']}"


def of(objects: Iterable[Object], *kinds: str) -> list[Object]:
    """The objects of these kinds."""
    return [one for one in objects if one["kind"] in kinds]


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


def fields(value: Any, path: str) -> Iterator[tuple[str, str, Any]]:  # noqa: ANN401 - JSON
    """Every field at any depth: its path below `path`, its key, its value; what holds it first."""
    if isinstance(value, list):
        for number, one in enumerate(value):
            yield from fields(one, f"{path}.{number}")
    elif isinstance(value, dict):
        for key, one in value.items():
            yield f"{path}.{key}", key, one
            yield from fields(one, f"{path}.{key}")


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
