"""Which line of which file sets a rendered field: the one whose change changes the field.

Kustomize does not say. So each line that holds the field's value is changed in a copy, one at a
time, and the copy is rendered: what moves the field has set it.
"""

import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidegate.findings import FindingsError, refuse
from tidegate.machine_yaml import read_all
from tidegate.manifests.graph import reached
from tidegate.manifests.objects import title
from tidegate.manifests.render import build

_OTHER_NUMBER, _OTHER_TEXT = "7919", "changed-by-tidegate"


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file, numbered from 1."""

    file: str
    line: int
    text: str


def origin(root: Path, folder: str, field: str) -> tuple[Any, list[Place]]:
    """The value of `<Kind>[/<name>].<path>` in a rendered folder, and the lines that set it.

    Raises:
        FindingsError: the folder does not render, or has no such field.
        CouldNotCheckError: kubectl is missing.
    """
    value = _value(build(root / folder, name=folder), field)
    if value is None or isinstance(value, dict | list):
        raise refuse(
            folder,
            field,
            "no such field",
            wanted="<Kind>[/<name>].<path> of one value, list items by name or number",
            found="nothing" if value is None else "more than one value",
            next_step=f"look it up with `tidegate render {folder.removeprefix('overlays/')}`",
        )
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name).resolve()
        inside = (f for f in reached(root / folder) if f.is_relative_to(root.resolve()))
        files = sorted(file for file in inside if file.is_file())
        for file in files:
            target = copy / file.relative_to(root.resolve())
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        names = [file.relative_to(root.resolve()).as_posix() for file in files]
        return value, list(_places(copy, names, folder, field, value))


def _places(copy: Path, names: list[str], folder: str, field: str, value: Any) -> Iterator[Place]:  # noqa: ANN401 - JSON
    token = re.compile(rf"(?<![\w.-]){re.escape(_written(value))}(?![\w.-])")
    other = _OTHER_NUMBER if _written(value).isdecimal() else _OTHER_TEXT
    for name in names:
        text = (copy / name).read_text(encoding="utf-8", errors="replace")
        lines = text.splitlines(keepends=True)
        for number, line in enumerate(lines):
            if token.search(line.partition(" #")[0]):
                changed = [*lines[:number], token.sub(other, line), *lines[number + 1 :]]
                (copy / name).write_text("".join(changed), encoding="utf-8")
                if _moves(copy, folder, field, value):
                    yield Place(name, number + 1, line.strip())
        (copy / name).write_text(text, encoding="utf-8")


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _moves(copy: Path, folder: str, field: str, value: Any) -> bool:  # noqa: ANN401 - JSON
    """Whether the field is another now; a copy that does not render says nothing."""
    try:
        found = _value(build(copy / folder, name=folder), field)
    except FindingsError:
        return False
    return found is not None and found != value


def _value(text: str, field: str) -> Any:  # noqa: ANN401 - JSON
    for one in read_all(text):
        for start in (f"{title(one)}.", f"{one['kind']}."):  # a name may itself hold dots
            if field.startswith(start):
                found = _below(one, field.removeprefix(start).split("."))
                if found is not None:
                    return found
    return None


def _below(value: Any, steps: list[str]) -> Any:  # noqa: ANN401 - JSON
    """What is at a path; a key may itself hold dots."""
    if not steps:
        return value
    if isinstance(value, list):
        for number, one in enumerate(value):
            if steps[0] == str(number) or (isinstance(one, dict) and steps[0] == one.get("name")):
                return _below(one, steps[1:])
    if isinstance(value, dict):
        for end in range(1, len(steps) + 1):
            found = _below(value.get(".".join(steps[:end])), steps[end:])
            if found is not None:
                return found
    return None
