"""Scores of a ranking. All are between 0 and 1, and 1 is best."""

import math
from collections.abc import Mapping, Sequence


def reciprocal_rank(ranked: Sequence[str], grades: Mapping[str, int]) -> float:
    """One over the rank of the first relevant document; 0 where there is none."""
    return next((1 / i for i, name in enumerate(ranked, start=1) if grades.get(name)), 0.0)


def _gain(grades: Sequence[int]) -> float:
    return math.fsum((2**g - 1) / math.log2(i + 1) for i, g in enumerate(grades, start=1))


def ndcg(ranked: Sequence[str], grades: Mapping[str, int], k: int) -> float:
    """Normalised discounted cumulative gain of the first k (Burges et al. 2005: gain 2^g - 1)."""
    best = _gain(sorted(grades.values(), reverse=True)[:k])
    return _gain([grades.get(name, 0) for name in ranked[:k]]) / best if best else 0.0


def recall(ranked: Sequence[str], grades: Mapping[str, int], k: int) -> float:
    """The share of the relevant documents among the first k."""
    relevant = {name for name, grade in grades.items() if grade}
    return len(relevant & set(ranked[:k])) / len(relevant) if relevant else 0.0


def scores(ranked: Sequence[str], grades: Mapping[str, int], k: int) -> dict[str, float]:
    """All of them by name."""
    return {
        "mrr": reciprocal_rank(ranked, grades),
        "ndcg": ndcg(ranked, grades, k),
        "recall": recall(ranked, grades, k),
    }
