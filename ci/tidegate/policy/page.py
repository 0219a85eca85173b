"""The HTML report: units, findings, and a map of what leads to what; one file without assets."""

from collections import Counter
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from tidegate.policy.picture import HEIGHT, WIDTH, picture
from tidegate.policy.repository import Inspection
from tidegate.policy.scope import Scope
from tidegate.registry import registry

_TEMPLATE = "policy/data/report.html.jinja"


def page(root: Path, inspection: Inspection) -> str:
    """The report of an inspection."""
    template = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True
    ).from_string(files("tidegate").joinpath(_TEMPLATE).read_text(encoding="utf-8"))
    findings = inspection.findings
    faults = Counter(finding.file for finding in findings)
    rendered: str = template.render(
        findings=findings,
        checks=registry(),
        groups=_groups(inspection.scopes, faults),
        count=len(inspection.scopes),
        map=picture(root, inspection.scopes, [finding.file for finding in findings]),
        box=(WIDTH, HEIGHT),
    )
    return rendered


def _groups(scopes: Iterable[Scope], faults: Counter[str]) -> dict[str, list[tuple[str, int, int]]]:
    """By environment or place: each folder with its number of objects and of findings."""
    groups: dict[str, list[tuple[str, int, int]]] = {}
    for scope in scopes:
        group, _, name = scope.name.removeprefix("overlays/").partition("/")
        tile = (name or group, len(scope.objects), faults[scope.file])
        groups.setdefault(group, []).append(tile)
    return groups
