"""Load: open-loop arrivals at the promised rate, then at those around the knee.

The ladder is climbed by doubling until a rate is too much, and then searched between the last good
rate and that one: as fine as trying every rung, in half the time, and no server is overloaded
twice over.
"""

import gc
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import uvloop

from tidegate.catalog.objects import ServiceLevel
from tidegate.gates.arrivals import poisson
from tidegate.gates.client import EndpointError
from tidegate.gates.jobs import Progress, Target
from tidegate.gates.record import Request, Step
from tidegate.gates.scenarios import CHAT, Scenario, scenarios
from tidegate.gates.wire import open_loop, payload

LADDER = (0.5, 1, 1.5, 2, 3, 4, 6, 8, 12, 16)
"""Multiples of the promised rate."""
_MOST_STEPS = 6
"""What a server takes that keeps twelve times its promise and no more: 1, 2, 4, 8, 16 and 12."""
_WARM = 8


def good(request: Request, slo: ServiceLevel) -> bool:
    """Whether a request was answered within every objective of the model."""
    gaps = request.gaps
    first, between = slo.time_to_first_token, slo.inter_token_latency
    return (
        request.fault is None
        and request.end_to_end <= slo.end_to_end.seconds
        and (first is None or request.time_to_first_token <= first.seconds)
        and (between is None or not gaps or math.fsum(gaps) / len(gaps) <= between.seconds)
    )


def goodput(step: Step, slo: ServiceLevel) -> float:
    """The share of a step's requests that were good; 0 where there were none."""
    return sum(good(r, slo) for r in step.requests) / max(len(step.requests), 1)


def good_share(slo: ServiceLevel) -> float:
    """The share of requests that must be within every objective: that of the loosest one."""
    objectives = (slo.time_to_first_token, slo.inter_token_latency, slo.end_to_end)
    return min(o.objective for o in objectives if o is not None)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """No garbage collection, which would delay requests by its pauses."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def run_step(
    target: Target, arrivals: Sequence[float], rate: float, *, patience: float, trace: bool = False
) -> Step:
    """Send the model's requests at these times; wait for each answer for `patience` seconds."""
    endpoint = target.endpoint
    kinds = scenarios(target.model, endpoint.model)
    if not kinds:
        raise EndpointError("the model has no prompts to send")
    random.Random(target.plan.seed).shuffle(kinds)  # noqa: S311 - the order of test prompts
    requests = send(endpoint.url, arrivals, kinds, patience=patience, api_key=endpoint.api_key)
    ends = [r.arrivals[-1] for r in requests if r.arrivals]
    return Step(rate=rate, seconds=max([*arrivals, *ends]), requests=requests, trace=trace)


def send(
    url: str,
    arrivals: Sequence[float],
    kinds: Sequence[Scenario],
    *,
    patience: float,
    api_key: str | None = None,
) -> tuple[Request, ...]:
    """Send requests of these kinds, taken in turn and all of one path, at these times."""
    payloads = [payload(url, k.path, k.encoded(), api_key) for k in kinds]
    with _undisturbed():
        started, exchanges = uvloop.run(
            open_loop(url, arrivals, payloads, patience=patience, warm=_WARM)
        )
    stream = kinds[0].path == CHAT
    return tuple(exchange.as_request(started, stream=stream) for exchange in exchanges)


def _strictest(slo: ServiceLevel) -> float:
    """The share of the objective that the fewest requests may miss."""
    objectives = (slo.end_to_end, slo.time_to_first_token, slo.availability)
    return max(o.objective for o in objectives if o is not None)


def _seconds(rate: float, objective: float, least: float) -> float:
    """Long enough that a single bad request breaks no objective, in 49 schedules of 50.

    That takes n = 1 / (1 - objective) requests. A Poisson number of mean m is m - 2 sqrt(m) or
    more so often, and that is n where sqrt(m) = 1 + sqrt(1 + n).
    """
    needed = 1 / (1 - objective) if objective < 1 else 1
    return max(least, (1 + math.sqrt(1 + needed)) ** 2 / rate)


def next_multiple(kept: Mapping[float, bool]) -> float | None:
    """Which rung is tried next; None where the knee lies between two neighbours.

    Args:
        kept: for each multiple that was tried, whether the objectives held.
    """
    if 1 not in kept:
        return 1
    low = max((m for m, held in kept.items() if held), default=0.0)
    high = min((m for m, held in kept.items() if not held), default=math.inf)
    between = [m for m in LADDER if low < m < high]
    if high < math.inf:
        return between[len(between) // 2] if between else None
    return next((m for m in between if m >= 2 * low), None)


def observe(target: Target, progress: Progress) -> Iterator[Step]:
    """The promised rate, the rates that find the knee, and the trace, where there is one."""
    slo, promised = target.model.spec.slo, target.model.spec.limits.requests_per_second
    whole = max(target.endpoint.timeout, slo.end_to_end.seconds)
    kept: dict[float, bool] = {}
    while promised and (multiple := next_multiple(kept)) is not None:
        rate = multiple * promised
        progress(f"load, {rate:g} requests/s", len(kept), _MOST_STEPS)
        if multiple == 1:
            step = _step(target, rate, _strictest(slo), whole)
        else:  # an answer later than promised is not good, however late it is
            step = _step(target, rate, good_share(slo), slo.end_to_end.seconds)
        kept[multiple] = goodput(step, slo) >= good_share(slo)
        yield step
    progress("load", _MOST_STEPS, _MOST_STEPS)
    if trace := target.plan.trace:
        rate = len(trace) / max(trace[-1], 1.0)
        yield run_step(target, trace, rate, patience=whole, trace=True)


def _step(target: Target, rate: float, objective: float, patience: float) -> Step:
    """Poisson arrivals at a rate, enough of them to judge an objective."""
    seconds = _seconds(rate, objective, target.plan.step_seconds)
    return run_step(target, poisson(rate, seconds, seed=target.plan.seed), rate, patience=patience)
