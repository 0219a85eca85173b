"""The statistics agree with SciPy's, an independent implementation, and keep their laws."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from tidegate.gates import statistics as own

COUNTS = st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(COUNTS, st.sampled_from([0.9, 0.95, 0.99]))
@settings(max_examples=50, deadline=None)
def test_intervals_of_a_share_are_those_of_scipy(counts: tuple[int, int], level: float) -> None:
    """Wilson and Clopper-Pearson, at every count and confidence."""
    right, total = counts
    oracle = stats.binomtest(right, total)

    for method, found in (
        ("wilson", own.wilson(right, total, level)),
        ("exact", own.clopper_pearson(right, total, level)),
    ):
        wanted = oracle.proportion_ci(level, method=method)
        assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high), abs=1e-6)


@given(st.integers(1, 60), st.integers(0, 60))
@settings(max_examples=50, deadline=None)
def test_mcnemar_is_the_exact_binomial_test(lost: int, gained: int) -> None:
    """One-sided: only a release that got worse has a small p-value."""
    wanted = stats.binomtest(lost, lost + gained, 0.5, alternative="greater").pvalue

    assert own.mcnemar(lost, gained) == pytest.approx(wanted, abs=1e-9)


def test_without_any_difference_there_is_no_evidence_of_a_drop() -> None:
    """No discordant case: the p-value is 1."""
    assert own.mcnemar(0, 0) == pytest.approx(1)


@given(st.integers(0, 100), st.integers(0, 100), st.floats(0.01, 0.99))
@settings(max_examples=50, deadline=None)
def test_the_binomial_distribution_is_that_of_scipy(k: int, n: int, p: float) -> None:
    """Tails that are far smaller than any error rate here included."""
    assert own.binomial_cdf(k, n, p) == pytest.approx(float(stats.binom.cdf(k, n, p)), abs=1e-9)


def score(lost: int, gained: int, total: int, drop: float) -> float:
    """The score statistic at a drop, its restricted likelihood maximised by SciPy."""
    same = total - lost - gained

    def minus_likelihood(q: float) -> float:
        cells = ((lost, q + drop), (gained, q), (same, 1 - 2 * q - drop))
        return -sum(count * math.log(max(p, 1e-300)) for count, p in cells if count)

    low, high = max(0.0, -drop), (1 - drop) / 2
    q = optimize.minimize_scalar(minus_likelihood, bounds=(low, high), options={"xatol": 1e-10}).x
    return float((lost - gained - total * drop) / math.sqrt(total * (2 * q + drop * (1 - drop))))


@pytest.mark.parametrize(
    ("lost", "gained", "total"), [(12, 2, 80), (9, 1, 60), (3, 0, 30), (5, 5, 50), (1, 4, 20)]
)
def test_the_limits_of_a_paired_drop_are_where_the_score_test_turns(
    lost: int, gained: int, total: int
) -> None:
    """Tango's limits are the drops that a test at the same level just does not reject."""
    found = own.paired_drop(lost, gained, total)

    assert found.low is not None
    assert found.high is not None
    assert score(lost, gained, total, found.low) == pytest.approx(1.95996, abs=2e-3)
    assert score(lost, gained, total, found.high) == pytest.approx(-1.95996, abs=2e-3)


def test_thirty_equal_cases_leave_room_for_a_drop_of_eleven_hundredths() -> None:
    """Without any difference the limit is z^2 / (n + z^2): why a small set cannot pass."""
    found = own.paired_drop(0, 0, 30)

    assert (found.low, found.high) == pytest.approx((-0.1135, 0.1135), abs=1e-4)


@given(st.integers(0, 20), st.integers(0, 20), st.integers(40, 90))
@settings(max_examples=40, deadline=None)
def test_a_paired_drop_changes_sign_with_the_releases(lost: int, gained: int, total: int) -> None:
    """Comparing B with A is comparing A with B backwards."""
    one, other = own.paired_drop(lost, gained, total), own.paired_drop(gained, lost, total)

    assert one.low is not None
    assert one.high is not None
    assert other.low == pytest.approx(-one.high, abs=1e-6)
    assert one.low <= (lost - gained) / total <= one.high


def test_a_quantile_of_few_values_has_no_upper_limit() -> None:
    """Twenty values cannot say how large the 95th percentile may be, and do not."""
    assert own.quantile_bounds(range(20), 0.95).high is None


def test_a_quantile_of_many_values_has_both_limits() -> None:
    """The ranks are those of the binomial distribution: 40 and 61 of 100 for the median."""
    found = own.quantile_bounds(range(1, 101), 0.5)

    assert (found.low, found.high) == (40, 61)


@given(st.integers(1, 80), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
@settings(max_examples=40, deadline=None)
def test_the_limits_of_a_quantile_enclose_it(n: int, q: float) -> None:
    """Whatever the size of the sample."""
    values = [float(i * i) for i in range(n)]
    found = own.quantile_bounds(values, q)
    value = values[own.quantile_index(q, n)]

    assert found.low is None or found.low <= value
    assert found.high is None or found.high >= value


def test_unequal_weights_are_worth_fewer_cases() -> None:
    """Equal weights count each case; one heavy case among light ones is nearly alone."""
    assert own.effective_size([2.0] * 10) == pytest.approx(10)
    assert own.effective_size([100.0, *[1.0] * 9]) < 1.3


def test_the_bootstrap_follows_its_seed() -> None:
    """One seed, one interval; and it is where the mean is."""
    rng = random.Random(1)  # noqa: S311 - test data
    values = [rng.gauss(3, 1) for _ in range(50)]

    first, again = (own.resampled_mean(values, seed=7).bounds() for _ in range(2))

    assert first == again
    assert first.low is not None
    assert first.high is not None
    assert first.low < sum(values) / 50 < first.high
    assert first != own.resampled_mean(values, seed=8).bounds()


def test_a_release_twice_as_slow_has_a_ratio_of_two() -> None:
    """The limits of the ratio of two quantiles enclose it and exclude 1."""
    rng = random.Random(2)  # noqa: S311 - test data
    old = [rng.uniform(1, 2) for _ in range(200)]
    resampled = own.resampled_ratio(old, [2 * v for v in old], 0.9, seed=0)
    found = resampled.bounds()

    assert found.low is not None
    assert found.high is not None
    assert 1.5 < found.low < 2.01
    assert 1.95 < found.high < 2.5
    assert resampled.at_most(1) < 0.01


def test_no_difference_is_no_evidence_of_a_drop() -> None:
    """Differences that are all 0 are at most 0 in every resample."""
    assert own.resampled_mean([0.0] * 30, seed=0).at_most(0) == 1
