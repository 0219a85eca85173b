"""What follows from a number, its threshold, its sample size and its interval."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.catalog.objects import Objective
from tidegate.gates import measure
from tidegate.gates.record import Answer
from tidegate.gates.verdict import Interval, Measurement, Outcome, Verdict


def answers(right: int, total: int, weight: float = 1) -> list[Answer]:
    """So many right answers, the wrong ones first."""
    wrong = total - right
    return [
        Answer(case=str(i), fault="wrong" if i < wrong else None, weight=weight)
        for i in range(total)
    ]


def share(right: int, total: int, threshold: float = 0.9, least: int = 20) -> Measurement:
    """A share of right answers."""
    return measure.share("g", "n", answers(right, total), threshold=threshold, min_samples=least)


@pytest.mark.parametrize(
    ("right", "total", "outcome"),
    [
        (60, 60, Outcome.PASS),
        (54, 60, Outcome.PASS),
        (53, 60, Outcome.HOLD),
        (50, 60, Outcome.HOLD),
        (48, 60, Outcome.FAIL),
        (0, 60, Outcome.FAIL),
        (19, 19, Outcome.HOLD),
        (0, 0, Outcome.HOLD),
    ],
)
def test_a_share_fails_only_where_it_is_significantly_too_low(
    right: int, total: int, outcome: Outcome
) -> None:
    """Below the threshold but within its reach it holds, and so does a small sample."""
    assert share(right, total).outcome is outcome


def test_a_share_that_must_be_whole_fails_with_one_fault() -> None:
    """The contract has no tolerance: the interval of less than all never reaches all."""
    assert all(share(n - 1, n, 1, 1).outcome is Outcome.FAIL for n in range(1, 200))


def test_a_heavy_case_counts_more_and_makes_the_sample_smaller() -> None:
    """Weights move the share, and the interval says how little it then rests on."""
    light = [*answers(19, 19), Answer(case="x", fault="wrong", weight=1)]
    heavy = [*answers(19, 19), Answer(case="x", fault="wrong", weight=19)]
    one, other = (
        measure.share("g", "n", found, threshold=0.9, min_samples=1) for found in (light, heavy)
    )

    assert one.value == pytest.approx(0.95)
    assert other.value == pytest.approx(0.5)
    assert one.interval
    assert other.interval
    assert (other.interval.high or 0) - (other.interval.low or 0) > 0.5


@given(st.integers(0, 80), st.integers(1, 80), st.floats(0.5, 1))
def test_a_better_share_never_has_a_worse_outcome(right: int, total: int, threshold: float) -> None:
    """Outcomes are ordered as the numbers are."""
    order = [Outcome.FAIL, Outcome.HOLD, Outcome.PASS]
    found = [order.index(share(n, total, threshold, 1).outcome) for n in (min(right, total), total)]

    assert found == sorted(found)


def pair(lost: int, gained: int, same: int, margin: float = 0.1) -> Measurement:
    """The comparison of two releases on the same cases."""
    old = [*answers(lost + same, lost + same), *answers(0, gained)]
    was = [Answer(case=str(i), fault=a.fault) for i, a in enumerate(old)]
    now = [Answer(case=str(i), fault="wrong" if i < lost else None) for i in range(len(was))]
    return measure.drop("g", "n", was, now, margin=margin)


@pytest.mark.parametrize(
    ("lost", "gained", "same", "outcome"),
    [
        (0, 0, 25, Outcome.PASS),
        (0, 0, 24, Outcome.HOLD),
        (0, 0, 5, Outcome.HOLD),
        (1, 0, 59, Outcome.PASS),
        (3, 0, 57, Outcome.HOLD),
        (5, 0, 55, Outcome.FAIL),
        (6, 6, 88, Outcome.PASS),
        (12, 2, 46, Outcome.FAIL),
        (0, 9, 51, Outcome.PASS),
        (9, 0, 991, Outcome.PASS),
    ],
)
def test_a_drop_blocks_when_it_is_significant_and_a_small_sample_holds(
    lost: int, gained: int, same: int, outcome: Outcome
) -> None:
    """And a drop that is certainly within the margin passes, however significant."""
    assert pair(lost, gained, same).outcome is outcome


def test_a_comparison_names_the_cases_that_were_lost() -> None:
    """People look at those first."""
    assert pair(2, 0, 60).examples == ("'': was right; wrong", "'': was right; wrong")


def test_cases_that_only_one_run_has_are_not_compared() -> None:
    """A new case says nothing about a drop."""
    found = measure.drop("g", "n", answers(3, 3), answers(0, 30), margin=0.1)

    assert found.samples == 3


def test_a_release_that_is_as_fast_passes_and_one_twice_as_slow_fails() -> None:
    """By the ratio of their quantiles."""
    old = [0.1 + 0.001 * (i % 50) for i in range(300)]

    same = measure.slowdown("g", "n", old, old[::-1], 0.95, seed=0)
    slow = measure.slowdown("g", "n", old, [2 * t for t in old], 0.95, seed=0)
    few = measure.slowdown("g", "n", old[:3], old[:3], 0.95, seed=0)

    assert (same.outcome, slow.outcome, few.outcome) == (
        Outcome.PASS,
        Outcome.FAIL,
        Outcome.HOLD,
    )


def test_a_score_that_fell_for_every_case_fails() -> None:
    """By the mean of the paired differences."""
    old = {str(i): 0.9 for i in range(40)}
    fell = {case: value - 0.2 for case, value in old.items()}

    drops = [
        measure.score_drop("g", "n", old, new, margin=0.05, seed=0).outcome for new in (old, fell)
    ]

    assert drops == [Outcome.PASS, Outcome.FAIL]


@pytest.mark.parametrize("value", [None, float("nan"), 0.5])
def test_a_comparison_passes_by_no_other_way_than_its_interval(value: float | None) -> None:
    """A number outside the margin, or none, does not pass beside a narrow interval."""
    narrow = Interval(low=0, high=0.01, confidence=0.9, method="score")
    found = Measurement(
        gate="g", name="n", value=value, unit="share", bound="at most", threshold=0.1,
        samples=50, min_samples=10, interval=narrow, rule="no worse", p_value=0.5,
    )  # fmt: skip

    assert found.outcome is Outcome.HOLD


def test_every_kind_of_number_carries_its_uncertainty() -> None:
    """Shares, means, quantiles and comparisons all have limits once something was measured."""
    objective = Objective(objective=0.9, seconds=1)
    found = [
        share(19, 20),
        measure.mean("g", "n", [0.1, 0.4], threshold=0.2, min_samples=1, seed=0),
        measure.seconds("g", "n", [0.1] * 30, objective),
        pair(1, 1, 30),
    ]

    assert all(m.interval is not None for m in found)


def test_a_verdict_is_as_bad_as_its_worst_number() -> None:
    """Fail before hold before pass, and nothing measured holds."""
    good, held, failed = share(20, 20), share(3, 3), share(0, 20)

    def outcome(*measurements: Measurement) -> Outcome:
        return Verdict(model="m", started="2026-11-24T06:00:00Z", measurements=measurements).outcome

    assert outcome(good) is Outcome.PASS
    assert outcome(good, held) is Outcome.HOLD
    assert outcome(held, failed, good) is Outcome.FAIL
    assert outcome() is Outcome.HOLD
