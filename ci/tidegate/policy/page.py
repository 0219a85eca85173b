"""The HTML report: units, findings, and a map of what leads to what; one file without assets."""

from collections import Counter
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from tidegate.policy.picture import HEIGHT, WIDTH, picture
from tidegate.policy.repository import Inspection
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
        units=[(s.name, s.file, len(s.objects), faults[s.file]) for s in inspection.scopes],
        map=picture(root, inspection.scopes, [finding.file for finding in findings]),
        box=(WIDTH, HEIGHT),
    )
    return rendered
