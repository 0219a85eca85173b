"""Load: sent when due whatever happens, timed from then, and judged by the objectives."""

import asyncio

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st
from tests.stub.faults import Behaviour
from tests.unit.gates import samples
from tests.unit.gates.conftest import Serve

from tidegate.gates import capacity, load
from tidegate.gates.client import Endpoint
from tidegate.gates.jobs import Plan, Target
from tidegate.gates.record import Request, Run, Step
from tidegate.gates.scenarios import scenarios
from tidegate.gates.verdict import Measurement, Outcome
from tidegate.gates.wire import Exchange, open_loop, payload

STARTED = "2026-11-24T06:00:00Z"


def send(url: str, count: int, patience: float = 1, stream: bool = True) -> list[Request]:  # noqa: FBT001, FBT002 - a test helper
    """So many streams at once."""
    (kind, *_) = scenarios(samples.generator(), "stub")
    data = payload(url, kind.path, kind.encoded(), None)
    started, found = uvloop.run(
        open_loop(url, [0.01 * i for i in range(count)], [data], patience=patience, warm=1)
    )
    return [exchange.as_request(started, stream=stream) for exchange in found]


def test_a_stream_is_read_piece_by_piece_with_the_servers_own_count(serve: Serve) -> None:
    """Arrivals, tokens and no fault."""
    found = send(serve(Behaviour()).url, 3)

    assert [r.fault for r in found] == [None] * 3
    assert {len(r.arrivals) for r in found} == {5}
    assert {r.tokens for r in found} == {5}
    assert all(r.scheduled <= r.sent <= r.arrivals[0] <= r.arrivals[-1] for r in found)


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (Behaviour(stall_after=2), "not answered within 1 s, after 2 pieces"),
        (Behaviour(reset_after=2), "the connection was lost"),
        (Behaviour(malformed_at=1), "malformed chunk"),
        (Behaviour(no_done=True), "the stream ended without [DONE], after 5 pieces"),
        (Behaviour(error_burst=range(9)), "HTTP 503"),
        (Behaviour(never_answers=True), "not answered within 1 s, after 0 pieces"),
    ],
)
def test_a_fault_under_load_is_said_as_what_it_was(
    behaviour: Behaviour, said: str, serve: Serve
) -> None:
    """And its latency is infinite, so no quantile hides it."""
    found = send(serve(behaviour).url, 2, patience=1)

    assert all(said in (r.fault or "") for r in found)
    assert all(r.end_to_end == float("inf") for r in found)


def test_a_server_that_is_gone_is_a_fault_of_each_request(serve: Serve) -> None:
    """The connection that was warm goes away, and no new one can be made."""
    stub = serve(Behaviour())

    async def gone() -> list[Exchange]:
        data = payload(stub.url, "/v1/models", b"", None)
        _, found = await open_loop(
            stub.url.replace(str(stub.port), "1"), [0.0], [data], patience=1, warm=0
        )
        return found

    (exchange,) = asyncio.run(gone())

    assert "no connection" in (exchange.fault or "")


def test_latency_counts_from_the_schedule_so_that_a_stall_cannot_hide() -> None:
    """A request that could only be sent two seconds late took those two seconds."""
    late = Request(scheduled=1.0, sent=3.0, arrivals=(3.5, 4.0))

    assert (late.lateness, late.time_to_first_token, late.end_to_end) == (2.0, 2.5, 3.0)


def test_a_slow_answer_does_not_hold_the_next_question_back(serve: Serve) -> None:
    """Five questions 10 ms apart are all sent before the first answer, after a second."""
    found = send(serve(Behaviour(first_token_seconds=1.0)).url, 5, patience=30)

    assert max(r.sent for r in found) < min(r.arrivals[0] for r in found)


def test_embeddings_and_ranks_have_one_arrival_and_the_tokens_of_the_prompt(serve: Serve) -> None:
    """They do not stream."""
    stub = serve(Behaviour())
    for model in (samples.retriever(), samples.reranker()):
        with Endpoint(stub.url, "stub", timeout=1) as endpoint:
            target = Target(endpoint, model, Plan())
            step = load.run_step(target, (0.0, 0.01), 2.0, patience=1, trace=True)
        assert [(r.fault, r.tokens, len(r.arrivals)) for r in step.requests] == [(None, 5, 1)] * 2
        assert step.trace


def test_the_ladder_ends_where_the_server_saturates(serve: Serve) -> None:
    """One slot of 100 ms carries 10 a second, so not even half of the promise."""
    slo = samples.STREAMS | {
        "endToEnd": {"objective": 0.9, "seconds": 30},
        "availability": {"objective": 0.9},
    }
    model = samples.generator(slo=slo)
    stub = serve(Behaviour(slots=1, first_token_seconds=0.1))
    told: list[str] = []
    with Endpoint(stub.url, "stub", timeout=1) as endpoint:
        target = Target(endpoint, model, Plan(step_seconds=0.3, trace=(0.0, 0.1)))
        steps = list(load.observe(target, lambda what, _done, _total: told.append(what)))

    assert [step.rate for step in steps] == [40, 20, 2]
    assert [step.trace for step in steps] == [False, False, True]
    assert told == ["load, 40 requests/s", "load, 20 requests/s", "load"]


def step(rate: float, good: int, total: int = 40, tokens: int = 10) -> Step:
    """A step of which so many requests were fast and the others failed."""
    requests = tuple(
        Request(
            scheduled=float(i),
            sent=i + 0.001,
            arrivals=(i + 0.1, i + 0.2) if i < good else (),
            tokens=tokens,
            fault=None if i < good else "HTTP 503",
        )
        for i in range(total)
    )
    return Step(rate=rate, seconds=total / rate, requests=requests)


def measured(*steps: Step, **changes: object) -> dict[str, Measurement]:
    """The measurements of a ladder."""
    run = Run(model="stub", started=STARTED, suite="full", steps=steps)
    found = capacity.measured(run, samples.generator(**changes))
    return {f"{m.gate}/{m.name}": m for m in found}


LADDER = (step(20, 40), step(40, 39), step(80, 37), step(160, 10))


def test_the_knee_is_the_highest_rate_at_which_the_objectives_hold() -> None:
    """It lies between that rate and the next."""
    knee = measured(*LADDER)["load/knee"]

    assert (knee.value, knee.threshold, knee.outcome) == (80, 40, Outcome.PASS)
    assert knee.interval
    assert knee.interval.high == pytest.approx(160)


def test_a_rate_above_a_failed_one_does_not_count() -> None:
    """Good luck at a high rate is no capacity."""
    knee = measured(step(20, 40), step(40, 20), step(80, 40))["load/knee"]

    assert (knee.value, knee.outcome) == (20, Outcome.FAIL)


def test_without_the_promised_rate_everything_holds() -> None:
    """No data is hold."""
    found = measured()

    assert {m.outcome for m in found.values()} == {Outcome.HOLD}


def test_failed_requests_are_infinitely_slow() -> None:
    """One in ten may be; here half are."""
    found = measured(step(20, 40), step(40, 20))

    assert found["load/end-to-end-p90"].outcome is Outcome.FAIL
    assert found["load/availability"].value == 0.5
    assert found["load/client-lateness-p95"].outcome is Outcome.PASS


def test_the_price_follows_from_tokens_and_the_price_class() -> None:
    """40 answers of 10 tokens in half a second are 800 a second; 0.1 dollars an hour."""
    price = measured(step(40, 40), step(80, 40))["cost/per-million-tokens"]

    assert price.value == pytest.approx(0.1 / 3600 / 800 * 1e6)
    assert price.unit == "USD"
    assert price.outcome is Outcome.PASS


def test_a_model_over_its_budget_fails() -> None:
    """The interval is above the budget too."""
    budget = {"usdPerMillionTokens": 0.001}
    assert measured(*LADDER, budget=budget)["cost/per-million-tokens"].outcome is Outcome.FAIL


@given(st.lists(st.integers(0, 40), min_size=1, max_size=6))
def test_the_knee_is_never_above_what_was_tried(goods: list[int]) -> None:
    """And never below nothing."""
    steps = [step(20.0 * (i + 1), good) for i, good in enumerate(goods)]
    knee = measured(*steps)["load/knee"]

    assert knee.value is not None
    assert 0 <= knee.value <= max(s.rate for s in steps)


def test_a_slower_release_is_seen_under_the_promised_load() -> None:
    """Compared with the previous run at the same rate."""
    slow = tuple(
        r.model_copy(update={"arrivals": tuple(3 * (a - r.scheduled) + r.scheduled
                                               for a in r.arrivals)})
        for r in step(40, 40).requests
    )  # fmt: skip
    old = Run(model="stub", started=STARTED, suite="full", steps=(step(40, 40),))
    new = old.model_copy(update={"steps": (Step(rate=40, seconds=1, requests=slow),)})
    same, worse = (
        [m for m in capacity.measured(run, samples.generator(), old) if m.unit == "ratio"]
        for run in (old, new)
    )

    assert {m.outcome for m in same} == {Outcome.PASS}
    assert {m.outcome for m in worse} == {Outcome.FAIL}
