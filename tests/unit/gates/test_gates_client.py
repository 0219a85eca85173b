"""What the endpoint answers is data; that it cannot be reached at all is no measurement."""

import socket
from collections.abc import Callable

import pytest
from tests.unit.gates.conftest import Answer, Json, Stub, as_json, chunks

from tidegate.findings import CouldNotCheckError
from tidegate.gates.client import Endpoint, EndpointError, Streamed


def said(text: str) -> list[Json]:
    """One message of a user."""
    return [{"role": "user", "content": text}]


def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
def test_the_url_is_given_with_or_without_v1(stub: Stub, suffix: str) -> None:
    """Both are in use; the routes are the same."""
    with Endpoint(stub.url + suffix, "tiny", max_tokens=1) as endpoint:
        assert endpoint.send("GET", "/health").status == 200
        assert endpoint.send("GET", "/v1/models").body == {"data": [{"id": "tiny"}]}


def test_a_chat_is_asked_at_temperature_0_with_a_limit(stub: Stub, opened: Endpoint) -> None:
    """So that two runs ask the same and a model that rambles ends."""
    assert opened.chat(said("Hello"), {"top_p": 0.5}) == "echo Hello"

    assert stub.requests == [
        (
            "/v1/chat/completions",
            {
                "model": "tiny",
                "messages": [{"role": "user", "content": "Hello"}],
                "temperature": 0,
                "max_tokens": 16,
                "top_p": 0.5,
            },
        )
    ]


@pytest.mark.parametrize("key", [None, "s3cret"])
def test_a_token_is_sent_where_there_is_one(stub: Stub, key: str | None) -> None:
    """As a bearer token."""
    with Endpoint(stub.url, "tiny", max_tokens=1, api_key=key) as endpoint:
        endpoint.chat(said("Hello"))

    sent = stub.headers[0].get("Authorization")
    assert sent == (f"Bearer {key}" if key else None)


def test_a_stream_keeps_its_pieces_and_when_they_came(opened: Endpoint) -> None:
    """Chunks without text, the first and the last, are no tokens."""
    streamed = opened.stream(said("one two"))

    assert streamed.text == "echoonetwo"
    assert len(streamed.arrivals) == 3
    assert list(streamed.arrivals) == sorted(streamed.arrivals)


def test_times_of_a_stream_follow_from_its_arrivals() -> None:
    """The first token counts from the request, the others from the one before."""
    streamed = Streamed("abc", (0.5, 0.75, 1.75))

    assert streamed.time_to_first_token == 0.5
    assert streamed.gaps == [0.25, 1.0]
    assert Streamed("", ()).time_to_first_token is None
    assert Streamed("", ()).gaps == []


def test_vectors_come_back_in_the_order_of_the_texts(opened: Endpoint) -> None:
    """The server may answer in any order."""
    a, b = opened.embed(["aa", "b"])

    assert (a[0], b[1]) == (2.0, 1.0)


def test_the_most_relevant_document_comes_first(opened: Endpoint) -> None:
    """By score, not by place."""
    assert opened.rerank("red cat", ["a dog", "a red cat", "a cat"]) == [1, 2, 0]


Call = Callable[[Endpoint], object]
CHAT, STREAM = (lambda e: e.chat(said("a"))), (lambda e: e.stream(said("a")))
EMBED, RERANK = (lambda e: e.embed(["a", "b"])), (lambda e: e.rerank("a", ["b", "c"]))
CHATS = "/v1/chat/completions"


@pytest.mark.parametrize(
    ("path", "answer", "call", "fault"),
    [
        (CHATS, as_json({"error": "over\nload"}, 503), CHAT, 'HTTP 503: {"error": "over'),
        (CHATS, as_json({"error": "no"}, 401), STREAM, "HTTP 401"),
        (CHATS, (200, b"<html>"), CHAT, "no JSON: '<html>'"),
        (CHATS, (200, b"[1]"), CHAT, "no JSON object: '[1]'"),
        (CHATS, as_json({"choices": []}), CHAT, "no choices"),
        (CHATS, as_json({"choices": [{"text": "a"}]}), CHAT, "no choices"),
        (CHATS, (200, b"data: {broken\n\n"), STREAM, "malformed chunk: '{broken'"),
        (CHATS, (200, b"data: [1]\n\n"), STREAM, "malformed chunk"),
        (CHATS, (200, b'data: {"choices": ["x"]}\n\n'), STREAM, "malformed chunk"),
        ("/v1/embeddings", as_json({"data": [{"index": 0}]}), EMBED, "no data"),
        (
            "/v1/embeddings",
            as_json({"data": [{"index": 0, "embedding": [1]}]}),
            EMBED,
            "1 vectors for 2 texts",
        ),
        ("/v1/rerank", as_json({"results": [{"index": 0}]}), RERANK, "no results"),
        ("/v1/rerank", as_json({"results": None}), RERANK, "no results"),
    ],
)
def test_an_answer_against_the_api_is_told(
    stub: Stub, opened: Endpoint, *, path: str, answer: Answer, call: Call, fault: str
) -> None:
    """It was measured and is wrong: the gate judges it."""
    stub.overrides[path] = answer

    with pytest.raises(EndpointError) as failed:
        call(opened)

    assert str(failed.value).startswith(fault)
    assert "\n" not in str(failed.value)


def test_a_null_answer_is_an_empty_one(stub: Stub, opened: Endpoint) -> None:
    """A tool call has no text, for instance."""
    stub.overrides[CHATS] = as_json({"choices": [{"message": {"content": None}}]})

    assert opened.chat(said("a")) == ""


@pytest.mark.parametrize("call", [CHAT, STREAM, EMBED, RERANK, lambda e: e.require_model()])
def test_nobody_there_could_not_be_measured(call: Call) -> None:
    """No answer is no fault of the model: nothing was measured."""
    url = f"http://127.0.0.1:{closed_port()}"
    with (
        Endpoint(url, "tiny", max_tokens=1) as endpoint,
        pytest.raises(CouldNotCheckError, match="endpoint: cannot be reached") as refused,
    ):
        call(endpoint)

    assert refused.value.findings[0].file == url


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "http://", "ftp://127.0.0.1"])
def test_what_is_no_url_cannot_be_reached(url: str) -> None:
    """One line, no traceback."""
    with (
        Endpoint(url, "tiny", max_tokens=1) as endpoint,
        pytest.raises(CouldNotCheckError, match="cannot be reached"),
    ):
        endpoint.require_model()


def test_a_server_that_stalls_is_a_fault() -> None:
    """It was there and did not answer: that is measured, and the gate does not wait for ever."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with (
            Endpoint(url, "tiny", max_tokens=1, timeout=0.2) as endpoint,
            pytest.raises(EndpointError, match=r"no byte for 0\.2 s"),
        ):
            endpoint.chat(said("a"))


def test_a_stream_that_breaks_off_is_a_fault(stub: Stub, opened: Endpoint) -> None:
    """The pieces so far are no answer."""
    whole = chunks("one", "two")
    stub.overrides[CHATS] = (200, whole[: whole.index(b"data: [DONE]")])

    with pytest.raises(EndpointError, match=r"ended without \[DONE\], after 2 pieces"):
        opened.stream(said("a"))
