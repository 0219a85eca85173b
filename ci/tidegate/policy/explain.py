"""What a finding code means: what it protects from, and the fixtures that show it good and bad."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from tidegate.machine_yaml import read_all
from tidegate.manifests.golden import golden_file
from tidegate.oci import write_atomically
from tidegate.registry import Check, registry

REFERENCE = "docs/reference/checks.md"
_FIXTURES = "tests/fixtures"
_GROUPS = {
    "0": "Files and the catalog",
    "1": "Models",
    "2": "Units, schemas and references",
    "3": "Metric queries",
    "4": "Workloads",
    "5": "Scaling",
    "6": "Traffic",
    "7": "Delivery",
    "8": "Admission policies",
    "9": "Exceptions",
}


@dataclass(frozen=True, slots=True)
class Example:
    """A fixture: what was changed in something sound, and what is then said."""

    file: str
    bad: str
    good: str
    finding: str


def examples(root: Path) -> dict[str, list[Example]]:
    """The fixtures of a repository by the code that they show."""
    found: dict[str, list[Example]] = {}
    for path in sorted((root / _FIXTURES).glob("*/*.yaml")):
        if path.parent.name not in {"faults", "invalid"}:
            continue
        for fixture in read_all(path.read_text(encoding="utf-8")):
            file = path.relative_to(root).as_posix()
            found.setdefault(str(fixture.get("code")), []).append(_example(root, file, fixture))
    return found


_SHOWN = ("file", "set", "remove", "add", "with", "write")


def _example(root: Path, file: str, fixture: dict[str, Any]) -> Example:
    bad = {key: fixture[key] for key in _SHOWN if fixture.get(key)}
    pointers = [*fixture.get("set", {}), *_listed(fixture.get("remove"))]
    good = {pointer: _value(root, fixture, pointer) for pointer in pointers}
    if "replace" in fixture:
        good = {"file": fixture["file"], "text": fixture["replace"]}
    return Example(file, _text(bad), _text(good), fixture["finding"])


def _listed(value: object) -> list[str]:
    return value if isinstance(value, list) else []


def _value(root: Path, fixture: dict[str, Any], pointer: str) -> Any:  # noqa: ANN401 - JSON
    """What is at a fixture's JSON pointer before the fault."""
    value, steps = _sound(root, fixture, pointer.split("/"))
    for step in (part.replace("~1", "/") for part in steps):
        if isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        elif isinstance(value, dict) and step in value:
            value = value[step]
        else:
            return "nothing"
    return value


def _sound(root: Path, fixture: dict[str, Any], steps: list[str]) -> tuple[Any, list[str]]:
    """The object that a pointer's first steps name, and its other steps.

    It is a sound object of the fixtures, or one of the unit that the fixture patches.
    """
    if "file" not in fixture:
        text = (root / _FIXTURES / "sound" / f"{steps[0]}.yaml").read_text(encoding="utf-8")
        return next(read_all(text)), steps[1:]
    return rendered_object(root, fixture["file"], *steps[:2]), steps[2:]


def rendered_object(root: Path, file: str, kind: str, name: str) -> dict[str, Any] | None:
    """An object of the unit whose kustomization is `file`, by its golden file; None without it."""
    golden = root / golden_file(f"{Path(file).parent.relative_to('overlays')}")
    rendered = _objects(golden.read_text(encoding="utf-8") if golden.is_file() else "")
    named = (one for one in rendered if one["metadata"]["name"] == name)
    return next((one for one in named if one["kind"] == kind), None)


@cache
def _objects(text: str) -> tuple[dict[str, Any], ...]:
    """The objects of a golden file; many examples are of one."""
    return tuple(read_all(text))


def _text(value: dict[str, Any]) -> str:
    plain = json.loads(json.dumps(value))
    text = yaml.safe_dump(plain, sort_keys=False, width=100, allow_unicode=True)
    return text.rstrip() if plain else "nothing"


def explanation(root: Path, code: str) -> str | None:
    """A code explained in Markdown; None for one that nobody gave."""
    check = registry().get(code)
    return "\n".join(_section(check, examples(root).get(code, []))) if check else None


def _section(check: Check, shown: list[Example]) -> Iterator[str]:
    yield from (f"### {check.code}: {check.what}", "", f"Protects from: {check.protects}", "")
    if check.covers:
        yield from (f"Known mistakes: {', '.join(check.covers)}.", "")
    for example in shown[:1]:
        yield from ("Good:", "", "```yaml", example.good, "```", "", "Bad:", "")
        yield from ("```yaml", example.bad, "```", "", f"> {example.finding}", "")
    if shown:
        yield from (f"Fixtures: {', '.join(f'`{one.file}`' for one in shown)}.", "")


def reference(root: Path) -> str:
    """The text of docs/reference/checks.md: every check, and every known mistake."""
    lines = [
        "# Checks",
        "",
        "Every finding of `tidegate check` has a code that never changes. This page is made by",
        "`tidegate render --update` from `ci/tidegate/checks.yaml` and the fixtures themselves;",
        "`tidegate check --explain CODE` prints one section of it.",
        "",
    ]
    shown = examples(root)
    for digit, name in _GROUPS.items():
        lines += [f"## {name}", ""]
        for code, check in registry().items():
            if code[2] == digit:
                lines += _section(check, shown.get(code, []))
    return "\n".join([*lines, *_table()]) + "\n"


def _table() -> Iterator[str]:
    """Which known mistake is caught by which check, elsewhere or not at all."""
    yield from ("## Known mistakes", "")
    yield from ("| Row | Mistake | Caught by | Not seen in files |", "|---|---|---|---|")
    by_row: dict[str, list[str]] = {}
    for code, check in registry().items():
        for row in check.covers:
            by_row.setdefault(row, []).append(code)
    for one in rows():
        caught = ", ".join(by_row.get(one["row"], [])) or one["elsewhere"]
        yield f"| {one['row']} | {one['mistake']} | {caught} | {one.get('beyond', '')} |"


def rows() -> list[dict[str, str]]:
    """The rows of the lists; `elsewhere` where no check sees one, `beyond` for what one leaves."""
    file = files("tidegate").joinpath("policy/data/known-mistakes.yaml")
    listed: list[dict[str, str]] = next(read_all(file.read_text(encoding="utf-8")))
    return listed


def write_reference(root: Path) -> None:
    """Write the reference where a repository has one."""
    if (root / REFERENCE).is_file():
        write_atomically(root / REFERENCE, reference(root).encode())
