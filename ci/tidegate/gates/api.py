"""The server as callers find it: healthy, listing the model, answering a chat."""

from collections.abc import Iterator
from functools import partial

from tidegate.catalog.load import ModelFolder
from tidegate.gates.client import Endpoint
from tidegate.gates.measure import fault_of, share
from tidegate.gates.verdict import Measurement

_OK = 200


def _healthy(endpoint: Endpoint) -> str | None:
    status = endpoint.status("/health")
    return None if status == _OK else f"/health answers {status}"


def _listed(endpoint: Endpoint) -> str | None:
    listed = [entry.get("id") for entry in endpoint.get("/v1/models").get("data", [])]
    return None if endpoint.model in listed else f"/v1/models lists {', '.join(map(str, listed))}"


def _chats(endpoint: Endpoint) -> str | None:
    return None if endpoint.chat("Hello") else "an empty answer"


def check_server(endpoint: Endpoint, model: ModelFolder) -> Iterator[Measurement]:
    """Health and model list, one request each."""
    del model
    for name, attempt in (("health", _healthy), ("model-list", _listed)):
        fault = fault_of(partial(attempt, endpoint))
        yield share("api", name, [fault], threshold=1, min_samples=1)


def check_chat(endpoint: Endpoint, model: ModelFolder) -> Iterator[Measurement]:
    """One chat that must have an answer."""
    del model
    yield share("api", "chat", [fault_of(partial(_chats, endpoint))], threshold=1, min_samples=1)
