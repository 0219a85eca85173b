"""Each way in which a server misbehaves has one stated verdict, and none of them is a pass."""

from collections.abc import Callable

import pytest
from tests.stub.faults import Behaviour, noisy
from tests.unit.gates import samples
from tests.unit.gates.conftest import Observe

from tidegate.catalog.load import ModelFolder
from tidegate.findings import CouldNotCheckError
from tidegate.gates.client import Endpoint
from tidegate.gates.faults import SETS
from tidegate.gates.jobs import Plan
from tidegate.gates.judge import judge
from tidegate.gates.run import run_gates
from tidegate.gates.verdict import Outcome, Verdict


def bad(verdict: Verdict) -> set[str]:
    """What did not pass."""
    return {f"{m.gate}/{m.name}" for m in verdict.measurements if m.outcome is not Outcome.PASS}


def examples(verdict: Verdict) -> str:
    """What the measurements say about wrong answers."""
    return " ".join(example for m in verdict.measurements for example in m.examples)


@pytest.mark.parametrize(
    ("make", "count"),
    [(samples.generator, 8), (samples.retriever, 7), (samples.reranker, 5)],
    ids=["generate", "embed", "rerank"],
)
def test_a_server_without_a_fault_passes(
    make: Callable[[], ModelFolder], count: int, seen: Observe
) -> None:
    """Every gate of every task, on a server that does all of it right."""
    model = make()
    verdict = judge(seen(model), model)

    assert bad(verdict) == set()
    assert len(verdict.measurements) == count


# What a server without one whole stream can show of streaming: nothing.
NO_STREAM = {
    "contract/requests",
    "streaming/streamed",
    "streaming/stream-equal",
    "streaming/deterministic",
    "latency/time-to-first-token-p90",
    "latency/inter-token-latency-p90",
}
FAULTS = {
    "slow first token": (
        Behaviour(first_token_seconds=0.03),
        {"latency/time-to-first-token-p90"},
        "",
    ),
    "stall mid-stream": (
        Behaviour(stall_after=2),
        NO_STREAM,
        "no byte for 1 s, after 2 pieces",
    ),
    "connection reset mid-stream": (
        Behaviour(reset_after=2),
        NO_STREAM,
        "the connection was lost",
    ),
    "malformed chunk": (
        Behaviour(malformed_at=1),
        NO_STREAM,
        "malformed chunk",
    ),
    "stream without its end": (
        Behaviour(no_done=True),
        NO_STREAM,
        "without [DONE]",
    ),
    "stream unlike the whole answer": (
        Behaviour(stream_differs=True),
        {"streaming/stream-equal"},
        "streamed 'quite else",
    ),
    "wrong usage": (Behaviour(usage_off_by=3), {"contract/requests"}, "usage does not add up"),
    "burst of 503": (
        Behaviour(error_burst=range(7), error_on=" number "),
        {"functional/facts"},
        "HTTP 503",
    ),
    "a field is gone": (
        Behaviour(without=("created",)),
        {"contract/requests"},
        "wanted created: number, found nothing",
    ),
    "bad requests are taken": (
        Behaviour(deaf_to_errors=True),
        {"contract/errors"},
        "wanted HTTP 400 or 422",
    ),
    "wrong answers": (Behaviour(answer=lambda _: "so they say"), {"functional/facts"}, "wanted"),
    "empty answers": (
        Behaviour(answer=lambda _: ""),
        {
            "functional/facts",
            "streaming/streamed",
            "latency/time-to-first-token-p90",
            "latency/inter-token-latency-p90",
        },
        "one piece or none",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_shows_in_the_gates_that_are_there_for_it(name: str, seen: Observe) -> None:
    """And in no other, so that people look in the right place."""
    behaviour, wanted, said = FAULTS[name]
    first = {"objective": 0.9, "seconds": 0.02 if behaviour.first_token_seconds else 30}
    slo = samples.STREAMS | {
        "timeToFirstToken": first,
        "endToEnd": {"objective": 0.9, "seconds": 30},
        "availability": {"objective": 0.95},
    }
    asked = 1 if behaviour.stall_after else 10  # each stall is waited for
    model = samples.folder("generate", samples.questions(asked), slo=slo)
    verdict = judge(seen(model, behaviour), model)

    assert bad(verdict) == wanted
    assert verdict.outcome is Outcome.FAIL
    assert said in examples(verdict)


def test_a_server_that_never_answers_fails_and_is_not_waited_for_again_and_again(
    seen: Observe,
) -> None:
    """After a few stalls nothing is asked any more; the verdict fails and says so."""
    model = samples.generator()
    behaviour = Behaviour(never_answers=True)
    verdict = judge(seen(model, behaviour), model)

    assert verdict.outcome is Outcome.FAIL
    assert "not asked: 5 requests stalled before" in examples(verdict)
    assert behaviour.asked == []


def test_a_server_that_wants_a_key_cannot_be_checked(
    endpoint: Callable[[Behaviour], Endpoint],
) -> None:
    """401 is no verdict about the model."""
    with pytest.raises(CouldNotCheckError, match="API key: is not accepted") as refused:
        run_gates(endpoint(Behaviour(unauthorized=True)), samples.generator())

    assert "set TIDEGATE_API_KEY" in str(refused.value)


def test_a_server_of_another_model_cannot_be_checked(
    endpoint: Callable[[Behaviour], Endpoint],
) -> None:
    """A wrong name is no verdict about the model either."""
    with pytest.raises(CouldNotCheckError, match="does not list the model; wanted stub"):
        run_gates(endpoint(Behaviour(model="other")), samples.generator())


def test_a_retriever_with_noise_in_its_weights_fails(seen: Observe) -> None:
    """By its share and by each of its scores."""
    model = samples.retriever()
    verdict = judge(seen(model, Behaviour(embed=noisy(0, 5.0))), model)

    assert verdict.outcome is Outcome.FAIL
    assert {"retrieval/nearest", "retrieval/nearest-mrr", "retrieval/nearest-ndcg@10"} <= bad(
        verdict
    )


def test_a_reranker_with_its_sign_flipped_fails(seen: Observe) -> None:
    """The right document comes last."""
    model = samples.reranker()
    flipped = Behaviour(rank=lambda query, document: -float(query in document))
    verdict = judge(seen(model, flipped), model)

    assert bad(verdict) == {"retrieval/ranking", "retrieval/ranking-mrr"}


def test_a_removed_field_is_a_finding_even_where_no_standard_asks_for_it(seen: Observe) -> None:
    """Callers of the previous release may read it."""
    model = samples.generator()
    before = seen(model)
    after = seen(model, Behaviour(without=("object",)))
    verdict = judge(after, model, before)

    (unchanged,) = [m for m in verdict.measurements if m.name == "unchanged"]
    assert unchanged.outcome is Outcome.FAIL
    assert "object was string, is gone" in " ".join(unchanged.examples)


def test_a_server_without_an_openapi_document_is_judged_by_its_answers(seen: Observe) -> None:
    """Production switches the document off."""
    model = samples.generator()

    assert judge(seen(model, Behaviour(openapi=False)), model).outcome is Outcome.PASS


FULL = Plan(suite="full", step_seconds=0.2)


def test_a_server_whose_cancelled_requests_keep_their_slot_fails(seen: Observe) -> None:
    """The next callers find no place; a server that frees its slots passes the same."""
    model = samples.generator(limits=samples.IDLE)
    held = Behaviour(slots=16, token_seconds=0.01, leaks_slots=True)
    verdict = judge(seen(model, held, FULL), model)

    assert {"faults/cancelled", "faults/recovery"} <= bad(verdict)


@pytest.mark.parametrize(
    ("status", "wanted"), [(429, set()), (503, set()), (500, {"faults/overload"})]
)
def test_only_a_polite_refusal_answers_an_overload(
    status: int, wanted: set[str], seen: Observe
) -> None:
    """Of the many callers at once some are refused, of those who come alone none."""
    model = samples.generator()
    busy = Behaviour(error_burst=range(10**6), error_on=" number 1", error_status=status)
    verdict = judge(seen(model, busy, Plan(suite="full", only=frozenset({"faults"}))), model)

    assert bad(verdict) == wanted
    assert [m.name for m in verdict.measurements] == list(SETS)


def test_the_full_suite_passes_a_server_without_a_fault(seen: Observe) -> None:
    """Load, cost and faults beside what the smoke suite looks at."""
    model = samples.generator()
    verdict = judge(seen(model, Behaviour(), FULL), model)

    assert bad(verdict) <= {"load/client-lateness-p95"}  # the machine's fault, not the server's
    assert {"load", "cost", "faults"} <= {m.gate for m in verdict.measurements}


def test_the_seed_gives_the_same_verdict_on_the_same_answers(seen: Observe) -> None:
    """Judging is a function of the run."""
    model = samples.generator()
    run = seen(model)

    assert judge(run, model) == judge(run, model)
