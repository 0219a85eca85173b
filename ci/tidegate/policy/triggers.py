"""What must hold of KEDA's triggers: known types with their settings, on data that is there.

Which settings a type needs and knows is KEDA's own list; see scripts/triggers.py.
"""

import json
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from tidegate.findings import Finding
from tidegate.manifests.objects import dig, title
from tidegate.policy.scope import Scope

_METRIC_TYPES = {
    "cpu": {"AverageValue", "Utilization"},
    "memory": {"AverageValue", "Utilization"},
}
_NUMBERS = ("threshold", "activationThreshold", "desiredReplicas")
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)
# Five fields of numbers or names, with ranges, lists and steps.
_CRON = re.compile(r"([0-9A-Za-z*?,/-]+ ){4}[0-9A-Za-z*?,/-]+", re.ASCII)


def check_triggers(scope: Scope) -> Iterator[Finding]:
    """Findings of every trigger of a scope's ScaledObjects."""
    for one in scope.of("ScaledObject"):
        for trigger in dig(one, "spec", "triggers") or []:
            kind = str(trigger.get("type"))
            where = f"{title(one)}/{trigger.get('name', kind)}"
            if kind == "predictkube":
                yield _outside(scope, where, kind)
            elif kind not in _known():
                yield scope.fault(
                    where,
                    "trigger that KEDA does not have",
                    wanted="a type such as prometheus or cron",
                    found=kind,
                    next_step="correct the type; KEDA refuses the whole ScaledObject",
                )
            else:
                yield from _check_settings(scope, where, trigger)
                yield from _check_values(scope, where, trigger)


def _outside(scope: Scope, where: str, kind: str) -> Finding:
    return scope.fault(
        where,
        "scaler calls an outside service",
        wanted="prometheus or cron",
        found=kind,
        next_step="scale on what the cluster itself knows",
    )


def _check_settings(scope: Scope, where: str, trigger: dict[str, Any]) -> Iterator[Finding]:
    kind, metadata = trigger["type"], trigger.get("metadata") or {}
    needed, known = _known()[kind]["needed"], _known()[kind]["known"]
    missing = [key for key in needed if not metadata.get(key)]
    if missing:
        yield scope.fault(
            where,
            "trigger lacks a setting",
            wanted=", ".join(needed),
            found=f"no {', '.join(missing)}",
            next_step="add it",
        )
    if "metricName" in metadata:
        yield scope.fault(
            where,
            "setting that KEDA removed",
            wanted="the trigger's own name",
            found=f"metricName {metadata['metricName']}",
            next_step="drop metricName; it is gone since 2.12",
        )
    if kind == "prometheus" and metadata.get("ignoreNullValues") != "false":
        yield scope.fault(
            where,
            "no data counts as no load",
            wanted='ignoreNullValues: "false"',
            found=metadata.get("ignoreNullValues", "the default, true"),
            next_step="set it, so that a monitoring outage falls back instead of scaling down",
        )
    for key in sorted(metadata.keys() - known - {"metricName"}):
        yield scope.fault(
            where,
            "setting that KEDA does not know",
            wanted=f"of {', '.join(known)}",
            found=key,
            next_step="correct its spelling; KEDA drops it without a word",
        )


def _check_values(scope: Scope, where: str, trigger: dict[str, Any]) -> Iterator[Finding]:
    kind, metadata = trigger["type"], trigger.get("metadata") or {}
    types = _METRIC_TYPES.get(kind, {"AverageValue", "Value"})
    wrong = {
        f"a metricType of {', '.join(sorted(types))}": trigger.get("metricType", min(types))
        not in types,
        "numbers": any(not _NUMBER.fullmatch(str(metadata.get(key, 0))) for key in _NUMBERS),
        "a threshold above 0": _NUMBER.fullmatch(str(metadata.get("threshold", 1)))
        and not float(metadata.get("threshold", 1)),
    }
    if kind == "cron":
        times = [str(metadata.get(key, "0 0 * * *")) for key in ("start", "end")]
        wrong["five fields of cron"] = not all(map(_CRON.fullmatch, times))
        wrong["a time zone of the IANA database"] = not _is_zone(metadata.get("timezone", "UTC"))
    wanted = [name for name, held in wrong.items() if held]
    if wanted:
        yield scope.fault(
            where,
            "value that KEDA refuses",
            wanted=", ".join(wanted),
            found=trigger,
            next_step="correct the value",
        )


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        return False
    return True


@cache
def _known() -> dict[str, dict[str, list[str]]]:
    text = (files("tidegate") / "policy" / "data" / "triggers.json").read_text()
    known: dict[str, dict[str, list[str]]] = json.loads(text)["triggers"]
    return known
