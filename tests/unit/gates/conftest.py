"""Servers to speak to: a plain one for the client, and stubs that misbehave for the gates."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from tests.conftest import Cli, Ran
from tests.loopback import listening
from tests.stub.faults import Behaviour
from tests.stub.server import Stub as Server
from tests.stub.server import serving

from tidegate.catalog.evals import Questions
from tidegate.catalog.load import ModelFolder, load_valid
from tidegate.gates.client import Endpoint
from tidegate.gates.jobs import Plan
from tidegate.gates.record import Run
from tidegate.gates.run import observe

# A deadline is a timer, and a busy machine breaks it.
settings.register_profile("gates", deadline=None)
settings.load_profile("gates")

Json = dict[str, Any]
Answer = tuple[int, bytes]


def as_json(value: object, status: int = 200) -> Answer:
    """A JSON answer."""
    return status, json.dumps(value).encode()


def chunks(*pieces: str) -> bytes:
    """A stream of chat chunks: a role, the pieces, a finish, and the end."""
    deltas: list[Json] = [{"role": "assistant"}, *({"content": piece} for piece in pieces), {}]
    events = [json.dumps({"choices": [{"delta": delta}]}) for delta in deltas]
    return "".join(f"data: {event}\n\n" for event in [*events, "[DONE]"]).encode()


@dataclass
class Stub:
    """What the server says; a test replaces one part of it."""

    model: str = "tiny"
    health: int = 200
    chat: Callable[[Json], str] = lambda body: f"echo {body['messages'][-1]['content']}"
    overrides: dict[str, Answer] = field(default_factory=dict)
    requests: list[tuple[str, Json]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    def answer(self, path: str, body: Json) -> Answer:
        """Status and body for a request."""
        self.requests.append((path, body))
        if path in self.overrides:
            return self.overrides[path]
        say = getattr(self, f"_say_{path.rpartition('/')[2]}", None)
        return say(body) if say else as_json({"error": "no such route"}, 404)

    def _say_health(self, _: Json) -> Answer:
        return self.health, b""

    def _say_models(self, _: Json) -> Answer:
        return as_json({"data": [{"id": self.model}]})

    def _say_completions(self, body: Json) -> Answer:
        said = self.chat(body)
        if body.get("stream"):
            return 200, chunks(*said.split(" "))
        return as_json({"choices": [{"message": {"content": said}}]})

    def _say_embeddings(self, body: Json) -> Answer:
        rows = [{"index": i, "embedding": letters(t)} for i, t in enumerate(body["input"])]
        return as_json({"data": rows[::-1]})

    def _say_rerank(self, body: Json) -> Answer:
        return as_json({"results": ranked(body["query"], body["documents"])})


def letters(text: str) -> list[float]:
    """A toy embedding: how often each letter occurs."""
    return [float(text.lower().count(letter)) for letter in "abcdefghijklmnopqrstuvwxyz"]


def ranked(query: str, documents: list[str]) -> list[Json]:
    """A toy ranking by shared words, in the order of the documents."""
    words = set(query.lower().split())
    scores = [len(words & set(document.lower().split())) for document in documents]
    return [{"index": i, "relevance_score": score} for i, score in enumerate(scores)]


def handler(stub: Stub) -> type[BaseHTTPRequestHandler]:
    """A handler that asks the stub."""

    class Handler(BaseHTTPRequestHandler):
        def _reply(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            stub.headers.append(dict(self.headers))
            status, body = stub.answer(self.path, json.loads(self.rfile.read(length) or b"{}"))
            self.send_response(status)
            stream = body.startswith(b"data: ")
            self.send_header("Content-Type", "text/event-stream" if stream else "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _reply  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            """Nothing: the test says what matters."""

    return Handler


@pytest.fixture
def stub() -> Iterator[Stub]:
    """A running server."""
    made = Stub()
    with listening(handler(made)) as port:
        made.url = f"http://127.0.0.1:{port}"
        yield made


@pytest.fixture
def opened(stub: Stub) -> Iterator[Endpoint]:
    """The server as the gates speak to it; what stalls is given up soon."""
    with Endpoint(stub.url, stub.model, max_tokens=16, timeout=5.0) as opened:
        yield opened


# Short: what stalls on purpose must not stall the tests.
TIMEOUT = 1.0

Serve = Callable[[Behaviour], Server]
Observe = Callable[..., Run]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts stubs that end with the test."""
    with ExitStack() as stack:
        yield lambda behaviour: stack.enter_context(serving(behaviour))


@pytest.fixture
def endpoint(serve: Serve) -> Iterator[Callable[[Behaviour], Endpoint]]:
    """Starts a stub and opens the endpoint that speaks to it."""
    with ExitStack() as stack:

        def start(behaviour: Behaviour) -> Endpoint:
            stalls = behaviour.never_answers or behaviour.stall_after is not None
            patience = TIMEOUT if stalls else 30.0
            return stack.enter_context(
                Endpoint(serve(behaviour).url, "stub", max_tokens=64, timeout=patience)
            )

        yield start


@pytest.fixture
def seen(endpoint: Callable[[Behaviour], Endpoint]) -> Observe:
    """What the gates see on a stub of this behaviour."""

    def run(
        model: ModelFolder, behaviour: Behaviour | None = None, plan: Plan | None = None
    ) -> Run:
        return observe(endpoint(behaviour or Behaviour()), model, plan)

    return run


GateRun = Callable[..., Ran]


def knows(repository: Path) -> Behaviour:
    """A stub that has read the answers of tiny-chat's facts."""
    (facts,) = load_valid(repository).models["tiny-chat"].evals
    assert isinstance(facts.spec, Questions)
    known = {case.question: case.asserts[0].exact for case in facts.spec.expanded()}
    return Behaviour(model="tiny-chat", answer=lambda prompt: known.get(prompt) or "no idea at all")


@pytest.fixture
def small(repository: Path) -> Path:
    """The repository with two models and one set of tiny-chat, so that runs are short."""
    for folder in (repository / "models").glob("*/"):
        if folder.name not in {"tiny-chat", "qwen3-8b"}:
            shutil.rmtree(folder)
    for path in (repository / "models" / "tiny-chat" / "evals").glob("*.yaml"):
        if path.stem != "facts":
            path.unlink()
    return repository


@pytest.fixture
def run(small: Path, serve: Serve, cli: Cli) -> GateRun:
    """Runs the gates of tiny-chat on a stub that knows the facts, or on another."""

    def gate(*arguments: str | Path, behaviour: Behaviour | None = None) -> Ran:
        stub = serve(behaviour or knows(small))
        fixed = ("--model", "tiny-chat", "--url", stub.url, "--root", small, "--timeout", "1")
        return cli("gate", "run", *fixed, *arguments)

    return gate
