"""The two kinds of number that the gates take: a share of right answers and a quantile of times."""

import math
from collections.abc import Callable, Sequence

from tidegate.catalog.objects import Objective
from tidegate.gates.client import EndpointError
from tidegate.gates.verdict import Measurement

_EXAMPLES = 3


def share(
    gate: str, name: str, faults: Sequence[str | None], *, threshold: float, min_samples: int
) -> Measurement:
    """The share of cases without a fault.

    Args:
        gate: name of the gate.
        name: name of the set.
        faults: one entry a case; None where the answer was right.
        threshold: the least share that passes.
        min_samples: fewer cases hold.
    """
    wrong = [fault for fault in faults if fault is not None]
    return Measurement(
        gate=gate,
        name=name,
        unit="share",
        value=1 - len(wrong) / len(faults) if faults else None,
        bound="at least",
        threshold=threshold,
        samples=len(faults),
        min_samples=min_samples,
        examples=tuple(wrong[:_EXAMPLES]),
    )


def fault_of(attempt: Callable[[], str | None]) -> str | None:
    """The fault that `attempt` finds, or how the endpoint failed it."""
    try:
        return attempt()
    except EndpointError as error:
        return str(error)


def quantile(values: Sequence[float], q: float) -> float | None:
    """The smallest value that a share `q` of the values does not exceed; None without values.

    The nearest-rank definition (Hyndman and Fan 1996, definition 1): always a measured value.
    """
    if not values:
        return None
    return sorted(values)[max(math.ceil(q * len(values)), 1) - 1]


def seconds(gate: str, name: str, values: Sequence[float], objective: Objective) -> Measurement:
    """The objective's quantile of times against its limit.

    A quantile of share q needs 1 / (1 - q) samples before a single slow one can break it.
    """
    needed = math.ceil(1 / (1 - objective.objective)) if objective.objective < 1 else 1
    return Measurement(
        gate=gate,
        name=f"{name}-p{objective.objective * 100:g}",
        unit="s",
        value=quantile(values, objective.objective),
        bound="at most",
        threshold=objective.seconds,
        samples=len(values),
        min_samples=needed,
    )
