"""What was seen under load: the objectives at the promised rate, the knee, and the price."""

import math
from collections.abc import Iterator

from tidegate.catalog.load import ModelFolder
from tidegate.catalog.objects import Objective
from tidegate.gates import measure
from tidegate.gates.load import good, good_share, goodput
from tidegate.gates.record import Answer, Run, Step
from tidegate.gates.statistics import bootstrap
from tidegate.gates.verdict import Interval, Measurement

GATE = "load"
_LATE = Objective(objective=0.95, seconds=0.05)
"""A client that is later than this measures itself."""


def measured(run: Run, model: ModelFolder, previous: Run | None = None) -> Iterator[Measurement]:
    """Measurements at the promised rate and of the whole ladder; without a step they hold."""
    promised = model.spec.limits.requests_per_second
    ladder = [step for step in run.steps if not step.trace]
    step = _at(run, promised)
    yield from _objectives(step, model)
    if previous:
        yield from _slowdowns(_at(previous, promised), step, model, run.seed)
    for trace in (s for s in run.steps if s.trace):
        yield _goodput(trace, model, "trace-goodput")
    yield _knee(ladder, model, promised or 0)
    if model.spec.budget:
        yield _price(at_knee(ladder, model), model, model.spec.budget.usd_per_million_tokens)


def _at(run: Run, promised: float | None) -> Step:
    """The step at the promised rate; one without requests where there is none."""
    nothing = Step(rate=1, seconds=1, requests=())
    return next((s for s in run.steps if s.rate == promised and not s.trace), nothing)


def _slowdowns(old: Step, new: Step, model: ModelFolder, seed: int) -> Iterator[Measurement]:
    slo = model.spec.slo
    if slo.time_to_first_token:
        first, second = ([r.time_to_first_token for r in s.requests] for s in (old, new))
        q = slo.time_to_first_token.objective
        yield measure.slowdown(GATE, "time-to-first-token", first, second, q, seed=seed)
    first, second = ([r.end_to_end for r in s.requests] for s in (old, new))
    yield measure.slowdown(GATE, "end-to-end", first, second, slo.end_to_end.objective, seed=seed)


def _goodput(step: Step, model: ModelFolder, name: str) -> Measurement:
    slo = model.spec.slo
    return measure.share(
        GATE,
        name,
        [
            Answer(case=str(i), fault=None if good(r, slo) else r.fault or "slower than promised")
            for i, r in enumerate(step.requests)
        ],
        threshold=good_share(slo),
        min_samples=20,
    )


def _objectives(step: Step, model: ModelFolder) -> Iterator[Measurement]:
    slo, requests = model.spec.slo, step.requests
    answers = [Answer(case=str(i), fault=r.fault) for i, r in enumerate(requests)]
    yield measure.share(
        GATE, "availability", answers, threshold=slo.availability.objective, min_samples=20
    )
    yield _goodput(step, model, "goodput")
    if slo.time_to_first_token:
        first = [r.time_to_first_token for r in requests]
        yield measure.seconds(GATE, "time-to-first-token", first, slo.time_to_first_token)
    if slo.inter_token_latency:
        gaps = [gap for r in requests for gap in r.gaps]
        yield measure.seconds(GATE, "inter-token-latency", gaps, slo.inter_token_latency)
    yield measure.seconds(GATE, "end-to-end", [r.end_to_end for r in requests], slo.end_to_end)
    yield measure.seconds(GATE, "client-lateness", [r.lateness for r in requests], _LATE)


def _kept(ladder: list[Step], model: ModelFolder) -> list[Step]:
    """The steps from the lowest rate up to the first at which too few answers were good."""
    kept = []
    for step in sorted(ladder, key=lambda s: s.rate):
        if goodput(step, model.spec.slo) < good_share(model.spec.slo):
            break
        kept.append(step)
    return kept


def at_knee(ladder: list[Step], model: ModelFolder) -> Step | None:
    """The step of the highest rate at which, as at all lower ones, the objectives hold."""
    return max(_kept(ladder, model), key=lambda s: s.rate, default=None)


def _knee(ladder: list[Step], model: ModelFolder, promised: float) -> Measurement:
    kept = _kept(ladder, model)
    low = max((s.rate for s in kept), default=0.0)
    # The next rate failed, so the knee lies below it.
    above = [s.rate for s in ladder if s.rate > low]
    return Measurement(
        gate=GATE,
        name="knee",
        value=low if ladder else None,
        unit="requests/s",
        bound="at least",
        threshold=promised,
        samples=sum(len(s.requests) for s in ladder),
        min_samples=20,
        interval=Interval(
            low=low, high=min(above) - 1e-9 if above else None, confidence=0.95, method="ladder"
        )
        if ladder
        else None,
    )


def tokens_per_second(step: Step) -> float:
    """Tokens of answered requests by the seconds that the step took."""
    return sum(r.tokens for r in step.requests if r.fault is None) / step.seconds


def _price(step: Step | None, model: ModelFolder, budget: float) -> Measurement:
    """US dollars per million tokens at the knee."""
    per_second = (model.usd_per_hour or math.nan) * model.spec.accelerator.count / 3600
    value, interval = None, None
    if step is not None and model.usd_per_hour and tokens_per_second(step) > 0:
        tokens = [r.tokens for r in step.requests if r.fault is None]
        value = per_second / tokens_per_second(step) * 1e6
        found = bootstrap(
            lambda rng: (
                per_second * 1e6 * step.seconds / max(sum(rng.choices(tokens, k=len(tokens))), 1)
            ),
            seed=0,
        )
        interval = measure.interval_of(found.bounds(), "bootstrap")
    return Measurement(
        gate="cost",
        name="per-million-tokens",
        value=value,
        unit="USD",
        bound="at most",
        threshold=budget,
        samples=len(step.requests) if step else 0,
        min_samples=20,
        interval=interval,
    )
