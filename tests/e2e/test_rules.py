"""Every alert fires when it should and not a minute earlier, as Prometheus itself evaluates it."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from tests.conftest import ROOT
from tests.e2e.promtool import run, write
from tests.unit.manifests.building import objects

TESTS = sorted((ROOT / "tests" / "e2e" / "rules").glob("*.yaml"))
COMPONENTS = [
    "monitoring",
    *(f"monitoring-{part}" for part in ("presence", "streaming", "scaler")),
]


def groups() -> list[dict[str, Any]]:
    """The rule groups of a generator in dev."""
    return [
        group | {"name": f"{name}/{group['name']}"}
        for (kind, name), one in objects("generator", *COMPONENTS).items()
        if kind == "PrometheusRule"
        for group in one["spec"]["groups"]
    ]


def alerts() -> set[str]:
    """The names of all alerts."""
    return {rule["alert"] for group in groups() for rule in group["rules"]}


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """The rules in the form that Prometheus reads."""
    return write(tmp_path / "rules.yaml", {"groups": groups()})


def test_prometheus_reads_every_rule(rules: Path) -> None:
    """Syntax, durations, labels and templates are valid."""
    assert f"SUCCESS: {len(alerts())} rules found" in run("check", "rules", rules)


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_alerts_fire_in_time(path: Path, rules: Path) -> None:
    """Just before and just after, with the text that people read."""
    test = rules.with_name("test.yaml")
    test.write_text(path.read_text())

    assert "SUCCESS" in run("test", "rules", test)


def test_every_alert_is_seen_silent_a_minute_before_it_is_seen_firing() -> None:
    """A new alert without such a test fails here."""
    seen = set()
    for path in TESTS:
        for test in YAML(typ="safe", pure=True).load(path)["tests"]:
            at = {
                (one["alertname"], int(one["eval_time"].removesuffix("m"))): bool(one["exp_alerts"])
                for one in test["alert_rule_test"]
            }
            fires = {key for key, firing in at.items() if firing}
            seen |= {name for name, minute in fires if at.get((name, minute - 1)) is False}

    assert alerts() == seen
