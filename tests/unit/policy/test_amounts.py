"""Quantities, numbers, words and durations: what Kubernetes and Istio take, and what it means."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.policy.scope import Scope
from tidegate.policy.traffic import seconds
from tidegate.policy.values import QUANTITY, check_values
from tidegate.policy.workloads import amount

# The suffixes of resource.Quantity with their factors.
DECIMAL = {s: Decimal(10) ** (3 * n) for n, s in enumerate("num kMGTPE".replace(" ", "_"), -3)}
FACTORS = {"" if s == "_" else s: factor for s, factor in DECIMAL.items()}
FACTORS |= {f"{s}i": Decimal(1024) ** n for n, s in enumerate("KMGTPE", 1)}
NUMBERS = st.decimals(0, 10**6, places=3) | st.integers(0, 10**6).map(Decimal)


def wrong(one: dict[str, Any]) -> list[str]:
    """Where a value is that Kubernetes refuses."""
    return [fault.object for fault in check_values(Scope("x", "x.yaml", (one,)))]


def pod(resources: object = None, volumes: object = None) -> dict[str, Any]:
    """A pod with these amounts."""
    containers = [{"name": "engine", "resources": resources}]
    spec = {"containers": containers, "volumes": volumes}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": spec}


@given(number=NUMBERS, suffix=st.sampled_from(sorted(FACTORS)))
def test_a_quantity_is_its_number_times_its_suffix(number: Decimal, suffix: str) -> None:
    """For every suffix of Kubernetes, from a billionth to 2^60."""
    assert amount(f"{number}{suffix}") == pytest.approx(float(number * FACTORS[suffix]))


@given(number=st.integers(0, 10**6), exponent=st.integers(-9, 18), letter=st.sampled_from("eE"))
def test_an_exponent_may_take_the_place_of_a_suffix(
    number: int, exponent: int, letter: str
) -> None:
    """Kubernetes writes large amounts so itself."""
    assert amount(f"{number}{letter}{exponent}") == pytest.approx(number * 10.0**exponent)


@given(text=st.text("0123456789.kKMmiIe+-", max_size=6))
def test_whatever_is_written_is_a_quantity_or_counts_as_nothing(text: str) -> None:
    """No text stops the check, and what counts for something is no fault."""
    refused = wrong(pod({"limits": {"memory": text}}))

    assert refused == (
        [] if QUANTITY.fullmatch(text) else ["Pod/a: engine.resources.limits.memory"]
    )
    assert not refused or amount(text) == 0


@pytest.mark.parametrize(
    "text", ["1ki", "1.2.3", "1 Gi", "1GB", "Gi", "-1", "one", ".", "1e", "1Kie3", "\u0663"]
)
def test_what_only_looks_like_a_quantity_is_refused(text: str) -> None:
    """Wrong case, units of disks, spaces and signs."""
    assert wrong(pod({"requests": {"cpu": text}})) == ["Pod/a: engine.resources.requests.cpu"]


def test_volumes_have_quantities_too() -> None:
    """By the volume's name; one without a limit, or of another kind, has nothing to say."""
    volumes = [
        {"name": "a", "emptyDir": {"sizeLimit": "1Gi"}},
        {"name": "b", "emptyDir": {"sizeLimit": "big"}},
        {"name": "c", "emptyDir": {}},
        {"name": "d", "configMap": {"name": "x"}},
    ]

    assert wrong(pod(volumes=volumes)) == ["Pod/a: volumes.b.sizeLimit"]


def test_claims_of_devices_are_no_quantities() -> None:
    """`resources.claims` is a list of names."""
    assert wrong(pod({"claims": [{"name": "gpu"}], "limits": None})) == []


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("containerPort", 65535, 65536),
        ("failureThreshold", 1, 0),
        ("replicas", 0, -1),
        ("terminationGracePeriodSeconds", 0, -1),
        ("imagePullPolicy", "IfNotPresent", "Sometimes"),
        ("medium", "", "Disk"),
        ("protocol", "SCTP", "tcp"),
        ("restartPolicy", "OnFailure", "on-failure"),
        ("unhealthyPodEvictionPolicy", "AlwaysAllow", "Always"),
        ("whenUnsatisfiable", "ScheduleAnyway", "Schedule"),
    ],
)
def test_ranges_and_words_hold_at_any_depth(key: str, good: object, bad: object) -> None:
    """In native kinds alone: custom ones say it in their schemas."""

    def found(value: object, version: str) -> list[str]:
        spec = {"list": [{}, {"deep": {key: value}}]}
        return wrong({"apiVersion": version, "kind": "X", "metadata": {"name": "a"}, "spec": spec})

    assert found(good, "apps/v1") == []
    assert found(bad, "apps/v1") == [f"X/a: spec.list.1.deep.{key}"]
    assert found(bad, "example.com/v1") == []


def test_a_port_may_have_a_name_instead() -> None:
    """A word under a key of numbers is not looked at here."""
    spec = {"ports": [{"port": 80, "targetPort": "http"}]}

    assert wrong({"apiVersion": "v1", "kind": "S", "metadata": {"name": "a"}, "spec": spec}) == []


@given(
    hours=st.integers(0, 99),
    minutes=st.integers(0, 99),
    whole=st.integers(0, 99),
    milli=st.integers(0, 999),
)
def test_the_parts_of_a_duration_add_up(hours: int, minutes: int, whole: int, milli: int) -> None:
    """In the four units that Istio knows, from the longest to the shortest."""
    text = f"{hours}h{minutes}m{whole}s{milli}ms"

    assert seconds(text) == pytest.approx(hours * 3600 + minutes * 60 + whole + milli / 1000)


@pytest.mark.parametrize("text", ["", "1.2.3s", "s", "10", "1s1m", "1d", "-1s", ".s", "\u0663s"])
def test_what_is_no_duration_lasts_no_time(text: str) -> None:
    """So a route with it is told to have no timeout."""
    assert seconds(text) == 0
