"""Finds the PromQL in objects: scalers, rules, analyses and dashboards."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from tidegate.manifests.objects import Object, dig, title
from tidegate.policy.scope import Scope

_ARGUMENT = re.compile(r"\{\{\s*args\.([\w-]+)\s*\}\}")
# What Grafana puts in before Prometheus sees the query; any duration will do.
_DASHBOARD_VARIABLES = re.compile(r"\$\{?__(rate_interval|interval|range)\}?")
# `result[0] <= 2.5` and the like in an analysis' condition.
_CONDITION = re.compile(r"[<>]=?\s*([0-9.]+)")


@dataclass(frozen=True, slots=True)
class Query:
    """A query, where it stands, and the numbers that its result is compared with outside of it."""

    owner: Object
    where: str
    text: str
    thresholds: tuple[float, ...] = ()


def find_queries(scope: Scope) -> Iterator[Query]:
    """Every query of the scope's objects, ready to be parsed."""
    finders = {
        "AnalysisTemplate": _of_analysis,
        "ClusterAnalysisTemplate": _of_analysis,
        "ConfigMap": _of_dashboard,
        "PrometheusRule": _of_rule,
        "ScaledObject": _of_scaler,
    }
    for one in scope.of(*finders):
        yield from finders[one["kind"]](one)


def _of_scaler(one: Object) -> Iterator[Query]:
    for trigger in dig(one, "spec", "triggers") or []:
        if trigger.get("type") == "prometheus":
            metadata = trigger.get("metadata") or {}
            where = f"{title(one)}/{trigger.get('name', 'trigger')}"
            yield Query(one, where, str(metadata.get("query", "")), _numbers(metadata))


def _numbers(metadata: dict[str, Any]) -> tuple[float, ...]:
    try:
        return (float(metadata["threshold"]),)
    except (KeyError, TypeError, ValueError):
        return ()


def rules(one: Object) -> Iterator[dict[str, Any]]:
    """The rules of a PrometheusRule."""
    for group in dig(one, "spec", "groups") or []:
        yield from group.get("rules") or []


def _of_rule(one: Object) -> Iterator[Query]:
    for rule in rules(one):
        name = rule.get("alert") or rule.get("record")
        yield Query(one, f"{title(one)}/{name}", str(rule.get("expr", "")))


def _of_analysis(one: Object) -> Iterator[Query]:
    """An argument's own value stands for it; one without is the caller's to give."""
    values = {a["name"]: a.get("value") for a in dig(one, "spec", "args") or []}
    for metric in dig(one, "spec", "metrics") or []:
        text = dig(metric, "provider", "prometheus", "query")
        if text is None:
            continue
        text = _ARGUMENT.sub(partial(_argument, values), text)
        conditions = f"{metric.get('successCondition')} {metric.get('failureCondition')}"
        thresholds = tuple(float(number) for number in _CONDITION.findall(conditions))
        yield Query(one, f"{title(one)}/{metric['name']}", text, thresholds)


def _argument(values: dict[str, Any], match: re.Match[str]) -> str:
    """An argument's value; without one, its name in a label and a number elsewhere."""
    in_label = match.string[: match.start()].count('"') % 2
    return str(values.get(match[1]) or (f"args.{match[1]}" if in_label else "1"))


def _of_dashboard(one: Object) -> Iterator[Query]:
    for file, text in (one.get("data") or {}).items():
        if file.endswith(".json") and '"panels"' in text and no_json(text) is None:
            for panel, expression in _expressions(json.loads(text), file):
                filled = _DASHBOARD_VARIABLES.sub("5m", expression)
                yield Query(one, f"{title(one)}/{panel}", filled)


def no_json(text: str) -> str | None:
    """Why a text is no JSON; None for one that is."""
    try:
        json.loads(text)
    except ValueError as error:
        return str(error)
    return None


def _expressions(value: Any, panel: str) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - JSON
    if isinstance(value, list):
        for one in value:
            yield from _expressions(one, panel)
    elif isinstance(value, dict):
        panel = str(value.get("title") or panel)
        if isinstance(value.get("expr"), str):
            yield panel, value["expr"]
        for one in value.values():
            yield from _expressions(one, panel)
