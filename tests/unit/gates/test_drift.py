"""Embedding drift: none between equal releases, and the more the further vectors move."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from tests.stub.faults import letters
from tests.unit.gates import samples

from tidegate.catalog.evals import Drift
from tidegate.gates import drift
from tidegate.gates.verdict import Outcome

TEXTS = {word: letters(word * 3 + other) for word in samples.WORDS for other in ("x",)}
SHARES = st.lists(st.floats(0.01, 1), min_size=10, max_size=10).map(
    lambda values: [v / sum(values) for v in values]
)


def moved(by: float, seed: int = 0) -> dict[str, list[float]]:
    """The vectors with noise of a size."""
    rng = random.Random(seed)  # noqa: S311 - test data
    return {name: [x + rng.gauss(0, by) for x in vector] for name, vector in TEXTS.items()}


@given(SHARES, SHARES)
def test_kl_is_the_relative_entropy_of_scipy(old: list[float], new: list[float]) -> None:
    """An independent implementation; in nats."""
    assert drift.kl(old, new) == pytest.approx(float(stats.entropy(new, old)), abs=1e-9)


@given(SHARES, SHARES)
def test_psi_is_kl_in_both_directions(old: list[float], new: list[float]) -> None:
    """The symmetric form."""
    assert drift.psi(old, new) == pytest.approx(drift.kl(old, new) + drift.kl(new, old))


@given(st.lists(st.floats(-1, 1), min_size=10, max_size=50))
def test_a_histogram_is_a_distribution_without_empty_bins(values: list[float]) -> None:
    """It adds to one, and every bin has something."""
    found = drift.histogram(values, drift.deciles(values))

    assert sum(found) == pytest.approx(1)
    assert min(found) > 0


def test_equal_releases_do_not_drift() -> None:
    """Cosines are 1 and both divergences 0, which is their whole interval."""
    measured = list(drift.measured("set", TEXTS, TEXTS, Drift(), seed=0))

    assert drift.moved(TEXTS, TEXTS) == pytest.approx([1.0] * len(TEXTS))
    assert [m.value for m in measured] == pytest.approx([0, 0])
    assert {m.outcome for m in measured} == {Outcome.PASS}
    assert all(m.interval and m.interval.high == pytest.approx(0) for m in measured)


def test_vectors_that_moved_far_are_found() -> None:
    """Noise larger than the vectors leaves no similarity as it was."""
    measured = list(drift.measured("set", TEXTS, moved(20), Drift(), seed=0))

    assert max(drift.moved(TEXTS, moved(20))) < 0.9
    assert {m.outcome for m in measured} == {Outcome.FAIL}


def test_a_change_of_length_is_the_furthest_drift() -> None:
    """Vectors of another length cannot be compared with stored ones at all."""
    assert drift.moved(TEXTS, {"alpha": [1.0]}) == [0.0]


def test_too_few_texts_hold() -> None:
    """Five texts say nothing about a distribution."""
    few = dict(list(TEXTS.items())[:5])

    assert {m.outcome for m in drift.measured("set", few, few, Drift(), seed=0)} == {Outcome.HOLD}
