"""The contract: what an answer of each kind must have, and what else must hold about it."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.stub.faults import Behaviour
from tests.unit.gates import samples

from tidegate.catalog.load import ModelFolder
from tidegate.gates import contract
from tidegate.gates.client import Endpoint
from tidegate.gates.jobs import Plan, Target
from tidegate.gates.record import Answer

Start = Callable[[Behaviour], Endpoint]


def answers(endpoint: Start, model: ModelFolder, behaviour: Behaviour) -> dict[str, Answer]:
    """What became of each thing that callers rely on."""
    target = Target(endpoint(behaviour), model, Plan())
    return {job.case: job.run() for job in contract.jobs(target)}


def test_a_generator_is_asked_for_everything_that_callers_use(endpoint: Start) -> None:
    """And each answer's shape is kept, for the next release to be compared with."""
    found = answers(endpoint, samples.generator(), Behaviour())

    assert list(found) == [
        *("health", "routes", "chat", "completions", "structured", "logprobs", "tools", "stream"),
        *("bad-request", "unknown-model", "over-long"),
    ]
    assert {a.fault for a in found.values()} == {None}
    assert found["chat"].shape["choices[].message.content"] == "string"
    assert found["stream"].shape["choices[].delta.content"] == "string"
    assert found["bad-request"].shape["error.type"] == "string"


@pytest.mark.parametrize(
    ("model", "kind"),
    [(samples.retriever(), "embeddings"), (samples.reranker(), "rerank")],
    ids=["embed", "rerank"],
)
def test_a_pooling_model_has_its_own_route(endpoint: Start, model: ModelFolder, kind: str) -> None:
    """No chat is asked of it."""
    found = answers(endpoint, model, Behaviour())

    assert [name for name in found if name not in {"health", "routes"}] == [
        kind,
        "bad-request",
        "unknown-model",
        "over-long",
    ]
    assert {a.fault for a in found.values()} == {None}


def test_tools_are_asked_of_an_engine_that_parses_them(endpoint: Start) -> None:
    """Another one answers 400, as it should."""
    model = samples.folder("generate", samples.questions())
    without = ModelFolder(model.name, model.folder, model.spec, {}, model.evals)

    assert "tools" not in answers(endpoint, without, Behaviour())


WRONG: dict[str, tuple[Behaviour, str, str]] = {
    "ill": (Behaviour(health=500), "health", "HTTP 500"),
    "no choices": (Behaviour(without=("choices",)), "chat", "wanted choices[].index: number"),
    "no usage": (Behaviour(without=("usage",)), "chat", "wanted usage.prompt_tokens"),
    "usage": (Behaviour(usage_off_by=1), "completions", "usage does not add up"),
    "no end": (Behaviour(no_done=True), "stream", "without [DONE]"),
    "bad chunk": (Behaviour(malformed_at=0), "stream", "a chunk that is no JSON"),
    "no refusal": (Behaviour(deaf_to_errors=True), "unknown-model", "wanted HTTP 400 or 404"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_callers_would_trip_over_is_a_fault(name: str, endpoint: Start) -> None:
    """In the case that is about it."""
    behaviour, case, said = WRONG[name]

    assert said in (answers(endpoint, samples.generator(), behaviour)[case].fault or "")


USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}


@pytest.mark.parametrize(
    ("usage", "most", "fault"),
    [
        (USAGE, 4, None),
        (USAGE, 3, "4 tokens, 3 allowed"),
        (USAGE | {"total_tokens": 8}, 9, "usage does not add up"),
        (USAGE | {"prompt_tokens": 0, "total_tokens": 4}, 9, "usage does not add up"),
        ({"prompt_tokens": 3, "total_tokens": 3}, 0, None),
    ],
)
def test_usage_adds_up_and_keeps_to_the_limit(
    usage: dict[str, Any], most: int, fault: str | None
) -> None:
    """Bills are written by it."""
    found = contract._usage({"usage": usage}, {"max_tokens": most})  # noqa: SLF001 - the rule itself

    assert (found or "").startswith(fault or "")
    assert (found is None) == (fault is None)
