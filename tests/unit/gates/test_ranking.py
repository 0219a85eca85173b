"""Ranking scores: values worked out by hand, and the laws that they keep."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.gates.ranking import ndcg, recall, reciprocal_rank, scores

GRADES = {"a": 3, "b": 2, "c": 1}
LISTS = st.permutations(["a", "b", "c", "d", "e"])


@pytest.mark.parametrize(
    ("ranked", "wanted"), [("abcd", 1), ("dabc", 1 / 2), ("dec", 1 / 3), ("de", 0)]
)
def test_the_reciprocal_rank_looks_for_the_first_relevant_document(
    ranked: str, wanted: float
) -> None:
    """One over its place."""
    assert reciprocal_rank(ranked, GRADES) == wanted


def test_ndcg_is_the_gain_over_the_best_possible_gain() -> None:
    """The example of Järvelin and Kekäläinen's measure with gains 7, 3, 1."""
    best = 7 / math.log2(2) + 3 / math.log2(3) + 1 / math.log2(4)
    found = 3 / math.log2(2) + 7 / math.log2(3) + 1 / math.log2(4)

    assert ndcg("bac", GRADES, 10) == pytest.approx(found / best)


@given(LISTS, st.integers(1, 5))
def test_scores_are_between_nothing_and_all(ranked: list[str], k: int) -> None:
    """Whatever the order and however far one looks."""
    assert all(0 <= value <= 1 for value in scores(ranked, GRADES, k).values())


@given(LISTS)
def test_the_ideal_order_is_the_only_one_with_a_full_score(ranked: list[str]) -> None:
    """NDCG is 1 exactly where the grades fall."""
    full = ndcg(ranked, GRADES, 5) == pytest.approx(1)

    assert full == (ranked[:3] == ["a", "b", "c"])


@given(LISTS, st.integers(1, 4))
def test_reading_further_never_loses_a_document(ranked: list[str], k: int) -> None:
    """Recall grows with k, and is whole at the end."""
    assert recall(ranked, GRADES, k) <= recall(ranked, GRADES, k + 1)
    assert recall(ranked, GRADES, 5) == 1


def test_without_a_relevant_document_every_score_is_nothing() -> None:
    """And no division by zero."""
    assert set(scores("ab", {}, 3).values()) == {0.0}
