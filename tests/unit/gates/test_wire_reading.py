"""How the bytes of an answer under load are read, once the step is over."""

import json
import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.gates.record import Request
from tidegate.gates.wire import Exchange, payload

PIECES = ("one", " two", " three \N{SNOWMAN}")


def event(delta: str, **more: object) -> bytes:
    """One event of a streamed chat."""
    chunk = {"choices": [{"delta": {"content": delta}}], **more}
    return f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n".encode()


def usage(value: object) -> bytes:
    """The event that ends a stream with the server's own count."""
    return f"data: {json.dumps({'choices': [], 'usage': value})}\n\n".encode()


TEXT = b"".join(event(piece) for piece in PIECES)
END = b"data: [DONE]\n\n"
WHOLE = TEXT + usage({"completion_tokens": 7}) + END


def read(*chunks: bytes, status: int = 200, fault: str | None = None) -> Request:
    """The streamed request of these chunks, one a second after it was due."""
    exchange = Exchange(b"", 100.0, 100.25, status, fault=fault, complete=fault is None)
    exchange.chunks = [(101.0 + i, chunk) for i, chunk in enumerate(chunks)]
    return exchange.as_request(100.0, stream=True)


def test_every_time_counts_from_the_start_of_the_step() -> None:
    """Seconds after it, of the schedule, the sending and each piece."""
    found = read(event("a"), event("b"), END)

    assert (found.scheduled, found.sent, found.arrivals) == (0.0, 0.25, (1.0, 2.0))
    assert found.gaps == [1.0]
    assert found.time_to_first_token == 1.0
    assert found.end_to_end == 2.0


@given(st.lists(st.integers(1, len(WHOLE) - 1), max_size=8), st.booleans())
def test_where_the_network_cuts_the_bytes_changes_nothing(cuts: list[int], crlf: bool) -> None:  # noqa: FBT001 - hypothesis passes it
    """Not in the middle of a character or a line end, and not with the other line end."""
    data = WHOLE.replace(b"\n", b"\r\n") if crlf else WHOLE
    edges = [0, *sorted(set(cuts)), len(data)]
    found = read(*(data[a:b] for a, b in pairwise(edges)))

    assert (found.fault, found.tokens, len(found.arrivals)) == (None, 7, len(PIECES))
    assert list(found.arrivals) == sorted(found.arrivals)


def test_without_a_count_of_the_server_each_piece_is_a_token() -> None:
    """Usage is an option that a server need not know."""
    assert read(TEXT + END).tokens == len(PIECES)
    assert read(TEXT + usage(None) + END).tokens == len(PIECES)


def test_a_comment_and_other_fields_are_no_chunk() -> None:
    """The event stream format has both; gateways send comments to keep a connection open."""
    found = read(b": keep-alive\n\n", b"event: chunk\nid: 1\n" + TEXT, b":\n\n", END)

    assert (found.fault, len(found.arrivals)) == (None, len(PIECES))


@pytest.mark.parametrize(
    "value", ["many", 3, {"completion_tokens": "many"}, {"completion_tokens": math.inf}]
)
def test_a_count_that_is_none_is_a_fault_of_the_request(value: object) -> None:
    """And does not end the gates."""
    found = read(TEXT + usage(value) + END)

    assert found.fault
    assert "malformed chunk" in found.fault
    assert found.end_to_end == math.inf


def test_bytes_that_are_no_text_are_a_fault() -> None:
    """With the pieces before them kept."""
    found = read(event("a"), b"data: \xff\xfe\n\n", END)

    assert "utf-8" in (found.fault or "")
    assert len(found.arrivals) == 1


def test_a_lost_connection_says_how_far_the_answer_came() -> None:
    """The client's own fault comes before what is missing at the end."""
    found = read(event("a"), event("b"), fault="the connection was lost: reset")

    assert found.fault == "the connection was lost: reset, after 2 pieces"
    assert found.time_to_first_token == 1.0
    assert found.end_to_end == math.inf


def test_text_under_another_status_is_no_answer() -> None:
    """A proxy may stream its error page."""
    found = read(TEXT, status=502)

    assert (found.fault, found.arrivals, found.tokens) == ("HTTP 502", (), 0)


def test_what_was_never_sent_was_not_sent_early() -> None:
    """A refused connection leaves no time of sending; the schedule stands for it."""
    exchange = Exchange(b"", 103.0, fault="no connection: refused")
    found = exchange.as_request(100.0, stream=True)

    assert (found.sent, found.lateness) == (3.0, 0.0)
    assert found.fault == "no connection: refused, after 0 pieces"


BODY = json.dumps({"data": [], "usage": {"total_tokens": 5}}).encode()


@pytest.mark.parametrize(
    ("chunks", "complete", "fault"),
    [
        ([BODY], True, None),
        ([BODY[:9], BODY[9:]], True, None),
        ([BODY], False, "the answer ended early"),
        ([b"{"], True, "no usage in the answer"),
        ([b"[]"], True, "no usage in the answer"),
        ([b'{"usage": null}'], True, "no usage in the answer"),
        ([b'{"usage": {"total_tokens": "few"}}'], True, "no usage in the answer"),
        ([b'{"usage": {"total_tokens": Infinity}}'], True, "no usage in the answer"),
        ([], True, "no usage in the answer"),
    ],
)
def test_an_answer_in_one_piece_arrives_with_its_last_byte(
    chunks: list[bytes], fault: str | None, *, complete: bool
) -> None:
    """Its tokens are those of the prompt; without them it is a fault."""
    exchange = Exchange(b"", 0.0, 0.5, 200, complete=complete)
    exchange.chunks = [(1.0 + i, chunk) for i, chunk in enumerate(chunks)]
    found = exchange.as_request(0.0, stream=False)

    assert found.fault == fault
    assert found.tokens == (0 if fault else 5)
    assert found.arrivals == (() if fault else (float(len(chunks)),))


@pytest.mark.parametrize(("key", "lines"), [(None, 4), ("s3cret", 5)])
def test_a_request_is_whole_http_with_its_length_in_bytes(key: str | None, lines: int) -> None:
    """Characters are not bytes; the key is sent where there is one."""
    body = '{"a": "ü"}'.encode()
    head, _, sent = payload("http://[::1]:8000", "/v1/x", body, key).partition(b"\r\n\r\n")
    found = head.decode().split("\r\n")

    assert sent == body
    assert found[:2] == ["POST /v1/x HTTP/1.1", "Host: [::1]:8000"]
    assert f"Content-Length: {len(body)}" in found
    assert len(found) == lines
    assert (f"Authorization: Bearer {key}" in found) == (key is not None)
