"""Whatever a server sends, it is a fault of its case or a line for people, never a traceback."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.gates import samples
from tests.unit.gates.conftest import Stub, as_json
from tests.unit.gates.test_load import STARTED

from tidegate.findings import CouldNotCheckError
from tidegate.gates import functional, retrieval
from tidegate.gates.client import Endpoint, EndpointError
from tidegate.gates.jobs import Plan, Target
from tidegate.gates.judge import judge
from tidegate.gates.record import Answer, Observed, Run, read_run, write_run
from tidegate.gates.report import html, junit

CHATS, EMBEDDINGS, MODELS = "/v1/chat/completions", "/v1/embeddings", "/v1/models"
HELLO = [{"role": "user", "content": "Hello"}]


def rows(*vectors: list[object]) -> dict[str, object]:
    """An answer with these embeddings."""
    return {"data": [{"index": i, "embedding": vector} for i, vector in enumerate(vectors)]}


@given(st.text(st.characters(exclude_categories=("Cs", "Cn")), min_size=1, max_size=30))
@settings(max_examples=30)
def test_the_junit_file_is_xml_whatever_a_fault_says(text: str) -> None:
    """XML 1.0 has no way to write most control characters; an error text may hold them."""
    wrong = tuple(Answer(case=str(i), fault=f"\x1b[31m\x00{text}") for i in range(20))
    facts = Observed(gate="functional", name="facts", answers=wrong)
    verdict = judge(Run(model="stub", started=STARTED, observed=(facts,)), samples.generator())

    tree = ET.fromstring(junit(verdict))  # noqa: S314 - made above

    (failure,) = tree.iter("failure")
    assert "[31m" in str(failure.text)


def test_half_a_character_of_an_answer_can_be_kept_and_shown(
    stub: Stub, opened: Endpoint, tmp_path: Path
) -> None:
    """JSON can escape one half of a surrogate pair, which no file can hold."""
    stub.overrides[CHATS] = (200, b'{"choices": [{"message": {"content": "so \\ud83d"}}]}')
    model = samples.folder("generate", samples.questions(1))
    (job,) = functional.jobs(Target(opened, model, Plan()))
    facts = Observed(gate="functional", name="facts", answers=(job.run(),))
    run = Run(model="stub", started=STARTED, observed=(facts,))

    write_run(tmp_path / "run.json", run)
    page = html(judge(run, model), run, model).encode()

    assert read_run(tmp_path / "run.json") == run
    assert run.observed[0].answers[0].answer.startswith("so ")
    assert b"so " in page


def test_vectors_of_one_answer_have_one_length(stub: Stub, opened: Endpoint) -> None:
    """Otherwise no similarity between them exists."""
    stub.overrides[EMBEDDINGS] = as_json(rows([1, 2], [1]))

    with pytest.raises(EndpointError, match="vectors of 1 and 2 numbers"):
        opened.embed(["a", "b"])


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_vector_holds_numbers(number: str, stub: Stub, opened: Endpoint) -> None:
    """Overflow in the weights shows so; a ranking by it would be an accident."""
    text = f'{{"data": [{{"index": 0, "embedding": [1, {number}]}}]}}'
    stub.overrides[EMBEDDINGS] = (200, text.encode())

    with pytest.raises(EndpointError, match=r"no data\[\]\.embedding: .*not finite"):
        opened.embed(["a"])


def test_a_query_of_another_length_than_the_documents_is_a_fault(
    stub: Stub, opened: Endpoint
) -> None:
    """Each query says so; the gates go on."""
    jobs = list(retrieval.jobs(Target(opened, samples.retriever(), Plan())))
    stub.overrides[EMBEDDINGS] = as_json(rows([1.0, 2.0]))
    faults = {job.run().fault for job in jobs if job.name == "nearest"}

    assert faults == {"a query of 2 numbers, documents of 26"}


def test_documents_that_cannot_be_embedded_are_a_fault_of_every_case(
    stub: Stub, opened: Endpoint
) -> None:
    """The documents are asked for once; each case that needs them says what is missing."""
    stub.overrides[EMBEDDINGS] = as_json({"error": "down"}, 500)
    jobs = list(retrieval.jobs(Target(opened, samples.retriever(), Plan())))

    assert {job.run().fault for job in jobs} == {"the documents could not be embedded"}
    assert len(stub.requests) == 1


def test_an_empty_ranking_is_a_fault_without_a_score(stub: Stub, opened: Endpoint) -> None:
    """Nothing came first."""
    stub.overrides["/v1/rerank"] = as_json({"results": []})
    job = next(retrieval.jobs(Target(opened, samples.reranker(), Plan())))
    found = job.run()

    assert found.fault == "first is nothing, not 0"
    assert set(found.scores.values()) == {0.0}


def test_an_answer_that_does_not_stream_is_no_stream(stub: Stub, opened: Endpoint) -> None:
    """A server that does not know `stream` answers in one JSON object."""
    stub.overrides[CHATS] = as_json({"choices": [{"message": {"content": "Hi"}}]})

    with pytest.raises(EndpointError, match=r"no event stream: .*, after 0 pieces"):
        opened.stream(HELLO)


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"data": []}, 200, "lists no model; wanted one, found none"),
        ({"models": []}, 200, "found HTTP 200 without a model list"),
        ([1], 200, "found HTTP 200 without a model list"),
        ({"data": [{"name": "a"}]}, 200, "found HTTP 200 without a model list"),
        ({"error": "x"}, 502, "found HTTP 502 without a model list"),
        ({}, 403, "API key: is not accepted; wanted a key of this server, found HTTP 403"),
    ],
)
def test_a_server_that_lists_no_model_cannot_help(
    body: object, status: int, said: str, stub: Stub, opened: Endpoint
) -> None:
    """The first model is the one that helps; without a list there is none to take."""
    stub.overrides[MODELS] = as_json(body, status)

    with pytest.raises(CouldNotCheckError) as refused:
        opened.first_model()

    assert said in str(refused.value)


def test_a_body_that_is_no_json_is_none_beside_its_status(stub: Stub, opened: Endpoint) -> None:
    """Refusals are judged by their status too."""
    stub.overrides["/x"] = (418, b"<p>no</p>")
    reply = opened.send("POST", "/x", {})

    assert (reply.status, reply.body) == (418, None)
