"""The endpoint under test, spoken to in the OpenAI wire format.

What the endpoint answers is data and is judged; that it cannot be reached at all is
`CouldNotCheckError`, because nothing was measured.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx
import httpx_sse

from tidegate.findings import CouldNotCheckError, cannot_check

# Longer than any answer of the first gates may take; a server that stalls must not stall the gate.
TIMEOUT_SECONDS = 30.0

Json = dict[str, Any]

# What ends a whole stream; one that breaks off has none.
_DONE = "[DONE]"


@dataclass(frozen=True, slots=True)
class Streamed:
    """A streamed answer: its text and when its parts came, in seconds after the request."""

    text: str
    arrivals: tuple[float, ...]

    @property
    def time_to_first_token(self) -> float | None:
        """Seconds to the first piece of text; None where none came."""
        return self.arrivals[0] if self.arrivals else None

    @property
    def gaps(self) -> list[float]:
        """Seconds between one piece and the next."""
        return [b - a for a, b in zip(self.arrivals, self.arrivals[1:], strict=False)]


class EndpointError(Exception):
    """The endpoint answered, and the answer is not what the API promises."""


class Endpoint:
    """An OpenAI-compatible server and the model asked of it."""

    def __init__(
        self, url: str, model: str, *, max_tokens: int, api_key: str | None = None
    ) -> None:
        """Open no connection yet.

        Args:
            url: base URL, with or without /v1.
            model: the name to ask for.
            max_tokens: where an answer is cut off, so that a model that rambles ends.
            api_key: bearer token, where the server wants one.
        """
        self.url = url.rstrip("/").removesuffix("/v1")
        self.model = model
        self.max_tokens = max_tokens
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._http = httpx.Client(
            base_url=self.url, timeout=TIMEOUT_SECONDS, headers=headers, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._http.close()

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        """Turns a lost connection into `CouldNotCheckError` and a stall into `EndpointError`."""
        try:
            yield
        except (httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.ReadError) as error:
            raise EndpointError(f"{type(error).__name__} after {TIMEOUT_SECONDS:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self.unreachable(str(error) or type(error).__name__) from error

    def unreachable(self, found: str) -> CouldNotCheckError:
        """The error that says nothing can be measured here."""
        return cannot_check(
            self.url,
            "endpoint",
            "cannot be reached",
            wanted="an OpenAI-compatible server",
            found=found,
            next_step="start the server, or correct the URL",
        )

    def status(self, path: str) -> int:
        """HTTP status of a GET."""
        with self._reaching():
            return self._http.get(path).status_code

    def get(self, path: str) -> Json:
        """JSON answer of a GET."""
        with self._reaching():
            return _json(self._http.get(path))

    def post(self, path: str, body: Json) -> Json:
        """JSON answer of a POST for the model."""
        with self._reaching():
            return _json(self._http.post(path, json={"model": self.model, **body}))

    def _chat_body(self, prompt: str) -> Json:
        messages = [{"role": "user", "content": prompt}]
        return {"messages": messages, "temperature": 0, "max_tokens": self.max_tokens}

    def chat(self, prompt: str, **options: Any) -> str:  # noqa: ANN401 - the API's own options
        """The text of one answer at temperature 0."""
        answer = self.post("/v1/chat/completions", self._chat_body(prompt) | options)
        try:
            return str(answer["choices"][0]["message"]["content"] or "")
        except (KeyError, IndexError, TypeError) as error:
            raise EndpointError(f"no choices[0].message.content: {error}") from error

    def stream(self, prompt: str) -> Streamed:
        """One streamed answer at temperature 0, each piece with its arrival."""
        body = {"model": self.model, **self._chat_body(prompt), "stream": True}
        pieces: list[str] = []
        arrivals: list[float] = []
        started = time.perf_counter()
        with (
            self._reaching(),
            httpx_sse.connect_sse(self._http, "POST", "/v1/chat/completions", json=body) as events,
        ):
            if events.response.is_error:
                events.response.read()
            _check(events.response)
            for event in events.iter_sse():
                if event.data == _DONE:
                    return Streamed("".join(pieces), tuple(arrivals))
                piece = _piece(event.data)
                if piece:
                    arrivals.append(time.perf_counter() - started)
                    pieces.append(piece)
        raise EndpointError(f"the stream ended after {len(pieces)} pieces without {_DONE}")

    def embed(self, texts: list[str]) -> list[list[float]]:
        """One vector for each text, in order."""
        answer = self.post("/v1/embeddings", {"input": texts})
        try:
            rows = sorted(answer["data"], key=lambda row: row["index"])
            vectors = [[float(x) for x in row["embedding"]] for row in rows]
        except (KeyError, TypeError, ValueError) as error:
            raise EndpointError(f"no data[].embedding: {error}") from error
        if len(vectors) != len(texts):
            raise EndpointError(f"{len(vectors)} vectors for {len(texts)} texts")
        return vectors

    def rerank(self, query: str, documents: list[str]) -> list[int]:
        """Indices of the documents, the most relevant first."""
        answer = self.post("/v1/rerank", {"query": query, "documents": documents})
        try:
            rows = sorted(answer["results"], key=lambda row: -float(row["relevance_score"]))
            return [int(row["index"]) for row in rows]
        except (KeyError, TypeError, ValueError) as error:
            raise EndpointError(f"no results[].relevance_score: {error}") from error


def _check(response: httpx.Response) -> None:
    if response.is_error:
        text = " ".join(response.text.split())
        raise EndpointError(f"HTTP {response.status_code}: {text[:200]}")


def _json(response: httpx.Response) -> Json:
    _check(response)
    try:
        value = response.json()
    except ValueError as error:
        raise EndpointError(f"no JSON: {response.text[:80]!r}") from error
    if not isinstance(value, dict):
        raise EndpointError(f"no JSON object: {response.text[:80]!r}")
    return value


def _piece(data: str) -> str:
    try:
        choices = json.loads(data).get("choices") or [{}]
        return str(choices[0].get("delta", {}).get("content") or "")
    except (ValueError, AttributeError, TypeError) as error:
        raise EndpointError(f"malformed chunk: {data[:80]!r}") from error
