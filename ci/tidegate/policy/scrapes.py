"""A query may select only by labels that its series have, as the unit's PodMonitor scrapes them.

vLLM names the model in its own series; what else a query selects by, the scrape has to add.
"""

import re
from collections.abc import Iterator
from typing import Any

import promql_parser as promql

from tidegate.findings import Finding
from tidegate.manifests.objects import Object, dig
from tidegate.policy.metrics import series
from tidegate.policy.promql import selectors
from tidegate.policy.queries import find_queries
from tidegate.policy.scope import Scope, server_pods

# Labels of each exporter's own, and those that every scrape of a pod adds.
_OWN = {
    "fastapi": {"handler", "method", "status"},
    "vllm": {"engine", "finished_reason", "model_name", "position"},
}
_EVERY = {"container", "endpoint", "instance", "job", "namespace", "pod"} | {"le", "quantile"}
_TEXT = re.compile(r"[^a-zA-Z0-9_]")


def check_scrapes(scope: Scope) -> Iterator[Finding]:
    """Findings of queries on an engine's series by labels that nobody adds to them."""
    monitors = list(scope.of("PodMonitor"))
    if not monitors or scope.model is None:
        return
    added = {exporter: _added(scope, monitors, exporter) for exporter in _OWN}
    said = set[tuple[str, str]]()
    for query in find_queries(scope):
        for selector in selectors(query):
            metric = series().get(selector.name or "")
            if metric is None or metric.exporter not in _OWN:
                continue
            known = _OWN[metric.exporter] | _EVERY | added[metric.exporter]
            for label in sorted({one.name for one in selector.matchers.matchers} - known):
                if (query.where, label) not in said:
                    said.add((query.where, label))
                    yield _unknown(scope, query.where, selector, label)


def _unknown(scope: Scope, where: str, selector: promql.VectorSelector, label: str) -> Finding:
    return scope.fault(
        where,
        "label that its series do not have",
        wanted=f"{label} among podTargetLabels or metricRelabelings of the PodMonitor",
        found=selector.prettify(),
        next_step="add the label where it is scraped, or correct the query; it is always empty",
    )


def _added(scope: Scope, monitors: list[Object], exporter: str) -> set[str]:
    """Labels that every monitor adds to an exporter's series of the scope's pods."""
    pods = [pod.labels for pod in server_pods(scope)]
    found = []
    for monitor in monitors:
        names = dig(monitor, "spec", "podTargetLabels") or []
        # A Rollout and a Deployment write these labels themselves.
        target = {_TEXT.sub("_", n): next((p[n] for p in pods if n in p), "x") for n in names}
        for endpoint in dig(monitor, "spec", "podMetricsEndpoints") or []:
            labels = dict.fromkeys(_OWN[exporter], "x") | target
            for rule in endpoint.get("metricRelabelings") or []:
                labels |= _relabelled(labels, rule)
            found.append({name for name, value in labels.items() if value})
    return set.intersection(*found) if found else set()


def _relabelled(labels: dict[str, str], rule: dict[str, Any]) -> dict[str, str]:
    """What a rule of the action `replace` writes; nothing where its pattern does not match."""
    if rule.get("action", "replace") != "replace" or "targetLabel" not in rule:
        return {}
    text = rule.get("separator", ";").join(
        labels.get(n, "") for n in rule.get("sourceLabels") or []
    )
    match = re.fullmatch(rule.get("regex", "(.*)"), text)
    if match is None:
        return {}
    return {rule["targetLabel"]: match.expand(rule.get("replacement", "$1").replace("$", "\\"))}
