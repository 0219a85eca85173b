"""Formulas of the gates worked out by hand, and what follows from their extremes."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.catalog.objects import Objective
from tidegate.gates import drift, measure, statistics
from tidegate.gates.assertions import cosine
from tidegate.gates.record import Answer
from tidegate.gates.verdict import Interval, Measurement, Outcome

VECTOR = st.lists(st.integers(-9, 9).map(float), min_size=3, max_size=3)


def test_wilson_of_eight_in_ten() -> None:
    """(0.8 + z2/20 -+ sqrt(z2 0.16/10 + z2^2/400)) / (1 + z2/10) with z2 = 3.8415."""
    found = statistics.wilson(8, 10)

    assert (found.low, found.high) == pytest.approx((0.49016, 0.94332), abs=1e-5)


def test_the_effective_size_of_weights_one_and_three() -> None:
    """(1 + 3)^2 / (1 + 9)."""
    assert statistics.effective_size([1, 3]) == 1.6


def test_the_exact_limit_of_no_success_is_a_root() -> None:
    """None of 10: (1 - p)^10 = 0.025; all of 10 is the same seen from the other side."""
    none, every = statistics.clopper_pearson(0, 10), statistics.clopper_pearson(10, 10)

    assert (none.low, none.high) == pytest.approx((0, 1 - 0.025**0.1), abs=1e-8)
    assert (every.low, every.high) == pytest.approx((0.025**0.1, 1), abs=1e-8)


def test_mcnemar_of_five_lost_and_one_gained() -> None:
    """(C(6, 5) + C(6, 6)) / 2^6."""
    assert statistics.mcnemar(5, 1) == pytest.approx(7 / 64)


@given(st.integers(0, 15), st.integers(0, 15), st.integers(0, 15))
@settings(max_examples=30)
def test_the_limits_of_a_drop_enclose_it_in_small_samples_too(
    lost: int, gained: int, same: int
) -> None:
    """Even where every case was lost, or every one gained."""
    total = max(lost + gained + same, 1)
    found = statistics.paired_drop(lost, gained, total)

    assert found.low is not None
    assert found.high is not None
    assert -1 <= found.low <= (lost - gained) / total + 1e-6
    assert (lost - gained) / total - 1e-6 <= found.high <= 1


def test_the_limits_of_resamples_are_their_percentiles() -> None:
    """The 25th and the 975th of 1,000, counted from 1."""
    found = statistics.Resampled([float(i) for i in range(1, 1001)]).bounds()

    assert (found.low, found.high) == (25, 975)


def test_the_p_value_of_resamples_is_never_nothing() -> None:
    """(how many are at most the value + 1) / (all + 1)."""
    resampled = statistics.Resampled([1.0, 2.0, 3.0])

    assert [resampled.at_most(v) for v in (0, 2, 3)] == [0.25, 0.75, 1]


def test_a_slowdown_is_the_ratio_of_two_nearest_ranks() -> None:
    """The median of 2 to 20 by the median of 1 to 10 is 10 / 5."""
    old = [float(i) for i in range(1, 11)]
    found = measure.slowdown("g", "n", old, [2 * t for t in old], 0.5, seed=0)

    assert (found.name, found.value, found.samples) == ("n-p50-ratio", 2, 10)
    assert found.interval
    assert found.interval.confidence == pytest.approx(0.9)


def test_a_release_that_no_longer_answers_is_slower_than_any_limit() -> None:
    """An answer that never came is a number as far as JSON can say it."""
    found = measure.slowdown("g", "n", [0.1] * 20, [math.inf] * 20, 0.5, seed=0)

    assert found.value == pytest.approx(measure.NEVER / 0.1)
    assert found.outcome is Outcome.FAIL


def test_a_score_drop_is_of_the_cases_that_both_have() -> None:
    """(0.5 - 0.25 + 1 - 0.75) / 2; a case of one run alone says nothing."""
    found = measure.score_drop(
        "g", "n", {"a": 0.5, "b": 1.0, "x": 1.0}, {"a": 0.25, "b": 0.75, "y": 0.0},
        margin=0.05, seed=0,
    )  # fmt: skip

    assert (found.value, found.samples, found.outcome) == (0.25, 2, Outcome.HOLD)


def test_a_comparison_of_nothing_holds_without_a_number() -> None:
    """Whatever is compared."""
    nothing = [
        measure.drop("g", "n", [], [Answer(case="a")], margin=0.1),
        measure.score_drop("g", "n", {}, {"a": 1.0}, margin=0.1, seed=0),
        measure.slowdown("g", "n", [], [1.0], 0.5, seed=0),
        measure.mean("g", "n", [], threshold=0.1, min_samples=1, seed=0),
    ]

    assert {(m.value, m.interval, m.p_value) for m in nothing} == {(None, None, None)}
    assert {m.outcome for m in nothing} == {Outcome.HOLD}


def test_an_objective_of_all_fails_with_one_slow_answer() -> None:
    """The largest time can only be larger than what was seen, so no hold is left."""
    limit = Objective(objective=1, seconds=1)

    assert measure.seconds("g", "n", [0.5] * 50, limit).outcome is Outcome.PASS
    assert measure.seconds("g", "n", [*[0.5] * 50, 1.5], limit).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("bound", "low", "high", "outcome"),
    [
        ("at least", 0.1, 0.7, Outcome.FAIL),
        ("at least", 0.1, 0.8, Outcome.HOLD),
        ("at least", 0.1, None, Outcome.HOLD),
        ("at most", 0.9, 2.0, Outcome.FAIL),
        ("at most", 0.8, 2.0, Outcome.HOLD),
        ("at most", None, 2.0, Outcome.HOLD),
    ],
)
def test_only_the_limit_towards_the_threshold_decides(
    bound: str, low: float | None, high: float | None, outcome: Outcome
) -> None:
    """A limit that the sample is too small for leaves every possibility open."""
    found = Measurement.model_validate(
        {
            "gate": "g", "name": "n", "unit": "s", "bound": bound, "threshold": 0.8,
            "value": 0.5 if bound == "at least" else 1.0, "samples": 9, "min_samples": 1,
            "interval": Interval(low=low, high=high, confidence=0.95, method="wilson"),
        },
        by_name=True,
    )  # fmt: skip

    assert found.outcome is outcome


def test_divergences_of_two_bins() -> None:
    """From halves to a quarter and three quarters: KL is ln(27/16) / 4, PSI ln(3) / 4."""
    assert drift.kl([0.5, 0.5], [0.25, 0.75]) == pytest.approx(math.log(27 / 16) / 4)
    assert drift.psi([0.5, 0.5], [0.25, 0.75]) == pytest.approx(math.log(3) / 4)


def test_a_histogram_counts_an_edge_below_it_and_half_a_text_in_each_bin() -> None:
    """1, 2, 2 and 3 over edges at 2 and 2.5: 3, 0 and 1 of 4, each with a half more."""
    assert drift.histogram([1, 2, 2, 3], [2, 2.5]) == pytest.approx(
        [3.5 / 5.5, 0.5 / 5.5, 1.5 / 5.5]
    )


def test_deciles_hold_a_tenth_each() -> None:
    """Nine inner edges of a hundred values, whatever their order."""
    assert drift.deciles(range(99, -1, -1)) == list(range(10, 100, 10))


def test_the_mean_of_moved_vectors_is_over_what_both_releases_have() -> None:
    """By name: a right angle is 0, the same direction 1, the opposite one -1."""
    old = {"a": [1.0, 0.0], "b": [1.0, 0.0], "c": [1.0, 0.0], "gone": [1.0, 0.0]}
    new = {"c": [-2.0, 0.0], "b": [3.0, 0.0], "a": [0.0, 1.0], "new": [1.0, 0.0]}

    assert drift.moved(old, new) == [0, 1, -1]


@given(VECTOR, VECTOR, st.integers(1, 9))
def test_a_cosine_knows_directions_and_no_lengths(
    a: list[float], b: list[float], times: int
) -> None:
    """Between -1 and 1, the same both ways, and 0 beside a null vector."""
    found = cosine(a, b)

    assert -1 - 1e-12 <= found <= 1 + 1e-12
    assert found == pytest.approx(cosine(b, a))
    assert found == pytest.approx(cosine([times * x for x in a], b))
    assert cosine(a, [0.0, 0.0, 0.0]) == 0
