"""Load: open-loop arrivals at a ladder of rates, until the server saturates."""

import gc
import math
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import uvloop

from tidegate.catalog.load import ModelFolder
from tidegate.catalog.objects import ServiceLevel
from tidegate.gates.arrivals import poisson
from tidegate.gates.client import EndpointError
from tidegate.gates.jobs import Progress, Target
from tidegate.gates.record import Request, Step
from tidegate.gates.scenarios import CHAT, scenarios
from tidegate.gates.wire import open_loop, payload

# Multiples of the promised rate; the second is the promise itself.
LADDER = (0.5, 1, 1.5, 2, 3, 4, 6, 8, 12, 16)
# Below this share of good answers a server is saturated, and higher rates say nothing more.
_SATURATED = 0.5
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


@contextmanager
def _undisturbed() -> Iterator[None]:
    """No garbage collection, which would delay requests by its pauses."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def run_step(target: Target, arrivals: Sequence[float], rate: float, *, trace: bool) -> Step:
    """Send the model's requests at these times and wait for the last answer."""
    endpoint = target.endpoint
    kinds = scenarios(target.model, endpoint.model)
    if not kinds:
        raise EndpointError("the model has no prompts to send")
    random.Random(target.plan.seed).shuffle(kinds)  # noqa: S311 - the order of test prompts
    payloads = [payload(endpoint.url, k.path, k.encoded(), endpoint.api_key) for k in kinds]
    with _undisturbed():
        started, exchanges = uvloop.run(
            open_loop(endpoint.url, arrivals, payloads, patience=endpoint.timeout, warm=_WARM)
        )
    stream = kinds[0].path == CHAT
    requests = tuple(exchange.as_request(started, stream=stream) for exchange in exchanges)
    ends = [r.arrivals[-1] for r in requests if r.arrivals]
    return Step(rate=rate, seconds=max([*arrivals, *ends]), requests=requests, trace=trace)


def _seconds(model: ModelFolder, rate: float, least: float) -> float:
    """Long enough for a single slow request to be able to break the strictest objective."""
    slo = model.spec.slo
    objectives = [slo.end_to_end, slo.time_to_first_token, slo.availability]
    strictest = max(o.objective for o in objectives if o is not None)
    needed = 1.2 / (1 - strictest) if strictest < 1 else 1
    return max(least, needed / rate)


def observe(target: Target, progress: Progress) -> Iterator[Step]:
    """One step for each rate up to saturation, then the trace, where there is one."""
    model, plan = target.model, target.plan
    promised = model.spec.limits.requests_per_second
    for i, multiple in enumerate(LADDER if promised else ()):
        rate = multiple * (promised or 0)
        progress(f"load, {rate:g} requests/s", i, len(LADDER))
        seconds = _seconds(model, rate, plan.step_seconds)
        step = run_step(target, poisson(rate, seconds, seed=plan.seed), rate, trace=False)
        yield step
        if goodput(step, model.spec.slo) < _SATURATED and multiple >= 1:
            break
    progress("load", len(LADDER), len(LADDER))
    if plan.trace:
        rate = len(plan.trace) / max(plan.trace[-1], 1.0)
        yield run_step(target, plan.trace, rate, trace=True)
