"""The shape of a JSON answer: which paths it has, and of which type each is.

Callers break when a path goes away or changes its type, not when one is added.
"""

from collections.abc import Iterator, Mapping
from typing import Any

_TYPES: dict[type, str] = {
    bool: "boolean",
    float: "number",
    int: "number",
    str: "string",
    type(None): "null",
}


def shape_of(value: Any) -> dict[str, str]:  # noqa: ANN401 - any JSON value
    """JSON type by path, such as `choices[].index: number`; containers count by their content."""
    found: dict[str, str] = {}
    for path, kind in _walk(value, ""):
        if found.get(path, "null") == "null":  # null says nothing about the type
            found[path] = kind
    return found


def _walk(value: Any, path: str) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - as above
    if isinstance(value, dict):
        for key, child in value.items():
            yield from _walk(child, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for child in value:
            yield from _walk(child, f"{path}[]")
    else:
        yield path, _TYPES[type(value)]


def missing(wanted: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """What is wanted and is not there, or is of another type."""
    return [
        f"wanted {path}: {kind}, found {found.get(path, 'nothing')}"
        for path, kind in wanted.items()
        if found.get(path) != kind
    ]


def broken(previous: Mapping[str, str], present: Mapping[str, str]) -> list[str]:
    """What callers of the previous release would miss; null on either side is no change."""
    return [
        f"{path} was {kind}, is {present.get(path, 'gone')}"
        for path, kind in previous.items()
        if path not in present or (kind != present[path] and "null" not in {kind, present[path]})
    ]
