"""Every number stands beside its threshold and sample size; absence is never success."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tidegate.catalog.objects import Objective
from tidegate.gates.client import EndpointError
from tidegate.gates.jobs import Job
from tidegate.gates.measure import quantile, seconds, share
from tidegate.gates.record import Answer
from tidegate.gates.verdict import Measurement, Outcome, Verdict

VALUES = st.floats(0, 1e6)
OUTCOMES = st.sampled_from(Outcome)
# A measurement of each outcome, by value and samples.
BY_OUTCOME: dict[Outcome, tuple[float | None, int]] = {
    Outcome.PASS: (0.9, 10),
    Outcome.FAIL: (0.7, 10),
    Outcome.HOLD: (0.9, 9),
}


def measurement(value: float | None, samples: int = 10, **changes: Any) -> Measurement:  # noqa: ANN401 - any field
    """At least 0.8 on at least 10 samples, unless changed."""
    fields: dict[str, Any] = {
        "gate": "answers",
        "name": "facts",
        "unit": "share",
        "bound": "at least",
        "threshold": 0.8,
        "min_samples": 10,
    }
    return Measurement(value=value, samples=samples, **(fields | changes))


def verdict(*measurements: Measurement) -> Verdict:
    """A verdict of these measurements."""
    return Verdict(model="tiny", started="2026-11-24T12:00:00Z", measurements=measurements)


@pytest.mark.parametrize(
    ("value", "samples", "bound", "outcome"),
    [
        (0.8, 10, "at least", Outcome.PASS),
        (0.79999, 10, "at least", Outcome.FAIL),
        (0.8, 10, "at most", Outcome.PASS),
        (0.80001, 10, "at most", Outcome.FAIL),
        (1.0, 9, "at least", Outcome.HOLD),
        (0.0, 9, "at least", Outcome.HOLD),
        (None, 10, "at least", Outcome.HOLD),
        (None, 0, "at most", Outcome.HOLD),
        (0.0, 0, "at most", Outcome.HOLD),
    ],
)
def test_a_number_passes_at_its_threshold_and_holds_on_too_few_samples(
    value: float | None, samples: int, bound: str, outcome: Outcome
) -> None:
    """Too few samples hold whatever they say: neither luck nor bad luck decides."""
    assert measurement(value, samples, bound=bound).outcome is outcome


@given(st.lists(OUTCOMES))
def test_a_verdict_is_as_bad_as_its_worst_measurement(outcomes: list[Outcome]) -> None:
    """Fail before hold before pass; a verdict of nothing holds."""
    found = verdict(*(measurement(*BY_OUTCOME[outcome]) for outcome in outcomes))

    worst = [o for o in (Outcome.FAIL, Outcome.HOLD, Outcome.PASS) if o in outcomes]
    assert found.outcome is (worst[0] if worst else Outcome.HOLD)
    assert found.summary() == f"{found.outcome} {outcomes.count(Outcome.PASS)}/{len(outcomes)}"


def test_a_verdict_is_read_as_it_was_written() -> None:
    """The outcome is not stored: it is judged again from the numbers."""
    written = verdict(measurement(0.7, examples=("1+1: 3",)), measurement(None, 0))

    read = Verdict.model_validate_json(written.model_dump_json(by_alias=True))

    assert read == written
    assert "outcome" not in written.model_dump_json()
    assert written.as_dict()["outcome"] == "fail"
    assert [m["outcome"] for m in written.as_dict()["measurements"]] == ["fail", "hold"]


@pytest.mark.parametrize(
    "change", [{"samples": -1}, {"min_samples": 0}, {"bound": "about"}, {"unit": ""}, {"extra": 1}]
)
def test_a_measurement_without_sense_is_refused(change: dict[str, Any]) -> None:
    """No threshold without a unit, no sample size below nothing."""
    fields = measurement(0.9).model_dump() | change

    with pytest.raises(ValidationError):
        Measurement.model_validate(fields)


def test_a_measurement_is_one_line_for_people() -> None:
    """What was wanted and found, each with its samples."""
    assert str(measurement(0.7)) == (
        "answers/facts: fail; wanted at least 0.8 share on 10 samples, found 0.7 share on 10"
    )
    assert str(measurement(None, 0)).endswith("found nothing on 0")


@given(st.lists(st.sampled_from([None, "wrong"]), min_size=1))
def test_a_share_is_of_the_cases_without_a_fault(faults: list[str | None]) -> None:
    """Some wrong answers are kept for people."""
    answers = [Answer(case=str(i), fault=fault) for i, fault in enumerate(faults)]
    found = share("answers", "facts", answers, threshold=0.5, min_samples=1)

    assert found.value == pytest.approx(faults.count(None) / len(faults))
    assert found.samples == len(faults)
    assert found.examples == ("wrong",) * min(faults.count("wrong"), 3)


def test_a_share_of_nothing_is_no_number() -> None:
    """Not 0 and not 1."""
    found = share("answers", "facts", [], threshold=0.5, min_samples=1)

    assert (found.value, found.samples, found.outcome) == (None, 0, Outcome.HOLD)


def test_what_the_endpoint_gets_wrong_is_a_fault_of_its_case() -> None:
    """The gate goes on with the next case."""

    def fail() -> Answer:
        raise EndpointError("HTTP 500")

    assert Job("functional", "facts", "one", fail).run() == Answer(case="one", fault="HTTP 500")


@given(values=st.lists(VALUES, min_size=1), q=st.floats(0.01, 1))
def test_a_quantile_is_a_measured_value_that_enough_values_do_not_exceed(
    values: list[float], q: float
) -> None:
    """The smallest such value, so it never hides a slow request."""
    found = quantile(values, q)

    assert found in values
    assert sum(v <= found for v in values) >= q * len(values) - 1e-9
    assert sum(v < found for v in values) < max(q * len(values), 1)


@pytest.mark.parametrize(
    ("q", "expected"), [(0.5, 5), (0.9, 9), (0.95, 10), (0.99, 10), (1.0, 10), (0.05, 1)]
)
def test_the_nearest_rank_of_ten_values(q: float, expected: float) -> None:
    """By hand."""
    assert quantile([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], q) == expected
    assert quantile([], q) is None


@pytest.mark.parametrize(
    ("objective", "name", "needed"),
    [(0.95, "ttft-p95", 20), (0.99, "ttft-p99", 100), (0.5, "ttft-p50", 2), (1.0, "ttft-p100", 1)],
)
def test_a_quantile_needs_as_many_samples_as_it_can_see(
    objective: float, name: str, needed: int
) -> None:
    """With fewer, a single slow answer could not break it."""
    limit = Objective(objective=objective, seconds=1.5)

    found = seconds("latency", "ttft", [1.0] * needed, limit)
    fewer = seconds("latency", "ttft", [1.0] * (needed - 1), limit)

    assert (found.name, found.min_samples, found.threshold) == (name, needed, 1.5)
    assert (found.outcome, fewer.outcome) == (Outcome.PASS, Outcome.HOLD)
