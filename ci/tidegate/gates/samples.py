"""Whether two samples come from one distribution: classic tests on the standard library alone."""

import math
from bisect import bisect_right
from collections.abc import Sequence

# Beyond it every further term is below the smallest double.
_TERMS = 100


def kolmogorov_smirnov(old: Sequence[float], new: Sequence[float]) -> float:
    """The p-value of the two-sample test, asymptotic with the correction of Stephens 1970.

    Args:
        old: one sample, not empty.
        new: the other one.
    """
    first, second = sorted(old), sorted(new)
    distance = max(
        abs(bisect_right(first, x) / len(first) - bisect_right(second, x) / len(second))
        for x in {*first, *second}
    )
    root = math.sqrt(len(first) * len(second) / (len(first) + len(second)))
    scaled = (root + 0.12 + 0.11 / root) * distance
    if scaled < 0.2:  # noqa: PLR2004 - here the series below converges too slowly, to 1
        return 1.0
    terms = ((-1) ** (k - 1) * math.exp(-2 * (k * scaled) ** 2) for k in range(1, _TERMS))
    return min(max(2 * math.fsum(terms), 0.0), 1.0)


def chi_squared(old: Sequence[int], new: Sequence[int]) -> float:
    """The p-value of Pearson's test that two rows of counts have the same shares.

    Args:
        old: how often each category was seen in one sample.
        new: the same in the other one; both have at least one in all.
    """
    totals = [a + b for a, b in zip(old, new, strict=True)]
    shares = sum(old) / sum(totals), sum(new) / sum(totals)
    statistic = math.fsum(
        (count - total * share) ** 2 / (total * share)
        for row, share in zip((old, new), shares, strict=True)
        for count, total in zip(row, totals, strict=True)
        if total
    )
    return chi_squared_tail(statistic, sum(total > 0 for total in totals) - 1)


def chi_squared_tail(statistic: float, freedom: int) -> float:
    """P(X > statistic) of a chi-squared variable; by recurrence from one or two degrees.

    Abramowitz and Stegun 1964, 26.4.4 and 26.4.5.
    """
    if freedom < 1 or statistic <= 0:
        return 1.0
    half = statistic / 2
    tail = math.erfc(math.sqrt(half)) if freedom % 2 else math.exp(-half)
    for degrees in range(3 if freedom % 2 else 4, freedom + 1, 2):
        power = degrees / 2 - 1
        tail += math.exp(power * math.log(half) - half - math.lgamma(power + 1))
    return min(tail, 1.0)
