"""What callers do to a server: hang up, read slowly, and come all at once."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from tidegate.catalog.objects import Task
from tidegate.gates.client import EndpointError, Json
from tidegate.gates.contract import HELLO
from tidegate.gates.jobs import Progress, Target
from tidegate.gates.record import Answer, Observed
from tidegate.gates.scenarios import Scenario, scenarios

GATE = "faults"
SETS = ("cancelled", "slow-reader", "overload", "recovery")
_ROUNDS = 5
_OK = 200
_REFUSED = frozenset({429, 503})
_OVERLOAD = 8
# vLLM and SGLang go on to max_tokens with it; others end where they would, which tests less.
_LONG: Json = {"ignore_eos": True}


def _in_time(target: Target, case: str) -> Answer:
    """One plain request, which must be answered as the objectives promise."""
    limit = target.model.spec.slo.end_to_end.seconds
    scenario = scenarios(target.model, target.endpoint.model)[0]
    body = {key: v for key, v in scenario.body.items() if not key.startswith("stream")}
    started = time.perf_counter()
    try:
        target.endpoint.post(scenario.path, body)
    except EndpointError as error:
        return Answer(case=case, fault=str(error))
    took = time.perf_counter() - started
    fault = None if took <= limit else f"answered after {took:.2f} s, promised within {limit:g} s"
    return Answer(case=case, fault=fault)


def _hang_up(target: Target) -> None:
    """Start a long stream, read its first piece, and close the connection."""
    events = target.endpoint.events([HELLO], _LONG)
    try:
        next(events, None)
    except EndpointError:
        pass  # a refusal frees its slot too
    finally:
        events.close()


def cancelled(target: Target) -> Iterator[Answer]:
    """After every slot was taken and given up, the next caller is served in time."""
    slots = target.model.spec.limits.concurrency
    for i in range(_ROUNDS):
        with ThreadPoolExecutor(slots) as pool:
            list(pool.map(_hang_up, [target] * slots))
        yield _in_time(target, f"round-{i}")


def slow_reader(target: Target) -> Iterator[Answer]:
    """While one caller reads nothing of a stream, others are served in time."""
    events = target.endpoint.events([HELLO], _LONG)
    try:
        next(events, None)
        for i in range(_ROUNDS):
            yield _in_time(target, f"round-{i}")
    finally:
        events.close()


def _one_of_many(target: Target, scenario: Scenario, case: str) -> Answer:
    body = {key: v for key, v in scenario.body.items() if not key.startswith("stream")}
    try:
        status = target.endpoint.send("POST", scenario.path, body).status
    except EndpointError as error:
        return Answer(case=case, fault=str(error))
    fine = status == _OK or status in _REFUSED
    return Answer(case=case, fault=None if fine else f"wanted 200, 429 or 503, found {status}")


def overload(target: Target) -> Iterator[Answer]:
    """Many times more callers than promised at once: each is answered or refused politely."""
    kinds = scenarios(target.model, target.endpoint.model)
    many = target.model.spec.limits.concurrency * _OVERLOAD
    with ThreadPoolExecutor(many) as pool:
        yield from pool.map(
            lambda i: _one_of_many(target, kinds[i % len(kinds)], f"caller-{i}"), range(many)
        )


def recovery(target: Target) -> Iterator[Answer]:
    """After the overload the next callers are served in time."""
    for i in range(_ROUNDS):
        yield _in_time(target, f"round-{i}")


def observe(target: Target, progress: Progress) -> Iterator[Observed]:
    """The sets in their order; only a generator has streams to hang up on or to read slowly."""
    kinds: dict[str, Callable[[Target], Iterator[Answer]]] = {
        "cancelled": cancelled,
        "slow-reader": slow_reader,
        "overload": overload,
        "recovery": recovery,
    }
    if not scenarios(target.model, target.endpoint.model):
        return  # nothing to ask: every set holds
    for i, name in enumerate(sets_of(target.model.spec.task)):
        progress("faults", i, len(SETS))
        try:
            answers = tuple(kinds[name](target))
        except EndpointError as error:
            answers = (Answer(case=name, fault=str(error)),)
        yield Observed(gate=GATE, name=name, answers=answers)
    progress("faults", len(SETS), len(SETS))


def sets_of(task: Task) -> tuple[str, ...]:
    """The sets that a task has."""
    return SETS if task is Task.GENERATE else SETS[2:]
