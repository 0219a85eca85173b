"""Which rates are tried and for how long, what counts as good, and the price of it."""

from collections.abc import Sequence
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.gates import samples
from tests.unit.gates.test_load import STARTED, step

from tidegate.catalog.load import ModelFolder
from tidegate.gates import capacity, load
from tidegate.gates.client import Endpoint, EndpointError
from tidegate.gates.jobs import Plan, Target
from tidegate.gates.record import Request, Run, Step
from tidegate.gates.verdict import Outcome

ENDPOINT = Endpoint("http://127.0.0.1:9", "stub")
SLO = samples.folder(
    "generate",
    samples.questions(1),
    slo={
        "timeToFirstToken": {"objective": 0.9, "seconds": 1},
        "interTokenLatency": {"objective": 0.9, "seconds": 0.5},
        "endToEnd": {"objective": 0.8, "seconds": 4},
        "availability": {"objective": 0.95},
    },
)


class Sent(NamedTuple):
    """What one step was asked to do."""

    rate: float
    arrivals: tuple[float, ...]
    patience: float
    trace: bool


def tried(
    monkeypatch: pytest.MonkeyPatch, model: ModelFolder, saturated: float, plan: Plan
) -> list[Sent]:
    """What is sent to a server that answers nothing from a rate on."""
    sent: list[Sent] = []

    def run_step(
        _: Target, arrivals: Sequence[float], rate: float, *, patience: float, trace: bool = False
    ) -> Step:
        sent.append(Sent(rate, tuple(arrivals), patience, trace))
        return step(rate, 0 if rate >= saturated else 40)

    monkeypatch.setattr(load, "run_step", run_step)
    list(load.observe(Target(ENDPOINT, model, plan), lambda *_: None))
    return sent


def test_where_the_promised_rate_is_too_much_half_of_it_is_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rates above it say nothing more."""
    sent = tried(monkeypatch, samples.generator(), 0, Plan(step_seconds=0.5))

    assert [one.rate for one in sent] == [40, 20]


def test_a_server_that_never_saturates_is_tried_up_to_sixteen_times_the_promise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The ladder ends somewhere."""
    sent = tried(monkeypatch, samples.generator(), 1e9, Plan(step_seconds=0.1))

    assert [one.rate / 40 for one in sent] == [1, 2, 4, 8, 16]


@pytest.mark.parametrize("saturated", range(len(load.LADDER) + 1))
def test_the_knee_is_found_between_two_neighbours_of_the_ladder(
    monkeypatch: pytest.MonkeyPatch, saturated: int
) -> None:
    """As fine as if every rung was tried, with at most one rung above twice the knee."""
    limit = [*load.LADDER, 1e9][saturated]
    sent = tried(monkeypatch, samples.generator(), 40 * limit, Plan(step_seconds=0.1))
    multiples = [one.rate / 40 for one in sent]

    assert multiples[0] == 1
    assert set(load.LADDER[max(saturated - 1, 0) : saturated + 1]) <= set(multiples)
    assert len(multiples) == len(set(multiples)) <= 6
    assert max(multiples) <= max(2 * load.LADDER[max(saturated - 1, 0)], 1)


def test_without_a_promise_only_the_trace_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """At its own times; its rate is its requests by its length, of a second at least."""
    idle = samples.generator(limits=samples.IDLE)
    long = tried(monkeypatch, idle, 1e9, Plan(trace=(0.0, 1.0, 4.0)))
    short = tried(monkeypatch, idle, 1e9, Plan(trace=(0.0, 0.1)))

    assert long == [Sent(0.75, (0.0, 1.0, 4.0), 30, trace=True)]
    assert short == [Sent(2, (0.0, 0.1), 30, trace=True)]


def test_a_step_lasts_until_one_bad_answer_cannot_break_its_objective(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The promised rate is judged by the strictest, the others by the loosest one.

    0.95 needs 20 answers, which 31 on average hold: 0.78 seconds at 40 a second. 0.9 needs 10,
    which 19 hold: 0.93 seconds at 20 a second.
    """
    promised, half = tried(monkeypatch, samples.generator(), 0, Plan(step_seconds=0.1))
    longer, _ = tried(monkeypatch, samples.generator(), 0, Plan(step_seconds=5))

    assert 0.7 < promised.arrivals[-1] < 0.78
    assert 0.8 < half.arrivals[-1] < 0.94
    assert 4.8 < longer.arrivals[-1] < 5


def test_only_the_promised_rate_is_waited_for_beyond_the_objective(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """There the times are judged themselves; elsewhere a late answer is not good, however late."""
    promised, half = tried(monkeypatch, SLO, 0, Plan(step_seconds=0.1))

    assert (promised.patience, half.patience) == (30, 4)


def test_a_model_without_prompts_cannot_be_put_under_load() -> None:
    """Nothing is sent in their place."""
    target = Target(ENDPOINT, samples.folder("embed"), Plan())

    with pytest.raises(EndpointError, match="has no prompts to send"):
        load.run_step(target, (0.0,), 1.0, patience=1)


@pytest.mark.parametrize(
    ("arrivals", "fault", "good"),
    [
        ((1.0, 1.5, 2.0), None, True),
        ((1.0,), None, True),
        ((1.1, 1.2), None, False),
        ((1.0, 2.0), None, False),
        ((1.0, 1.1, 2.0), None, True),
        ((1.0, *[1.4 + 0.4 * i for i in range(8)]), None, False),
        ((1.0, 1.5), "the stream ended", False),
        ((), None, False),
    ],
)
def test_a_good_answer_is_within_every_objective(
    arrivals: tuple[float, ...], fault: str | None, *, good: bool
) -> None:
    """First piece in 1 s, pieces 0.5 s apart on average, the last within 4 s, no fault."""
    found = Request(scheduled=0, sent=0, arrivals=arrivals, fault=fault)

    assert load.good(found, SLO.spec.slo) is good


@given(st.integers(0, 30), st.integers(0, 30))
def test_goodput_is_a_share_of_what_was_sent(good: int, bad: int) -> None:
    """Nothing sent is nothing good."""
    found = load.goodput(step(1, good, good + bad) if good + bad else
                         Step(rate=1, seconds=1, requests=()), SLO.spec.slo)  # fmt: skip

    assert found == pytest.approx(good / max(good + bad, 1))


def test_as_many_answers_must_be_good_as_the_loosest_objective_says() -> None:
    """A request within all of them cannot be asked of more; a task without streams has fewer."""
    assert load.good_share(SLO.spec.slo) == 0.8
    assert load.good_share(samples.reranker().spec.slo) == 0.9


def test_a_trace_is_judged_by_its_goodput_and_is_no_step_of_the_ladder() -> None:
    """Its rate is no promise: at the promised rate it stands for no measurement of that."""
    trace = step(40, 20).model_copy(update={"trace": True})
    run = Run(model="stub", started=STARTED, suite="full", steps=(trace,))
    found = {m.name: m for m in capacity.measured(run, samples.generator())}

    assert (found["trace-goodput"].value, found["trace-goodput"].outcome) == (0.5, Outcome.FAIL)
    assert found["goodput"].outcome is Outcome.HOLD
    assert found["knee"].value is None


def test_the_price_counts_every_accelerator_and_only_answered_tokens() -> None:
    """Two cards at 0.1 dollars an hour, 20 answers of 10 tokens in a second."""
    cards = {"kind": "cpu", "count": 2, "memoryGiB": 1}
    lax = {"objective": 0.5, "seconds": 30}
    slo = samples.STREAMS | {"endToEnd": lax, "availability": {"objective": 0.5}}
    model = samples.generator(accelerator=cards, slo=slo)
    run = Run(model="stub", started=STARTED, suite="full", steps=(step(40, 20),))
    (price,) = [m for m in capacity.measured(run, model) if m.gate == "cost"]

    assert price.value == pytest.approx(2 * 0.1 / 3600 / (20 * 10) * 1e6)
    assert price.interval
    assert price.interval.low == pytest.approx(price.value)
