"""How far embeddings moved from those of the previous release.

A mean cosine below 1 says that the same text lies elsewhere, so that stored vectors and new
queries no longer meet. PSI and KL compare how similar texts are to each other in both releases.
"""

import math
import random
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations

from tidegate.catalog.evals import Drift
from tidegate.gates.assertions import cosine
from tidegate.gates.measure import interval_of
from tidegate.gates.statistics import bootstrap
from tidegate.gates.verdict import Measurement

BINS = 10
# Keeps an empty bin from making both measures infinite: half a text in it.
_PSEUDO = 0.5
_FEWEST = 10
_RESAMPLES = 200

Vectors = Mapping[str, Sequence[float]]
Table = list[list[float]]
Divergence = Callable[[Sequence[float], Sequence[float]], float]


def histogram(values: Sequence[float], edges: Sequence[float]) -> list[float]:
    """The share of values in each bin, every bin a little above 0."""
    counts = [_PSEUDO] * (len(edges) + 1)
    for value in values:
        counts[bisect_left(edges, value)] += 1
    return [count / math.fsum(counts) for count in counts]


def deciles(values: Sequence[float]) -> list[float]:
    """The inner edges of ten bins that hold as many values each."""
    ordered = sorted(values)
    return [ordered[len(ordered) * i // BINS] for i in range(1, BINS)]


def psi(old: Sequence[float], new: Sequence[float]) -> float:
    """Population stability index: the symmetric form of the Kullback-Leibler divergence."""
    return math.fsum((b - a) * math.log(b / a) for a, b in zip(old, new, strict=True))


def kl(old: Sequence[float], new: Sequence[float]) -> float:
    """Kullback-Leibler divergence of the new histogram from the old one, in nats."""
    return math.fsum(b * math.log(b / a) for a, b in zip(old, new, strict=True))


def _table(vectors: Vectors, names: Sequence[str]) -> Table:
    """The cosine of each text with each other one."""
    return [[cosine(list(vectors[a]), list(vectors[b])) for b in names] for a in names]


def _pairs(table: Table, chosen: Sequence[int]) -> list[float]:
    """The cosines of different texts among the chosen ones."""
    return [table[a][b] for a, b in combinations(chosen, 2) if a != b]


def moved(old: Vectors, new: Vectors) -> list[float]:
    """The cosine between both vectors of each text; 0 where the length of vectors changed."""
    return [
        cosine(list(old[name]), list(new[name])) if len(old[name]) == len(new[name]) else 0.0
        for name in sorted(old.keys() & new.keys())
    ]


def measured(
    name: str, old: Vectors, new: Vectors, limits: Drift, *, seed: int
) -> Iterator[Measurement]:
    """PSI and KL of the similarities among the texts that both releases embedded.

    Their limits come from resampling texts, not pairs: pairs of one text move together.
    """
    names = sorted(old.keys() & new.keys())
    enough = len(names) >= _FEWEST
    before, after = (_table(vectors, names) if enough else [] for vectors in (old, new))
    for label, divergence, threshold in (("psi", psi, limits.psi), ("kl", kl, limits.kl)):
        draw = partial(_resampled, before, after, divergence)
        value, interval = None, None
        if enough:
            value = _between(before, after, divergence, range(len(names)))
            found = bootstrap(draw, seed=seed, resamples=_RESAMPLES)
            interval = interval_of(found.bounds(), "bootstrap")
        yield Measurement(
            gate="drift",
            name=f"{name}-{label}",
            value=value,
            unit="nats",
            bound="at most",
            threshold=threshold,
            samples=len(names),
            min_samples=_FEWEST,
            interval=interval,
        )


def _between(before: Table, after: Table, divergence: Divergence, chosen: Sequence[int]) -> float:
    """The divergence of the similarities among the chosen texts."""
    first, second = _pairs(before, chosen), _pairs(after, chosen)
    edges = deciles(first)
    return divergence(histogram(first, edges), histogram(second, edges))


def _resampled(before: Table, after: Table, divergence: Divergence, rng: random.Random) -> float:
    chosen = rng.choices(range(len(before)), k=len(before))
    return _between(before, after, divergence, chosen)
