"""When requests arrive: open loop, so that a slow server does not slow the questions down."""

import json
import math
import random
from pathlib import Path

from tidegate.findings import cannot_check


def poisson(rate: float, seconds: float, *, seed: int) -> tuple[float, ...]:
    """Arrivals of a Poisson process: many callers who know nothing of each other.

    Args:
        rate: requests per second.
        seconds: how long they arrive.
        seed: of the gaps; one seed, one schedule.
    """
    rng = random.Random(f"{seed}/{rate}")  # noqa: S311 - a schedule, no secret
    found, now = [], rng.expovariate(rate)
    while now < seconds:
        found.append(now)
        now += rng.expovariate(rate)
    return tuple(found)


def read_trace(path: Path) -> tuple[float, ...]:
    """Arrivals of a recorded trace, in seconds from its first.

    Each line is a number of seconds, or a JSON object with the key `timestamp` in seconds.

    Raises:
        CouldNotCheckError: it cannot be read, or a line is neither.
    """
    try:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        stamps = sorted(_stamp(json.loads(line)) for line in lines)
        first = stamps[0]
        return tuple(stamp - first for stamp in stamps)
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise cannot_check(
            path,
            "trace",
            "cannot be replayed",
            wanted="lines of seconds, or of JSON with the key timestamp",
            found=f"{type(error).__name__} {error}",
            next_step="correct the file",
        ) from None


def _stamp(value: object) -> float:
    stamp = value["timestamp"] if isinstance(value, dict) else value
    if isinstance(stamp, bool) or not isinstance(stamp, int | float) or not math.isfinite(stamp):
        raise TypeError(f"{stamp!r} is no number of seconds")
    return float(stamp)
