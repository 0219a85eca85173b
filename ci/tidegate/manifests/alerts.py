"""What must hold of a unit's alerts: each tells people what to do."""

import re
from collections.abc import Iterator
from pathlib import Path

from tidegate.findings import Finding
from tidegate.manifests.objects import dig, of
from tidegate.manifests.render import Rendered
from tidegate.manifests.units import Unit

RUNBOOKS = "docs/runbooks"
_WORD = re.compile(r"(?<!^)(?=[A-Z])")


def runbook(alert: str) -> str:
    """The runbook of an alert, computed from its name and relative to the repository."""
    return f"{RUNBOOKS}/{_WORD.sub('-', alert).lower()}.md"


def check_alerts(rendered: Rendered[Unit]) -> Iterator[Finding]:
    """A finding for every alert whose annotation or file of its runbook is not there."""
    for one in of(rendered.objects, "PrometheusRule"):
        for group in dig(one, "spec", "groups") or []:
            for rule in group.get("rules") or []:
                if "alert" in rule:
                    yield from _check_runbook(rule, rendered.unit.root, rendered.unit.file)


def _check_runbook(rule: dict[str, dict[str, str]], root: Path, file: str) -> Iterator[Finding]:
    alert = str(rule["alert"])
    wanted = runbook(alert)
    found = (rule.get("annotations") or {}).get("runbook")
    if found != wanted or not (root / wanted).is_file():
        yield Finding(
            file,
            f"alert {alert}",
            "without its runbook",
            f"the annotation runbook: {wanted}, and that file",
            "no file" if found == wanted else str(found or "none"),
            "write what it means, how to look and what to do",
        )
