"""The kinds of number that the gates take, each with its interval, alone and beside another run."""

import math
from collections.abc import Sequence
from statistics import fmean

from tidegate.catalog.objects import Objective
from tidegate.gates import statistics
from tidegate.gates.record import Answer
from tidegate.gates.verdict import ALPHA, Interval, Measurement, Method

_EXAMPLES = 3
SLOWER = 1.5
"""How much slower than the previous release a quantile may be: scheduling alone moves it so far."""
_FEWEST_PAIRS = 10
NEVER = 1e9
"""Seconds of an answer that never came: JSON has no infinity."""


def interval_of(
    bounds: statistics.Bounds, method: Method, confidence: float = statistics.CONFIDENCE
) -> Interval:
    """Limits with how they were found, as a verdict holds them."""
    return Interval(low=bounds.low, high=bounds.high, confidence=confidence, method=method)


def _compared(bounds: statistics.Bounds, method: Method) -> Interval:
    """Limits of a difference of two releases, as one-sided tests at `ALPHA` use them."""
    return interval_of(bounds, method, 1 - 2 * ALPHA)


def share(
    gate: str, name: str, answers: Sequence[Answer], *, threshold: float, min_samples: int
) -> Measurement:
    """The share of cases without a fault, by weight.

    Args:
        gate: name of the gate.
        name: name of the set.
        answers: one a case.
        threshold: the least share that passes.
        min_samples: fewer cases hold.
    """
    wrong = [f"{a.asked!r}: {a.fault}" if a.asked else str(a.fault) for a in answers if a.fault]
    value, interval = None, None
    if answers:
        weights = [a.weight for a in answers]
        value = math.fsum(a.weight for a in answers if a.fault is None) / math.fsum(weights)
        size = statistics.effective_size(weights)
        interval = interval_of(statistics.wilson(value * size, size), "wilson")
    return Measurement(
        gate=gate,
        name=name,
        unit="share",
        value=value,
        bound="at least",
        threshold=threshold,
        samples=len(answers),
        min_samples=min_samples,
        interval=interval,
        examples=tuple(wrong[:_EXAMPLES]),
    )


def mean(
    gate: str,
    name: str,
    values: Sequence[float],
    *,
    threshold: float,
    min_samples: int,
    seed: int,
) -> Measurement:
    """The mean of scores between 0 and 1 against the least that passes."""
    interval = None
    if values:
        interval = interval_of(statistics.resampled_mean(values, seed=seed).bounds(), "bootstrap")
    return Measurement(
        gate=gate,
        name=name,
        unit="score",
        value=fmean(values) if values else None,
        bound="at least",
        threshold=threshold,
        samples=len(values),
        min_samples=min_samples,
        interval=interval,
    )


def quantile(values: Sequence[float], q: float) -> float | None:
    """The nearest-rank quantile, always a measured value; None without values."""
    return sorted(values)[statistics.quantile_index(q, len(values))] if values else None


def seconds(gate: str, name: str, values: Sequence[float], objective: Objective) -> Measurement:
    """The objective's quantile of times against its limit.

    A quantile of share q needs 1 / (1 - q) samples before a single slow one can break it.
    """
    q = objective.objective
    finite = [min(value, NEVER) for value in values]
    return Measurement(
        gate=gate,
        name=f"{name}-p{q * 100:g}",
        unit="s",
        value=quantile(finite, q),
        bound="at most",
        threshold=objective.seconds,
        samples=len(values),
        min_samples=math.ceil(1 / (1 - q) - 1e-9) if q < 1 else 1,
        interval=interval_of(statistics.quantile_bounds(finite, q), "order statistics")
        if finite
        else None,
    )


def drop(
    gate: str, name: str, old: Sequence[Answer], new: Sequence[Answer], *, margin: float
) -> Measurement:
    """How much smaller the share of right answers is than the previous release's, case by case."""
    before = {answer.case: answer.fault is None for answer in old}
    pairs = [(before[a.case], a.fault is None, a) for a in new if a.case in before]
    lost = [a for was, now, a in pairs if was and not now]
    gained = sum(now and not was for was, now, _ in pairs)
    n = len(pairs)
    return Measurement(
        gate=gate,
        name=f"{name}-drop",
        unit="share",
        value=(len(lost) - gained) / n if n else None,
        bound="at most",
        threshold=margin,
        samples=n,
        min_samples=_FEWEST_PAIRS,
        rule="no worse",
        interval=_compared(statistics.paired_drop(len(lost), gained, n, 1 - 2 * ALPHA), "score")
        if n
        else None,
        p_value=statistics.mcnemar(len(lost), gained) if n else None,
        examples=tuple(f"{a.asked!r}: was right; {a.fault}" for a in lost[:_EXAMPLES]),
    )


def score_drop(
    gate: str,
    name: str,
    old: dict[str, float],
    new: dict[str, float],
    *,
    margin: float,
    seed: int,
) -> Measurement:
    """How much smaller the mean score is than the previous release's, case by case."""
    falls = [old[case] - value for case, value in new.items() if case in old]
    found = statistics.resampled_mean(falls, seed=seed) if falls else None
    return Measurement(
        gate=gate,
        name=f"{name}-drop",
        unit="score",
        value=fmean(falls) if falls else None,
        bound="at most",
        threshold=margin,
        samples=len(falls),
        min_samples=_FEWEST_PAIRS,
        rule="no worse",
        interval=_compared(found.bounds(1 - 2 * ALPHA), "bootstrap") if found else None,
        p_value=found.at_most(0) if found else None,
    )


def slowdown(
    gate: str, name: str, old: Sequence[float], new: Sequence[float], q: float, *, seed: int
) -> Measurement:
    """The ratio of a quantile of times to the previous release's."""
    old, new = ([min(value, NEVER) for value in values] for values in (old, new))
    first, second = quantile(old, q), quantile(new, q)
    found = statistics.resampled_ratio(old, new, q, seed=seed) if first and second else None
    return Measurement(
        gate=gate,
        name=f"{name}-p{q * 100:g}-ratio",
        unit="ratio",
        value=second / first if first and second else None,
        bound="at most",
        threshold=SLOWER,
        samples=min(len(old), len(new)),
        min_samples=_FEWEST_PAIRS,
        rule="no worse",
        interval=_compared(found.bounds(1 - 2 * ALPHA), "bootstrap") if found else None,
        p_value=found.at_most(1) if found else None,
    )
