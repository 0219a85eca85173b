"""The gates of each task on a server that is right, and on one that is wrong in one thing."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.gates.conftest import Json, Stub, as_json, chunks

from tidegate.catalog.evals import EvalSet, Question, Questions, Structured
from tidegate.catalog.load import ModelFolder
from tidegate.gates.client import Endpoint
from tidegate.gates.latency import STREAMS
from tidegate.gates.retrieval import cosine
from tidegate.gates.run import run_gates
from tidegate.gates.verdict import Measurement, Outcome, Verdict

Models = dict[str, ModelFolder]
# Limits that no busy machine breaks: what is slow is not what these tests are about.
HOURS = {"objective": 0.95, "seconds": 3600.0}


def patient(model: ModelFolder) -> ModelFolder:
    """The model with objectives that only a stall could miss."""
    slo = model.spec.slo.model_dump(by_alias=True)
    slow = {key: HOURS for key, value in slo.items() if value and key != "availability"}
    return replace(
        model, spec=model.spec.model_copy(update={"slo": type(model.spec.slo)(**(slo | slow))})
    )


def answers(model: ModelFolder) -> dict[str, str]:
    """The right answer to every question of a generator, as text."""
    known = {}
    for evals in model.evals:
        for case in getattr(evals.spec, "cases", []):
            text = case.answer if isinstance(case, Question) else as_text(case.answer)
            known[case.prompt] = text
    return known


def as_text(answer: Json | None) -> str:
    """A JSON object as the model writes it."""
    return as_json(answer)[1].decode()


def right(model: ModelFolder) -> Callable[[Json], str]:
    """A chat that knows every answer."""
    known = answers(model)
    return lambda body: known.get(body["messages"][-1]["content"], "Hello there.")


@pytest.fixture
def chat(stub: Stub, models: Models) -> ModelFolder:
    """The lab's generator, and a server that answers all of its questions."""
    model = patient(models["tiny-chat"])
    stub.chat = right(model)
    return model


def by_name(verdict: Verdict) -> dict[str, Measurement]:
    """Measurements by gate and name."""
    return {f"{m.gate}/{m.name}": m for m in verdict.measurements}


def not_passed(verdict: Verdict) -> dict[str, Outcome]:
    """What did not pass, and how."""
    return {
        name: m.outcome for name, m in by_name(verdict).items() if m.outcome is not Outcome.PASS
    }


def test_a_right_generator_passes_every_gate(endpoint: Endpoint, chat: ModelFolder) -> None:
    """Server, chat, streaming with its times, and one share for each set."""
    told: list[Measurement] = []

    verdict = run_gates(endpoint, chat, progress=told.append)

    assert not_passed(verdict) == {}
    assert list(by_name(verdict)) == [
        *("api/health", "api/model-list", "api/chat", "streaming/streamed"),
        *("streaming/time-to-first-token-p95", "streaming/inter-token-latency-p95"),
        *(f"answers/{evals.metadata.name}" for evals in chat.evals),
    ]
    assert tuple(told) == verdict.measurements
    assert verdict.model == "tiny-chat"


@pytest.mark.parametrize(
    ("change", "failed"),
    [
        pytest.param({"health": 503}, "api/health", id="ill"),
        pytest.param({"model": "other"}, "api/model-list", id="another model"),
    ],
)
def test_a_server_that_is_not_the_models_fails(
    stub: Stub, endpoint: Endpoint, chat: ModelFolder, change: dict[str, Any], failed: str
) -> None:
    """Right answers do not help."""
    for key, value in change.items():
        setattr(stub, key, value)

    assert not_passed(run_gates(endpoint, chat)) == {failed: Outcome.FAIL}


def test_each_set_is_judged_by_itself(stub: Stub, endpoint: Endpoint, chat: ModelFolder) -> None:
    """A lost skill is not hidden by the others, and the wrong answers are shown."""
    known = right(chat)
    (sums,) = [e for e in chat.evals if e.metadata.name == "sums"]
    prompts = {case.prompt for case in sums.spec.cases if isinstance(case, Question)}
    stub.chat = lambda b: "7 7" if b["messages"][-1]["content"] in prompts else known(b)

    verdict = run_gates(endpoint, chat)

    assert not_passed(verdict) == {"answers/sums": Outcome.FAIL}
    lost = by_name(verdict)["answers/sums"]
    assert lost.value is not None
    assert lost.value < 0.5
    assert all("wanted" in example for example in lost.examples)


def test_a_schema_is_asked_for_and_held_to(
    stub: Stub, endpoint: Endpoint, chat: ModelFolder
) -> None:
    """An answer that is no JSON, breaks its schema or is another object is wrong."""
    known = right(chat)
    wrong = iter(["no json", "{}", '{"name": 5}'] * 100)
    stub.chat = lambda body: next(wrong) if "response_format" in body else known(body)

    verdict = run_gates(endpoint, chat)

    assert not_passed(verdict) == {"answers/structured": Outcome.FAIL}
    assert by_name(verdict)["answers/structured"].value == 0
    asked = [b["response_format"] for _, b in stub.requests if "response_format" in b]
    assert {form["type"] for form in asked} == {"json_schema"}
    assert all(form["json_schema"]["strict"] for form in asked)


def test_an_answer_in_one_piece_was_not_streamed(
    stub: Stub, endpoint: Endpoint, chat: ModelFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing between two tokens could be measured, so that holds too."""
    ask = stub.answer

    def whole(path: str, body: Json) -> tuple[int, bytes]:
        return (200, chunks("all")) if body.get("stream") else ask(path, body)

    monkeypatch.setattr(stub, "answer", whole)

    verdict = run_gates(endpoint, chat)

    assert not_passed(verdict) == {
        "streaming/streamed": Outcome.FAIL,
        "streaming/inter-token-latency-p95": Outcome.HOLD,
    }
    assert by_name(verdict)["streaming/streamed"].samples == STREAMS


def test_the_longest_answers_are_streamed(
    stub: Stub, endpoint: Endpoint, chat: ModelFolder
) -> None:
    """A busy server may send a short answer whole, though it streams."""
    known = answers(chat)

    run_gates(endpoint, chat)

    streamed = [b["messages"][-1]["content"] for _, b in stub.requests if b.get("stream")]
    assert len(streamed) == STREAMS
    shortest = min(len(known[prompt]) for prompt in streamed)
    assert all(len(text) <= shortest for p, text in known.items() if p not in streamed)


def test_a_server_that_only_errs_fails_and_holds(
    stub: Stub, endpoint: Endpoint, chat: ModelFolder
) -> None:
    """What could not be measured holds; it never passes."""
    stub.overrides["/v1/chat/completions"] = as_json({"error": "overloaded"}, 503)

    verdict = run_gates(endpoint, chat)

    found = not_passed(verdict)
    assert verdict.outcome is Outcome.FAIL
    assert found.pop("streaming/time-to-first-token-p95") is Outcome.HOLD
    assert found.pop("streaming/inter-token-latency-p95") is Outcome.HOLD
    assert set(found.values()) == {Outcome.FAIL}
    assert by_name(verdict)["api/chat"].examples[0].startswith("HTTP 503")


def test_a_slow_server_fails_its_objectives(
    endpoint: Endpoint, chat: ModelFolder, models: Models
) -> None:
    """The same answers under limits that nothing can keep."""
    impossible = {"objective": 0.95, "seconds": 1e-9}
    slo = models["tiny-chat"].spec.slo.model_dump(by_alias=True)
    slo |= {"timeToFirstToken": impossible, "interTokenLatency": impossible}
    spec = chat.spec.model_copy(update={"slo": type(chat.spec.slo)(**slo)})

    found = not_passed(run_gates(endpoint, replace(chat, spec=spec)))

    assert found["streaming/time-to-first-token-p95"] is Outcome.FAIL


def test_questions_are_asked_as_many_at_a_time_as_promised(
    stub: Stub, endpoint: Endpoint, chat: ModelFolder
) -> None:
    """And each one once."""
    run_gates(endpoint, chat)

    asked = [b["messages"][-1]["content"] for _, b in stub.requests if b and not b.get("stream")]
    cases = [
        case.prompt
        for evals in chat.evals
        if isinstance(evals.spec, Questions | Structured)
        for case in evals.spec.cases
    ]
    assert sorted(asked) == sorted([*cases, "Hello"])


@pytest.mark.parametrize(("model", "gate"), [("minilm", "embeddings"), ("tiny-rerank", "rerank")])
def test_retrieval_that_errs_fails_and_its_time_holds(
    stub: Stub, endpoint: Endpoint, models: Models, model: str, gate: str
) -> None:
    """No vector and no ranking is a wrong answer for every query."""
    stub.overrides[f"/v1/{gate}"] = as_json({"error": "no"}, 500)

    verdict = run_gates(endpoint, patient(models[model]))

    outcomes = {m.name: m.outcome for m in verdict.measurements if m.gate == "retrieval"}
    *sets, times = outcomes
    assert [outcomes[name] for name in sets] == [Outcome.FAIL] * len(sets)
    assert times == "end-to-end-p95"
    assert outcomes[times] is Outcome.HOLD


NEAREST = {
    "type": "nearest",
    "threshold": 1.0,
    "minSamples": 1,
    "documents": {"cat": "cat cat", "zoo": "zoo zoo"},
    "cases": [{"query": "a cat", "nearest": "cat"}, {"query": "the zoo", "nearest": "zoo"}],
}
RANKED = {"query": "red cat", "documents": ["a dog", "red cat"], "best": 1}
RANKING = {"type": "ranking", "threshold": 1.0, "minSamples": 1, "cases": [RANKED]}


def with_set(model: ModelFolder, spec: dict[str, Any]) -> ModelFolder:
    """The model with one evaluation set instead of its own."""
    data = {"apiVersion": "tidegate.dev/v1alpha1", "kind": "EvalSet", "metadata": {"name": "own"}}
    return replace(patient(model), evals=(EvalSet.model_validate(data | {"spec": spec}),))


@pytest.mark.parametrize(
    ("model", "spec", "worse"),
    [
        ("minilm", NEAREST, {"cases": [{"query": "a cat", "nearest": "zoo"}]}),
        ("tiny-rerank", RANKING, {"cases": [RANKED | {"best": 0}]}),
    ],
)
def test_the_right_document_comes_first(
    endpoint: Endpoint, models: Models, model: str, spec: dict[str, Any], worse: dict[str, Any]
) -> None:
    """One query whose first document is another one is told by name."""
    good = by_name(run_gates(endpoint, with_set(models[model], spec)))
    bad = by_name(run_gates(endpoint, with_set(models[model], spec | worse)))

    assert good["retrieval/own"].outcome is Outcome.PASS
    assert bad["retrieval/own"].value == 0
    (example,) = bad["retrieval/own"].examples
    assert " is " in example


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([1.0, 0.0], [2.0, 0.0], 1.0),
        ([1.0, 0.0], [0.0, 3.0], 0.0),
        ([1.0, 0.0], [-1.0, 0.0], -1.0),
        ([0.0, 0.0], [1.0, 0.0], 0.0),
    ],
)
def test_cosine_is_of_directions(a: list[float], b: list[float], expected: float) -> None:
    """Lengths do not count; a null vector is like nothing."""
    assert cosine(a, b) == pytest.approx(expected)
