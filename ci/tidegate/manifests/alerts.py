"""What must hold of a unit's alerts: each tells people what to do, and none is a false alarm."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tidegate.findings import Finding
from tidegate.manifests.objects import dig, of
from tidegate.manifests.render import Rendered
from tidegate.manifests.units import Unit

SEVERITIES = ("critical", "warning")
RUNBOOKS = "docs/runbooks"
_WORD = re.compile(r"(?<!^)(?=[A-Z])")
_ENGINE_ABSENT = re.compile(r"\babsent(_over_time)?\(\s*vllm:")


def runbook(alert: str) -> str:
    """The runbook of an alert, computed from its name and relative to the repository."""
    return f"{RUNBOOKS}/{_WORD.sub('-', alert).lower()}.md"


def check_alerts(rendered: Rendered[Unit]) -> Iterator[Finding]:
    """Findings of alerts that nobody gets, that sleep sets off, and of those without a runbook."""
    scalers = of(rendered.objects, "ScaledObject")
    sleeps = any(one["spec"].get("minReplicaCount") == 0 for one in scalers)
    for one in of(rendered.objects, "PrometheusRule"):
        for rule in _rules(one):
            if "record" not in rule:
                yield from _check_route(rule, rendered.unit)
            if "alert" in rule:
                if not rule.get("for"):
                    yield _hasty(rule, rendered.unit.file)
                yield from _check_runbook(rule, rendered.unit.root, rendered.unit.file)
                if sleeps and _ENGINE_ABSENT.search(rule["expr"]):
                    yield _false_alarm(rule, rendered.unit.file)


def _rules(one: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for group in dig(one, "spec", "groups") or []:
        yield from group.get("rules") or []


def _check_route(rule: dict[str, Any], unit: Unit) -> Iterator[Finding]:
    """People are found by these labels, and read the summary first."""
    labels, annotations = rule.get("labels") or {}, rule.get("annotations") or {}
    found = {
        "alert": rule.get("alert"),
        f"label namespace {unit.environment.spec.namespace}": labels.get("namespace")
        == unit.environment.spec.namespace,
        f"label service {unit.service.metadata.name}": labels.get("service")
        == unit.service.metadata.name,
        f"label severity {' or '.join(SEVERITIES)}": labels.get("severity") in SEVERITIES,
        "annotation summary": annotations.get("summary"),
    }
    lacks = [name for name, there in found.items() if not there]
    if lacks:
        yield Finding(
            unit.file,
            f"alert {rule.get('alert')}",
            "alert that reaches nobody",
            ", ".join(found),
            f"no {', '.join(lacks)}",
            "correct it in base/components/monitoring",
        )


def _check_runbook(rule: dict[str, Any], root: Path, file: str) -> Iterator[Finding]:
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


def _hasty(rule: dict[str, Any], file: str) -> Finding:
    return Finding(
        file,
        f"alert {rule['alert']}",
        "fires at the first sample",
        "for, with the time that it has to last",
        "none",
        "say how long it may last before a person has to know",
    )


def _false_alarm(rule: dict[str, Any], file: str) -> Finding:
    return Finding(
        file,
        f"alert {rule['alert']}",
        "fires whenever the service sleeps",
        "no alert on absent metrics of an engine that scales to zero",
        str(rule["expr"]),
        "take base/components/monitoring-presence out, or keep a replica",
    )
