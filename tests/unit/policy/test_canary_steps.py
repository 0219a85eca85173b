"""Delivery: canaries that are measured, windows that are closed, and secrets that stay out."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.policy.delivery import check_delivery
from tidegate.policy.queries import find_queries
from tidegate.policy.scaling import check_scaling
from tidegate.policy.scope import Scope

OPTIONS = "argocd.argoproj.io/sync-options"
# A step by its letter: a weight, no weight, an analysis, an experiment, a pause.
STEPS: dict[str, dict[str, Any]] = {
    "W": {"setWeight": 20},
    "Z": {"setWeight": 0},
    "A": {"analysis": {"templates": []}},
    "E": {"experiment": {}},
    "P": {"pause": {"duration": "10m"}},
}


def thing(kind: str, spec: object = None, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """An object called a."""
    return {
        "kind": kind,
        "metadata": {"name": "a", **more.pop("metadata", {})},
        "spec": spec,
    } | more


def whats(*objects: dict[str, Any]) -> list[str]:
    """What is wrong with how objects are delivered."""
    return [one.what for one in check_delivery(Scope("x", "x.yaml", objects))]


@given(letters=st.text("WZAEP", max_size=8))
def test_every_share_of_traffic_is_measured_before_the_next(letters: str) -> None:
    """Whatever stands between; the last share too, and pauses measure nothing."""
    canary = {"steps": [STEPS[letter] for letter in letters]}
    blind = re.search("W[P]*([WZ]|$)", letters)

    found = whats(thing("Rollout", {"strategy": {"canary": canary}}))

    assert found == (["canary that measures nothing"] if blind else [])


@pytest.mark.parametrize(
    "strategy",
    [
        {"canary": {"steps": [STEPS["W"]], "analysis": {"templates": []}}},
        {"canary": {"steps": None}},
        {"canary": None},
        {"blueGreen": {}},
    ],
)
def test_a_rollout_without_blind_steps_is_sound(strategy: dict[str, Any]) -> None:
    """Measured in the background, without shares of traffic, or of another kind."""
    assert whats(thing("Rollout", {"strategy": strategy})) == []


@pytest.mark.parametrize(
    ("windows", "places", "closed"),
    [
        ([{"kind": "deny"}], ["llm-production"], True),
        ([{"kind": "allow"}, {"kind": "deny"}], ["llm-dev", "llm-production"], True),
        ([{"kind": "allow"}], ["llm-production"], False),
        (None, ["llm-production"], False),
        (None, ["llm-dev"], True),
        (None, [None], True),
        (None, [], True),
    ],
)
def test_only_production_must_have_hours_in_which_nothing_moves(
    windows: list[dict[str, str]] | None,
    places: list[str | None],
    closed: bool,  # noqa: FBT001 - a parameter
) -> None:
    """A window that allows leaves every other hour open."""
    spec = {"syncWindows": windows, "destinations": [{"namespace": one} for one in places]}

    assert whats(thing("AppProject", spec)) == (
        [] if closed else ["production can be synced at any hour"]
    )


KEY = "0123456789ABCDEF" * 2 + "01234567"


@pytest.mark.parametrize(
    ("policies", "verified"),
    [
        ([("strict", [KEY])], True),
        ([("strict", [KEY]), ("strict", [])], True),
        ([("strict", [])], False),
        ([("strict", [KEY[-16:]])], False),
        ([("strict", [KEY.lower()])], False),
        ([("strict", [KEY, KEY[1:]])], False),
        ([("strict", [KEY]), ("head", [KEY])], False),
    ],
)
def test_commits_are_verified_by_whole_fingerprints(
    policies: list[tuple[str, list[str]]],
    verified: bool,  # noqa: FBT001 - a parameter
) -> None:
    """Short ids can be forged, and one policy that is not strict is a way around."""
    git = {"policies": [{"gpg": {"mode": mode, "keys": keys}} for mode, keys in policies]}
    found = whats(thing("AppProject", {"sourceIntegrity": {"git": git}}))

    assert found == ([] if verified else ["commits are not verified"])


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ("Prune=false,Delete=false", True),
        ("ServerSideApply=true, prune=Confirm, delete=Confirm", True),
        ("Prune=confirm", False),
        ("Prune=true,Delete=confirm", False),
        ("Delete=false", False),
        ("", False),
        (None, False),
    ],
)
@pytest.mark.parametrize("kind", ["Namespace", "PersistentVolumeClaim", "SecretStore"])
def test_what_holds_data_is_not_pruned(
    kind: str,
    options: str | None,
    kept: bool,  # noqa: FBT001 - a parameter
) -> None:
    """Options are read as Argo CD reads them: spaces and case make no difference."""
    one = thing(kind, metadata={"annotations": {OPTIONS: options}})

    assert whats(one) == ([] if kept else ["may be pruned"])


@pytest.mark.parametrize(
    ("labels", "data", "refused"),
    [
        ({}, {}, False),
        ({}, {"stringData": {"a": "b"}}, True),
        ({}, {"data": {"a": "Yg=="}}, True),
        ({"argocd.argoproj.io/secret-type": "cluster"}, {"stringData": {"server": "x"}}, False),
        ({"argocd.argoproj.io/secret-type": "cluster"}, {"stringData": {"bearerToken": "x"}}, True),
        ({"argocd.argoproj.io/secret-type": "repository"}, {"stringData": {"url": "x"}}, True),
    ],
)
def test_only_the_address_of_a_cluster_may_be_a_secret_in_git(
    labels: dict[str, str],
    data: dict[str, Any],
    refused: bool,  # noqa: FBT001 - a parameter
) -> None:
    """Argo CD keeps addresses in Secrets; with a credential beside it is one."""
    found = whats(thing("Secret", metadata={"labels": labels}, **data))

    assert found == (["secret in git"] if refused else [])


@pytest.mark.parametrize("condition", ["len(result) == 0", "isNaN(result[0])"])
@pytest.mark.parametrize("key", ["successCondition", "failureCondition"])
def test_an_analysis_says_what_no_data_means(key: str, condition: str) -> None:
    """On either side; a metric of another provider has its own rules."""
    metric = {"name": "m", "provider": {"prometheus": {"query": "up"}}, key: condition}
    silent = metric | {key: "result[0] > 1"}
    other = {"name": "m", "provider": {"job": {}}}

    assert whats(thing("AnalysisTemplate", {"metrics": [metric, other]})) == []
    assert whats(thing("ClusterAnalysisTemplate", {"metrics": [silent]})) == [
        "analysis does not expect an empty result"
    ]


@pytest.mark.parametrize(
    ("formula", "unknown"),
    [
        ("waiting > 1e3 ? 10 : round(queue)", None),
        ("count([waiting, queue], {# > 1}) > 1 ? 5 : 0", None),
        ("waiting == 'busy' ? 1 : 0", None),
        ("max(wating, queue)", "wating"),
        ("queue2 + other", "other, queue2"),
    ],
)
def test_a_formula_speaks_of_triggers_functions_and_numbers(
    formula: str, unknown: str | None
) -> None:
    """An exponent and a quoted text are no names."""
    triggers = [{"type": "cron", "name": name} for name in ("waiting", "queue")]
    spec = {"triggers": triggers, "advanced": {"scalingModifiers": {"formula": formula}}}
    found = check_scaling(Scope("x", "x.yaml", (thing("ScaledObject", spec),)))

    assert [one.found for one in found if one.what == "formula names no trigger"] == (
        [unknown] if unknown else []
    )


@pytest.mark.parametrize(
    ("threshold", "numbers"), [("4", (4.0,)), ("1e3", (1000.0,)), ("many", ()), (None, ())]
)
def test_a_threshold_that_is_no_number_compares_nothing(
    threshold: str | None, numbers: tuple[float, ...]
) -> None:
    """Its own finding says so; the query is still looked at."""
    trigger = {"type": "prometheus", "metadata": {"query": "up", "threshold": threshold}}
    one = thing("ScaledObject", {"triggers": [trigger, {"type": "cron"}]})
    (query,) = find_queries(Scope("x", "x.yaml", (one,)))

    assert (query.where, query.text) == ("ScaledObject/a/trigger", "up")
    assert query.thresholds == numbers
