"""What must hold of queries: they parse, name metrics that exist, and ask about their own."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

import promql_parser as promql

from tidegate.findings import Finding
from tidegate.policy.metrics import Metric, edges, series
from tidegate.policy.queries import Query, find_queries
from tidegate.policy.scope import Scope

# Labels that hold the namespace of what is measured; which one depends on the exporter and scrape.
_NAMESPACE_LABELS = {
    "destination_service_namespace",
    "destination_workload_namespace",
    "exported_namespace",
    "namespace",
}
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
# Exporters whose series belong to one workload.
_OF_WORKLOADS = {"fastapi", "istio", "kubelet", "vllm"}


@dataclass
class _Found:
    """What one walk over a query's tree found."""

    selectors: list[promql.VectorSelector] = field(default_factory=list)
    bare: list[promql.VectorSelector] = field(default_factory=list)
    quantiles: list[promql.Call] = field(default_factory=list)
    comparisons: list[tuple[promql.Expr, float]] = field(default_factory=list)


def check_queries(scope: Scope) -> Iterator[Finding]:
    """Findings of every query of a scope that its own objects can show."""
    for query in find_queries(scope):
        try:
            tree = promql.parse(query.text)
        except ValueError as error:
            yield scope.fault(
                query.where,
                "query does not parse",
                wanted="PromQL",
                found=" ".join(str(error).split()),
                next_step="correct the query",
            )
            continue
        found = _walk(tree)
        for selector in found.selectors:
            yield from _check_selector(scope, query, selector)
        yield from _check_edges(scope, query, tree, found)
        yield from _check_aggregation(scope, query, found)


def selectors(query: Query) -> list[promql.VectorSelector]:
    """What a query selects; nothing where it does not parse."""
    try:
        return _walk(promql.parse(query.text)).selectors
    except ValueError:
        return []


def shared(query: Query) -> set[str]:
    """Names in a query of what other objects define; none where it does not parse."""
    # Few texts hold one, and to parse a text takes much longer.
    held = {name for name in _NAME.findall(query.text) if is_shared(name)}
    return held & {one.name for one in selectors(query)} if held else set()


def _walk(tree: promql.Expr) -> _Found:
    found, depth = _Found(), [0]

    def enter(node: promql.Expr) -> bool:
        depth[0] += isinstance(node, promql.AggregateExpr)
        if isinstance(node, promql.VectorSelector):
            found.selectors.append(node)
            found.bare += [] if depth[0] else [node]
        elif isinstance(node, promql.Call) and node.func.name == "histogram_quantile":
            found.quantiles.append(node)
        found.comparisons += _comparisons(node)
        return True

    def leave(node: promql.Expr) -> bool:
        depth[0] -= isinstance(node, promql.AggregateExpr)
        return True

    promql.walk(tree, enter, leave)
    return found


def _is_fraction(node: promql.Expr) -> bool:
    return isinstance(node, promql.Call) and bool(node.func.name == "histogram_fraction")


def _comparisons(node: promql.Expr) -> list[tuple[promql.Expr, float]]:
    """What a node compares with a number: a value beside it, or a histogram's share up to it."""
    if isinstance(node, promql.Call) and _is_fraction(node):
        limits = [limit for limit in node.args[:2] if isinstance(limit, promql.NumberLiteral)]
        return [(node, limit.val) for limit in limits]
    if (
        isinstance(node, promql.BinaryExpr)
        and isinstance(node.rhs, promql.NumberLiteral)
        and str(node.op).strip() in {">", ">=", "<", "<="}
    ):
        return [(node.lhs, node.rhs.val)]
    return []


def _check_selector(
    scope: Scope, query: Query, selector: promql.VectorSelector
) -> Iterator[Finding]:
    name = selector.name or ""
    metric = series().get(name)
    if metric is None:
        if not is_shared(name):
            yield scope.fault(
                query.where,
                "unknown metric",
                wanted=f"a metric of {', '.join(_versions())}",
                found=name or "a selector without a name",
                next_step=_near(name),
            )
        return
    if scope.namespace is None or metric.exporter not in _OF_WORKLOADS:
        return
    matchers = selector.matchers.matchers
    own = {_NAMESPACE: (_NAMESPACE_LABELS, scope.namespace)}
    if metric.exporter == "vllm" and scope.model:
        own["model"] = ({"model_name"}, scope.model.name)
    for what, (labels, wanted) in own.items():
        if not any(m.name in labels and _selects(m, wanted) for m in matchers):
            yield scope.fault(
                query.where,
                f"query of another {what}",
                wanted=f'{max(labels)}="{wanted}" on {name}',
                found=selector.prettify(),
                next_step=f"select its own {what}; Prometheus holds all of them",
            )


_NAMESPACE = "namespace"


def is_shared(name: str) -> bool:
    """Whether a name is one that another object defines: a recording rule, a GPU counter."""
    off = name.startswith("DCGM_") and name not in series()
    return off or (":" in name and not name.startswith("vllm:"))


def _selects(matcher: promql.Matcher, wanted: str) -> bool:
    """Whether a matcher lets nothing but `wanted` through; an argument is given by the caller."""
    if matcher.op == promql.MatchOp.Equal:
        return matcher.value == wanted or matcher.value.startswith(("args.", "$"))
    return matcher.op == promql.MatchOp.Re and re.fullmatch(matcher.value, wanted) is not None


def _check_edges(scope: Scope, query: Query, tree: promql.Expr, found: _Found) -> Iterator[Finding]:
    """A threshold between two edges is interpolated: the same latency may be on either side."""
    compared = [
        (node, number)
        for node, number in found.comparisons
        if number and (_is_fraction(node) or _quantiles(node))
    ]
    if _quantiles(tree):
        compared += [(tree, number) for number in query.thresholds]
    numbers = [(metric, number) for node, number in compared for metric in _histograms(_walk(node))]
    numbers += [
        (metric, float(matcher.value))
        for selector in found.selectors
        for matcher in selector.matchers.matchers
        if matcher.name == "le" and matcher.op == promql.MatchOp.Equal
        for metric in [series().get(selector.name or "")]
        if metric
    ]
    engine = scope.model.engine if scope.model else {}
    for metric, number in numbers:
        known = edges(metric, engine)
        if known and number not in known and number != float("inf"):
            yield scope.fault(
                query.where,
                "threshold between bucket edges",
                wanted=f"an edge of {metric.name}: {' '.join(f'{e:g}' for e in known)}",
                found=f"{number:g}",
                next_step="take the next edge, or set custom-histogram-buckets in engine.yaml",
            )


def _quantiles(node: promql.Expr) -> bool:
    return bool(_walk(node).quantiles)


def _histograms(found: _Found) -> set[Metric]:
    metrics = (series().get(one.name or "") for one in found.selectors)
    return {metric for metric in metrics if metric and metric.type == "histogram"}


def _check_aggregation(scope: Scope, query: Query, found: _Found) -> Iterator[Finding]:
    """A scaler adds up what every engine reports; a bare gauge gives one series an engine."""
    if query.owner["kind"] != "ScaledObject":
        return
    for selector in found.bare:
        metric = series().get(selector.name or "")
        if metric and metric.exporter == "vllm":
            yield scope.fault(
                query.where,
                "query gives a series for each engine",
                wanted=f"sum or max over {selector.name}",
                found=query.text,
                next_step="aggregate it: a scaler takes one number",
            )


def _near(name: str) -> str:
    successor = _SUCCESSORS.get(name.removesuffix("_bucket"))
    return f"use {successor}" if successor else "correct the name; a query on it is always empty"


# What older guides query, with what vLLM exports now.
_SUCCESSORS = {
    "vllm:cpu_cache_usage_perc": "vllm:kv_cache_usage_perc",
    "vllm:gpu_cache_usage_perc": "vllm:kv_cache_usage_perc",
    "vllm:gpu_prefix_cache_hits_total": "vllm:prefix_cache_hits_total",
    "vllm:gpu_prefix_cache_queries_total": "vllm:prefix_cache_queries_total",
    "vllm:num_requests_swapped": "vllm:num_preemptions_total",
    "vllm:request_latency_seconds": "vllm:e2e_request_latency_seconds_bucket",
    "vllm:time_per_output_token_seconds": "vllm:inter_token_latency_seconds_bucket",
}


@cache
def _versions() -> tuple[str, ...]:
    return tuple(sorted({f"{metric.exporter} {metric.version}" for metric in series().values()}))
