"""Queries that are right give no finding, however they are written."""

from typing import Any

import pytest
from tests.unit.policy.samples import scope, sound

from tidegate.policy.metrics import edges, series
from tidegate.policy.promql import check_queries, shared
from tidegate.policy.queries import Query, find_queries
from tidegate.policy.scope import Scope

TTFT = "vllm:time_to_first_token_seconds"
OWN = 'namespace="llm-production",model_name="qwen3-8b"'


def rule(expression: str) -> dict[str, Any]:
    """A PrometheusRule with one alert."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "x", "namespace": "llm-production"},
        "spec": {"groups": [{"name": "x", "rules": [{"alert": "X", "expr": expression}]}]},
    }


def whats(one: dict[str, Any], *, of_unit: bool = True) -> list[str]:
    """What is said about the queries of an object."""
    whole = scope({"x": one})
    alone = whole if of_unit else Scope("cluster", "x.yaml", (one,))
    return [fault.what for fault in check_queries(alone)]


@pytest.mark.parametrize(
    "expression",
    [
        f"sum(rate(vllm:generation_tokens_total{{{OWN}}}[5m])) > 10",
        f"absent(vllm:num_requests_running{{{OWN}}})",
        f"vllm:kv_cache_usage_perc{{{OWN}}} > 0.9",
        f"histogram_quantile(0.9, rate({TTFT}_bucket{{{OWN}}}[5m])) > 7.5",
        f"rate(vllm:e2e_request_latency_seconds_bucket{{{OWN},le='+Inf'}}[5m]) > 0",
        f"rate(vllm:e2e_request_latency_seconds_bucket{{{OWN},le='40.0'}}[5m]) > 0",
        f"rate(vllm:e2e_request_latency_seconds_count{{{OWN}}}[5m]) > 3",
        "vllm:num_requests_running{namespace=~'llm-production',model_name=~'qwen3-.*'} > 1",
        "sum(rate(istio_requests_total{destination_workload_namespace='llm-production'}[5m])) > 1",
        "kube_deployment_status_replicas_available < 1",
        "argocd_app_info > 0",
        "up{namespace='llm-production'} == 0",
        "max_over_time(keda_scaler_active[5m]) < 1",
        "ALERTS{alertstate='firing'}",
        "vector(1) > 0",
        "time() > bool 0",
    ],
)
def test_a_sound_query_gives_no_finding(expression: str) -> None:
    """Counters, gauges, histograms, patterns and constants, each as Prometheus takes it."""
    assert whats(rule(expression)) == []


def test_a_rule_of_a_cluster_may_look_at_every_namespace() -> None:
    """Only a unit has a namespace and a model of its own."""
    expression = "sum by (namespace) (vllm:num_requests_waiting) > 5"

    assert whats(rule(expression), of_unit=False) == []
    assert set(whats(rule(expression))) == {"query of another namespace", "query of another model"}


def test_buckets_of_the_engine_file_count() -> None:
    """custom-histogram-buckets moves the edges of a family."""
    metric = series()["vllm:time_to_first_token_seconds_bucket"]

    assert 3.0 not in edges(metric, {})
    assert edges(metric, {"custom-histogram-buckets": '{"time_to_first_token": [3]}'}) == (3,)
    assert edges(metric, {"custom-histogram-buckets": {"other": [3]}}) == metric.buckets


def test_series_end_as_their_exporter_ends_them() -> None:
    """A counter of vLLM in _total, a histogram in three ways, a gauge as it is called."""
    names = series().keys()

    assert {
        "vllm:num_preemptions_total",
        "vllm:num_requests_waiting",
        "vllm:iteration_tokens_total_bucket",
        "kube_pod_info",
        "DCGM_FI_DEV_GPU_UTIL",
    } <= names
    assert not {"vllm:num_preemptions", "vllm:num_requests_waiting_bucket"} & names


@pytest.mark.parametrize(
    "name",
    [
        "vllm:cpu_cache_usage_perc",
        "vllm:gpu_cache_usage_perc",
        "vllm:gpu_prefix_cache_hits_total",
        "vllm:num_requests_swapped",
        "vllm:request_latency_seconds_bucket",
        "vllm:time_per_output_token_seconds_bucket",
    ],
)
def test_what_vllm_dropped_is_in_no_list(name: str) -> None:
    """The lists are of the pinned version, not of what guides name."""
    assert name not in series()


def test_every_list_says_its_version() -> None:
    """A list without one could not be renewed."""
    assert all(metric.version and metric.exporter for metric in series().values())


def test_queries_are_found_in_scalers_rules_analyses_and_dashboards() -> None:
    """Each with the place where a person finds it."""
    places = {query.where for query in find_queries(scope(sound()))}

    assert places == {
        "AnalysisTemplate/latency/in-time",
        "ConfigMap/dashboard/GPU",
        "ConfigMap/dashboard/Waiting",
        "PrometheusRule/generator/SlowAnswers",
        "PrometheusRule/generator/SlowFirstToken",
        "PrometheusRule/generator/namespace_model:ttft_seconds:p95",
        "ScaledObject/generator/queue",
        "ScaledObject/generator/waiting",
    }


def test_an_argument_stands_for_its_value() -> None:
    """One without a value is the caller's to give: any label, any number."""
    objects = sound()
    metric = objects["analysistemplate"]["spec"]["metrics"][0]
    metric["provider"]["prometheus"]["query"] = (
        'max(vllm:num_requests_running{namespace="{{args.revision}}"'
        ',model_name="{{ args.model }}"})'
        " > {{args.least}}"
    )
    (query,) = find_queries(scope({"x": objects["analysistemplate"]}))

    assert 'namespace="args.revision",model_name="qwen3-8b"' in query.text
    assert query.text.endswith("> 1")


def test_durations_of_dashboards_are_filled_in() -> None:
    """Grafana's own variables are no PromQL."""
    objects = sound()
    text = '{"panels": [{"title": "A", "targets": [{"expr": "rate(up[$__rate_interval])"}]}]}'
    objects["configmap-dashboard"]["data"] = {"a.json": text, "b.txt": "no json"}

    assert [q.text for q in find_queries(scope({"x": objects["configmap-dashboard"]}))] == [
        "rate(up[5m])"
    ]


def test_a_query_names_what_other_objects_define() -> None:
    """A recorded series or a counter that it selects; where it does not parse, that is said."""
    assert shared(Query({}, "x", "a:b + on() DCGM_FI_X + on() vllm:x + on() c")) == {
        "a:b",
        "DCGM_FI_X",
    }
    assert shared(Query({}, "x", 'c{d="a:b"}[5m:1m]')) == set()
    assert shared(Query({}, "x", "sum(a:b")) == set()
