"""What a server is asked, case by case, and what is kept of each answer."""

from collections.abc import Callable, Mapping

import pytest
from tests.stub.faults import Behaviour
from tests.unit.gates import samples
from tests.unit.gates.conftest import Stub, as_json

from tidegate.catalog.load import ModelFolder
from tidegate.gates import faults, functional, latency
from tidegate.gates.client import Endpoint
from tidegate.gates.jobs import Plan, Target
from tidegate.gates.record import Answer
from tidegate.gates.scenarios import CHAT, scenarios

Start = Callable[[Behaviour], Endpoint]


def silent(what: str, done: int, total: int) -> None:
    """Nobody looks."""


def asking(*cases: Mapping[str, object]) -> ModelFolder:
    """A generator with these cases alone."""
    spec = {"threshold": 1, "minSamples": 1, "cases": list(cases)}
    return samples.folder("generate", samples.evals("say", type="cases", **spec))


def answered(endpoint: Endpoint, model: ModelFolder) -> list[Answer]:
    """What became of each case."""
    return [job.run() for job in functional.jobs(Target(endpoint, model, Plan()))]


def test_a_case_is_sampled_as_it_says(endpoint: Start) -> None:
    """Its parameters replace what all others are asked with."""
    behaviour = Behaviour()
    case = {"prompt": "a", "parameters": {"temperature": 1, "seed": 3}, "assert": [{"regex": "."}]}
    answered(endpoint(behaviour), asking(case))

    (body,) = behaviour.asked
    assert (body["temperature"], body["seed"], body["max_tokens"]) == (1, 3, 64)


def test_an_answer_keeps_its_weight_and_the_end_of_a_long_question(endpoint: Start) -> None:
    """People need the question; a needle's text is a book."""
    case = {"prompt": f"{'x' * 500} where?", "assert": [{"contains": "where"}], "weight": 2.5}
    (found,) = answered(endpoint(Behaviour()), asking(case))

    assert (found.fault, found.weight, len(found.asked)) == (None, 2.5, 200)
    assert found.asked.endswith(" where?")
    assert found.answer.startswith("you said x")


def test_the_first_assertion_that_fails_is_the_fault(endpoint: Start) -> None:
    """All must hold; one is enough to say."""
    wanted = [{"contains": "said"}, {"contains": "b"}, {"contains": "c"}]
    (found,) = answered(endpoint(Behaviour()), asking({"prompt": "a", "assert": wanted}))

    assert found.fault == "wanted 'b' in it, found 'you said a'"


def test_load_is_made_of_the_models_own_prompts_in_their_order() -> None:
    """Streams with usage; a turn that the model would have to fill in is left out."""
    turns = [
        {"role": "user", "content": "one"},
        {"role": "assistant"},
        {"role": "user", "content": "two"},
    ]
    model = asking(
        {"messages": turns, "assert": [{"regex": "."}]},
        {"prompt": "b", "parameters": {"max_tokens": 3}, "assert": [{"regex": "."}]},
    )
    first, second = scenarios(model, "served")

    assert first.path == CHAT
    assert [m["content"] for m in first.body["messages"]] == ["one", "two"]
    assert first.body["stream_options"] == {"include_usage": True}
    assert (first.body["model"], first.body["max_tokens"]) == ("served", 64)
    assert second.body["max_tokens"] == 3
    assert b'"stream":true' in second.encoded()


def test_the_longest_free_answers_are_the_ones_that_are_timed(endpoint: Start) -> None:
    """Twenty of them; a constrained answer or a conversation is timed by nobody."""
    free = [{"prompt": "p" * n, "assert": [{"exact": "a" * n}]} for n in range(1, 31)]
    bound = {"prompt": "q", "parameters": {"seed": 1}, "assert": [{"exact": "a" * 99}]}
    behaviour = Behaviour()
    target = Target(endpoint(behaviour), asking(*free, bound), Plan())
    observed, times = latency.observe(target, silent)

    asked = [b["messages"][0]["content"] for b in behaviour.asked if b.get("stream")]
    assert asked == ["p" * n for n in range(30, 10, -1)]
    assert [(o.name, len(o.answers)) for o in observed] == [
        ("streamed", 20),
        ("stream-equal", 10),
        ("deterministic", 10),
    ]
    assert [(t.name, len(t.seconds)) for t in times] == [
        ("time-to-first-token", 20),
        ("inter-token-latency", 40),
    ]


def test_an_answer_that_changes_from_one_time_to_the_next_is_found(endpoint: Start) -> None:
    """At temperature 0 the same question has one answer."""
    told = iter(range(1000))
    behaviour = Behaviour(answer=lambda _: f"answer number {next(told)}")
    target = Target(
        endpoint(behaviour), asking({"prompt": "a", "assert": [{"regex": "."}]}), Plan()
    )
    found = {o.name: o.answers[0].fault for o in latency.observe(target, silent)[0]}

    assert found == {
        "streamed": None,
        "stream-equal": "streamed 'answer number 0', else 'answer number 1'",
        "deterministic": "first 'answer number 1', then 'answer number 2'",
    }


@pytest.mark.parametrize(
    ("model", "path"),
    [(samples.retriever(), "/v1/embeddings"), (samples.reranker(), "/v1/rerank")],
    ids=["embed", "rerank"],
)
def test_a_round_trip_that_failed_has_no_time(
    model: ModelFolder, path: str, stub: Stub, opened: Endpoint
) -> None:
    """One for each query; its own case says that it failed."""
    _, (whole,) = latency.observe(Target(opened, model, Plan()), silent)
    stub.overrides[path] = as_json({"error": "down"}, 500)
    _, (failed,) = latency.observe(Target(opened, model, Plan()), silent)

    assert (len(whole.seconds), len(failed.seconds)) == (len(samples.WORDS), 0)


@pytest.mark.parametrize(
    ("status", "fault"),
    [(429, None), (503, None), (500, "wanted 200, 429 or 503, found 500")],
)
def test_too_many_callers_are_refused_politely_or_it_is_a_fault(
    status: int, fault: str | None, endpoint: Start
) -> None:
    """Eight times as many as the model promises to take, each one answered."""
    busy = endpoint(Behaviour(error_burst=range(99), error_status=status))
    found = list(faults.overload(Target(busy, samples.reranker(), Plan())))

    assert [a.case for a in found] == [f"caller-{i}" for i in range(32)]
    assert {a.fault for a in found} == {fault}


def test_callers_after_an_overload_are_served_as_promised(stub: Stub, opened: Endpoint) -> None:
    """A refusal, or an answer later than the objective, is no recovery."""
    hasty = {"endToEnd": {"objective": 0.9, "seconds": 1e-9}, "availability": {"objective": 0.9}}
    late = list(faults.recovery(Target(opened, samples.reranker(slo=hasty), Plan())))
    stub.overrides["/v1/rerank"] = as_json({"error": "busy"}, 503)
    refused = list(faults.recovery(Target(opened, samples.reranker(), Plan())))

    assert all("promised within 1e-09 s" in (a.fault or "") for a in late)
    assert all((a.fault or "").startswith("HTTP 503") for a in refused)
    assert len(late) == len(refused) == 5


def test_faults_are_not_tried_without_a_prompt(endpoint: Start) -> None:
    """Every set then holds; a task without streams has the two sets about overload."""
    server = endpoint(Behaviour())
    none, two = (
        list(faults.observe(Target(server, model, Plan()), silent))
        for model in (samples.folder("embed"), samples.reranker())
    )

    assert none == []
    assert [o.name for o in two] == ["overload", "recovery"]


def test_a_stream_that_comes_in_one_piece_is_asked_once_more(endpoint: Start) -> None:
    """A busy moment puts pieces together, and a server that holds back does so every time."""
    asked: list[str] = []

    def hasty(prompt: str) -> str:
        asked.append(prompt)
        return "all" if len(asked) == 1 else f"you said {prompt}"

    found = {}
    for name, answer in (("busy", hasty), ("holds back", lambda _: "all")):
        target = Target(endpoint(Behaviour(answer=answer)), samples.generator(), Plan())
        (streamed, *_), _times = latency.observe(target, silent)
        found[name] = {one.fault for one in streamed.answers}

    assert found == {"busy": {None}, "holds back": {"one piece or none"}}
