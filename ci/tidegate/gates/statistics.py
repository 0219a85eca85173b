"""Intervals and tests that say how much a measured number can be trusted.

Everything here is exact or has its error rate stated in docs/explanation/statistics.md, where a
simulation checks it. Only the standard library is used: a gate must not wait for SciPy to load.
"""

import math
import random
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from statistics import NormalDist, fmean

CONFIDENCE = 0.95
RESAMPLES = 2000
_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Bounds:
    """Confidence limits; None where the sample is too small for the limit to exist."""

    low: float | None
    high: float | None


@cache
def _z(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)


def wilson(right: float, total: float, confidence: float = CONFIDENCE) -> Bounds:
    """The score interval of a share (Wilson 1927), two-sided.

    Args:
        right: successes; may be fractional where cases have weights.
        total: trials, or their effective number, above 0.
        confidence: of both limits together.
    """
    z2 = _z(confidence) ** 2
    share, scale = right / total, 1 / (1 + z2 / total)
    centre = share + z2 / (2 * total)
    half = math.sqrt(z2 * share * (1 - share) / total + z2 * z2 / (4 * total * total))
    return Bounds(max(scale * (centre - half), 0.0), min(scale * (centre + half), 1.0))


def effective_size(weights: Sequence[float]) -> float:
    """How many equal cases weigh as much evidence as these (Kish 1965): (sum w)^2 / sum w^2."""
    return sum(weights) ** 2 / sum(w * w for w in weights)


def _binomial_term(k: int, n: int, p: float) -> float:
    """P(X = k) of a binomial variable, in logarithms."""
    if p in {0, 1}:
        return float(k == n * p)
    ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return math.exp(ways + k * math.log(p) + (n - k) * math.log1p(-p))


def binomial_cdf(k: int, n: int, p: float) -> float:
    """P(X <= k) of a binomial variable, by adding its terms."""
    return 1.0 if k >= n else min(1.0, math.fsum(_binomial_term(i, n, p) for i in range(k + 1)))


def _root(f: Callable[[float], float], low: float, high: float) -> float:
    """Where a falling function crosses zero between two points, by bisection."""
    while high - low > _TOLERANCE:
        middle = (low + high) / 2
        low, high = (middle, high) if f(middle) > 0 else (low, middle)
    return (low + high) / 2


def clopper_pearson(right: int, total: int, confidence: float = CONFIDENCE) -> Bounds:
    """The exact interval of a share (Clopper and Pearson 1934): covers at least as promised."""
    tail = (1 - confidence) / 2
    low = 0.0 if right == 0 else _root(lambda p: binomial_cdf(right - 1, total, p) - 1 + tail, 0, 1)
    high = 1.0 if right == total else _root(lambda p: binomial_cdf(right, total, p) - tail, 0, 1)
    return Bounds(low, high)


def quantile_index(q: float, n: int) -> int:
    """Index of the nearest-rank quantile in n sorted values (Hyndman and Fan 1996, type 1)."""
    return max(math.ceil(q * n - _TOLERANCE), 1) - 1


def quantile_bounds(values: Sequence[float], q: float, confidence: float = CONFIDENCE) -> Bounds:
    """Limits of a quantile from the order statistics; needs no assumption on the distribution.

    The number of values below the quantile is binomial, which bounds its rank (David and
    Nagaraja 2003, section 7.1). Where no measured value is high enough to be a limit, it is None.
    """
    ordered, n, tail = sorted(values), len(values), (1 - confidence) / 2
    below = list(accumulate(_binomial_term(k, n, q) for k in range(n)))
    low = next((k for k in range(n) if below[k] > tail), n) - 1
    high = next((k for k in range(n) if below[k] >= 1 - tail), n)
    return Bounds(
        ordered[low] if low >= 0 else None,
        ordered[high] if high < n else None,
    )


def mcnemar(lost: int, gained: int) -> float:
    """One-sided exact p-value that the new release answers worse (McNemar 1947, exact form).

    Args:
        lost: cases that the previous release had right and the new one has wrong.
        gained: the other way round.
    """
    return 1 - binomial_cdf(lost - 1, lost + gained, 0.5)


def _score(lost: int, gained: int, total: int, drop: float) -> float:
    """Tango's statistic for the hypothesis that the share fell by `drop`; falls with `drop`."""
    a = 2 * total
    b = -lost - gained + (2 * total - lost + gained) * drop
    c = -gained * drop * (1 - drop)
    gains = (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
    variance = total * (2 * gains + drop * (1 - drop))
    distance = lost - gained - total * drop
    return (
        distance / math.sqrt(variance) if variance > 0 else distance * math.inf if distance else 0.0
    )


def paired_drop(lost: int, gained: int, total: int, confidence: float = CONFIDENCE) -> Bounds:
    """Limits of the drop of a share between two releases on the same cases (Tango 1998).

    A positive drop means that the new release is worse.
    """
    z, edge = _z(confidence), 1 - _TOLERANCE
    return Bounds(
        _root(lambda drop: _score(lost, gained, total, drop) - z, -edge, edge),
        _root(lambda drop: _score(lost, gained, total, drop) + z, -edge, edge),
    )


@dataclass(frozen=True, slots=True)
class Resampled:
    """A statistic of many bootstrap resamples (Efron 1979), in order."""

    found: list[float]

    def bounds(self, confidence: float = CONFIDENCE) -> Bounds:
        """Percentile limits."""
        n, tail = len(self.found), (1 - confidence) / 2
        return Bounds(self.found[quantile_index(tail, n)], self.found[quantile_index(1 - tail, n)])

    def at_most(self, value: float) -> float:
        """One-sided p-value for the hypothesis that the statistic is at most `value`."""
        return (bisect_right(self.found, value) + 1) / (len(self.found) + 1)


def bootstrap(
    draw: Callable[[random.Random], float], *, seed: int, resamples: int = RESAMPLES
) -> Resampled:
    """What `draw` finds in each resample that it takes with the generator it is given."""
    rng = random.Random(seed)  # noqa: S311 - resampling, not a secret
    return Resampled(sorted(draw(rng) for _ in range(resamples)))


def resampled_mean(values: Sequence[float], *, seed: int) -> Resampled:
    """Means of resamples; of paired differences, where those are given."""
    return bootstrap(lambda rng: fmean(rng.choices(values, k=len(values))), seed=seed)


def resampled_ratio(
    old: Sequence[float], new: Sequence[float], q: float, *, seed: int
) -> Resampled:
    """Quantile of new / quantile of old, for two independent samples above 0."""
    first, second = quantile_index(q, len(old)), quantile_index(q, len(new))

    def ratio(rng: random.Random) -> float:
        above = sorted(rng.choices(new, k=len(new)))[second]
        return above / sorted(rng.choices(old, k=len(old)))[first]

    return bootstrap(ratio, seed=seed, resamples=RESAMPLES // 4)
