"""Queries outside of rules: what a canary is judged by, and what dashboards show."""

import json
import re
from pathlib import Path

import pytest
from tests.conftest import ROOT
from tests.e2e.promtool import run, write
from tests.unit.manifests.building import objects

DASHBOARDS = sorted((ROOT / "base" / "observability" / "dashboards").glob("*.json"))
ENGINE = 'namespace="llm-dev",model_name="qwen3-8b",rollouts_pod_template_hash="new"'
NAMES = {
    "availability": [
        f'http_requests_total{{{ENGINE},method="POST",status="2xx"}}',
        f'http_requests_total{{{ENGINE},method="POST",status="5xx"}}',
    ],
    "latency": [
        f'vllm:e2e_request_latency_seconds_bucket{{{ENGINE},le="40.0"}}',
        f'vllm:e2e_request_latency_seconds_bucket{{{ENGINE},le="+Inf"}}',
        f"vllm:e2e_request_latency_seconds_count{{{ENGINE}}}",
    ],
}


def analysis(metric: str) -> str:
    """The query of a generator's analysis, with the arguments that a Rollout gives it."""
    spec = objects("generator", "rollout")["AnalysisTemplate", "generator"]["spec"]
    values = {one["name"]: one.get("value", "new") for one in spec["args"]}
    (found,) = [one for one in spec["metrics"] if one["name"] == metric]
    query = str(found["provider"]["prometheus"]["query"])
    return re.sub(r"\{\{args\.([\w-]+)\}\}", lambda match: values[match[1]], query)


@pytest.mark.parametrize(
    ("metric", "a_minute", "value"),
    [
        ("availability", [9, 1], 0.9),
        ("availability", [8, 1], None),
        ("availability", [0, 0], None),
        ("latency", [9, 10, 10], 0.9),
        ("latency", [8, 9, 9], None),
    ],
)
def test_a_canary_is_judged_on_a_hundred_requests_or_not_at_all(
    metric: str, a_minute: list[int], value: float | None, tmp_path: Path
) -> None:
    """Ninety in ten minutes give no value, which an analysis holds inconclusive."""
    series = [
        {"series": name, "values": f"0+{step}x20"}
        for name, step in zip(NAMES[metric], a_minute, strict=True)
    ]
    # Another revision's requests never count.
    series.append({"series": NAMES[metric][-1].replace('"new"', '"old"'), "values": "0+1000x20"})
    samples = [] if value is None else [{"labels": "{}", "value": value}]
    query = f"round({analysis(metric)}, 0.001)"
    expected = {"expr": query, "eval_time": "15m", "exp_samples": samples}
    case = {"interval": "1m", "input_series": series, "promql_expr_test": [expected]}
    test = write(tmp_path / "test.yaml", {"rule_files": [], "tests": [case]})

    assert "SUCCESS" in run("test", "rules", test)


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_prometheus_reads_every_panel(path: Path, tmp_path: Path) -> None:
    """With Grafana's own variables put in."""
    panels = json.loads(path.read_text())["panels"]
    queries = [target["expr"] for panel in panels for target in panel["targets"]]
    rules = [
        {"record": f"panel:{number}", "expr": query.replace("$__rate_interval", "5m")}
        for number, query in enumerate(queries)
    ]
    file = write(tmp_path / "rules.yaml", {"groups": [{"name": path.stem, "rules": rules}]})

    assert f"SUCCESS: {len(queries)} rules found" in run("check", "rules", file)
