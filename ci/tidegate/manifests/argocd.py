"""Which Applications the ApplicationSets of a cluster generate, worked out without an Argo CD.

Understood are the generators that this repository uses: clusters (one Secret, by its labels),
list, git directories, and a matrix of two. Templates are `{{.a.b}}` and `{{index .a.b "key"}}`.
Source: the Argo CD 3.6 documentation, docs/operator-manual/applicationset.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from tidegate.manifests.objects import selects

Object = Mapping[str, Any]

_FIELD = re.compile(r"""\{\{\s*(?:index\s+)?\.([\w.]+)(?:\s+"([^"]+)")?\s*\}\}""")


class NotUnderstoodError(Exception):
    """A generator, a selector or a template is of a form that is not worked out here."""


def applications(application_set: Object, secret: Object, folders: Sequence[str]) -> list[Object]:
    """The Applications that one ApplicationSet makes for one cluster.

    Args:
        application_set: the rendered object.
        secret: the cluster's Secret, whose labels are matched.
        folders: every folder of the repository that a git generator may find.

    Raises:
        NotUnderstoodError: it uses what is not worked out here; the message says what.
    """
    spec = application_set["spec"]
    return [
        fill(spec["template"], parameters)
        for generator in spec["generators"]
        for parameters in _parameters(generator, secret, folders)
    ]


def fill(value: Any, parameters: Object) -> Any:  # noqa: ANN401 - any YAML value
    """A value with every template in it replaced; raises NotUnderstoodError."""
    if isinstance(value, Mapping):
        return {key: fill(child, parameters) for key, child in value.items()}
    if isinstance(value, list):
        return [fill(child, parameters) for child in value]
    if isinstance(value, str) and "{{" in value:
        text = _FIELD.sub(lambda found: _look_up(found, parameters), value)
        if "{{" in text:
            raise NotUnderstoodError(f"template {value}")
        return text
    return value


def _look_up(found: re.Match[str], parameters: Object) -> str:
    value: Any = parameters
    for key in [*found[1].split("."), *([found[2]] if found[2] else [])]:
        if not isinstance(value, Mapping) or key not in value:
            raise NotUnderstoodError(f"no value for {found[0]}")
        value = value[key]
    return str(value)


def _parameters(
    generator: Object, secret: Object, folders: Sequence[str]
) -> Iterator[dict[str, Any]]:
    match generator:
        case {"clusters": {"selector": selector}}:
            if selects(selector, secret["metadata"].get("labels", {})):
                yield {
                    "name": secret["stringData"]["name"],
                    "server": secret["stringData"]["server"],
                    "metadata": secret["metadata"],
                }
        case {"list": {"elements": elements}}:
            yield from elements
        case {"git": {"directories": directories}}:
            for folder in folders:
                if _listed(folder, directories):
                    path = PurePosixPath(folder)
                    yield {"path": {"path": folder, "basename": path.name}}
        case {"matrix": {"generators": [first, second]}}:
            for outer in _parameters(first, secret, folders):
                for inner in _parameters(fill(second, outer), secret, folders):
                    yield outer | inner
        case _:
            raise NotUnderstoodError(f"generator {', '.join(generator)}")


def _listed(folder: str, directories: Sequence[Object]) -> bool:
    """Whether a git generator finds a folder: some entry does, and none excludes it."""
    found = [one for one in directories if PurePosixPath(folder).match(one["path"])]
    return bool(found) and not any(one.get("exclude") for one in found)
