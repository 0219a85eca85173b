"""The endpoint under test, spoken to in the OpenAI wire format.

What the endpoint answers is data and is judged; that it cannot be reached at all is
`CouldNotCheckError`, because nothing was measured.
"""

import json
import math
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx
import httpx_sse

from tidegate.findings import CouldNotCheckError, cannot_check
from tidegate.tls import trusted

# Longer than an answer may take; a server that stalls must not stall the gates.
TIMEOUT_SECONDS = 30.0
# After so many stalls no further request waits: what is left to ask counts as unanswered.
_MOST_STALLS = 5
_UNAUTHORIZED = frozenset({401, 403})

Json = dict[str, Any]
DONE = "[DONE]"
"""What ends a stream in the OpenAI wire format."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it is: its HTTP status and its body, which is None where it is no JSON."""

    status: int
    body: Any


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
        self,
        url: str,
        model: str,
        *,
        max_tokens: int = 64,
        api_key: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        """Open no connection yet.

        Args:
            url: base URL, with or without /v1.
            model: the name to ask for.
            max_tokens: where an answer is cut off, so that a model that rambles ends.
            api_key: bearer token, where the server wants one.
            timeout: seconds without a byte after which an answer counts as stalled.
        """
        self.url = url.rstrip("/").removesuffix("/v1")
        self.model = model
        self.max_tokens = max_tokens
        self.api_key, self.timeout = api_key, timeout
        self._stalls = 0
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        try:
            self._http = httpx.Client(
                base_url=self.url,
                timeout=timeout,
                headers=headers,
                trust_env=False,
                verify=trusted(),
            )
        except (httpx.InvalidURL, ValueError) as error:
            raise self.unreachable(str(error)) from None

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
        if self._stalls >= _MOST_STALLS:
            raise EndpointError(f"not asked: {_MOST_STALLS} requests stalled before")
        try:
            yield
        except httpx.ReadTimeout as error:
            self._stalls += 1
            raise EndpointError(f"no byte for {self.timeout:g} s") from error
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError) as error:
            lost = " ".join(str(error).split()) or type(error).__name__
            raise EndpointError(f"the connection was lost: {lost}") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self.unreachable(str(error) or type(error).__name__) from error

    def require_model(self) -> None:
        """Nothing where the server lists the model.

        Raises:
            CouldNotCheckError: it cannot be reached, wants another key, or serves something else.
        """
        listed = self._listed()
        if self.model not in listed:
            raise self._unusable(
                "/v1/models",
                "does not list the model",
                self.model,
                ", ".join(listed) or "none",
                "correct --model, or --served-name where the server has another name for it",
            )

    def first_model(self) -> str:
        """Name of the first model that the server lists; errors as in `require_model`."""
        listed = self._listed()
        if not listed:
            raise self._unusable("/v1/models", "lists no model", "one", "none", "load a model")
        return listed[0]

    def _listed(self) -> list[str]:
        try:
            reply = self.send("GET", "/v1/models")
        except EndpointError as error:
            raise self.unreachable(str(error)) from None
        if reply.status in _UNAUTHORIZED:
            raise self._unusable(
                "API key",
                "is not accepted",
                "a key of this server",
                f"HTTP {reply.status}",
                "set TIDEGATE_API_KEY",
            )
        try:
            return [str(entry["id"]) for entry in reply.body["data"]]
        except (KeyError, TypeError):
            raise self.unreachable(f"HTTP {reply.status} without a model list") from None

    def _unusable(
        self, what_object: str, what: str, wanted: str, found: str, next_step: str
    ) -> CouldNotCheckError:
        return cannot_check(
            self.url, what_object, what, wanted=wanted, found=found, next_step=next_step
        )

    def unreachable(self, found: str) -> CouldNotCheckError:
        """The error that says nothing can be measured here."""
        if "CERTIFICATE_VERIFY_FAILED" in found:
            said = ("certificate", "is not trusted", "one for this host, of a known issuer")
            return self._unusable(*said, found, "name its issuer's certificates in SSL_CERT_FILE")
        said = ("endpoint", "cannot be reached", "an OpenAI-compatible server")
        return self._unusable(*said, found, "start the server, or correct the URL")

    def send(self, method: str, path: str, body: Json | None = None) -> Reply:
        """The answer to any request, whatever its status."""
        with self._reaching():
            response = self._http.request(method, path, json=body)
        try:
            return Reply(response.status_code, response.json())
        except ValueError:
            return Reply(response.status_code, None)

    def post(self, path: str, body: Json) -> Json:
        """JSON answer of a POST for the model."""
        with self._reaching():
            return _json(self._http.post(path, json={"model": self.model, **body}))

    def _body(self, messages: Sequence[Json], parameters: Json) -> Json:
        default = {"temperature": 0, "max_tokens": self.max_tokens}
        return {"model": self.model, "messages": list(messages), **default, **parameters}

    def chat(self, messages: Sequence[Json], parameters: Json | None = None) -> str:
        """The text of one answer, at temperature 0 where the parameters do not say otherwise."""
        answer = self.post("/v1/chat/completions", self._body(messages, parameters or {}))
        try:
            return str(answer["choices"][0]["message"]["content"] or "")
        except (KeyError, IndexError, TypeError) as error:
            raise EndpointError(f"no choices[0].message.content: {error}") from error

    def events(
        self, messages: Sequence[Json], parameters: Json
    ) -> Generator[tuple[float, str], None, None]:
        """The data of each event of a streamed answer, with its seconds after the request."""
        body = self._body(messages, parameters) | {"stream": True}
        started = time.perf_counter()
        with (
            self._reaching(),
            httpx_sse.connect_sse(self._http, "POST", "/v1/chat/completions", json=body) as events,
        ):
            if events.response.is_error:
                events.response.read()
            _check(events.response)
            try:
                for event in events.iter_sse():
                    yield time.perf_counter() - started, event.data
            except httpx_sse.SSEError as error:
                raise EndpointError(f"no event stream: {error}") from error

    def stream(self, messages: Sequence[Json], parameters: Json | None = None) -> Streamed:
        """One streamed answer, each piece with its arrival."""
        pieces: list[str] = []
        arrivals: list[float] = []
        data = ""
        try:
            for arrival, data in self.events(messages, parameters or {}):
                if piece := piece_of(data):
                    arrivals.append(arrival)
                    pieces.append(piece)
        except EndpointError as error:
            raise EndpointError(f"{error}, after {len(pieces)} pieces") from error
        if data != DONE:
            raise EndpointError(f"the stream ended without {DONE}, after {len(pieces)} pieces")
        return Streamed("".join(pieces), tuple(arrivals))

    def embed(self, texts: list[str]) -> list[list[float]]:
        """One vector for each text, in order."""
        answer = self.post("/v1/embeddings", {"input": texts})
        try:
            rows = sorted(answer["data"], key=lambda row: row["index"])
            vectors = [[float(x) for x in row["embedding"]] for row in rows]
        except (KeyError, TypeError, ValueError) as error:
            raise EndpointError(f"no data[].embedding: {error}") from error
        if not all(math.isfinite(x) for vector in vectors for x in vector):
            raise EndpointError("no data[].embedding: a number is not finite")
        if len(lengths := {len(vector) for vector in vectors}) > 1:
            found = " and ".join(map(str, sorted(lengths)))
            raise EndpointError(f"vectors of {found} numbers")
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


def piece_of(data: str) -> str:
    """The text in one event of a streamed chat; empty where it has none."""
    if data == DONE:
        return ""
    try:
        choices = json.loads(data).get("choices") or [{}]
        return str(choices[0].get("delta", {}).get("content") or "")
    except (ValueError, AttributeError, TypeError, LookupError) as error:
        raise EndpointError(f"malformed chunk: {data[:80]!r}") from error
