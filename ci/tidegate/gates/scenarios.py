"""The requests that load is made of: the model's own evaluation prompts, as callers send them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from tidegate.catalog.evals import Nearest, Ranking
from tidegate.catalog.load import ModelFolder
from tidegate.catalog.objects import Task
from tidegate.gates.client import Json
from tidegate.gates.functional import conversations

CHAT = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of request."""

    path: str
    body: Json

    def encoded(self) -> bytes:
        """The body as it is sent."""
        return json.dumps(self.body, separators=(",", ":")).encode()


def scenarios(model: ModelFolder, served_name: str) -> list[Scenario]:
    """The requests of a model, in the order of its sets; streams where it generates."""
    return list(_chats(model, served_name) if _generates(model) else _others(model, served_name))


def _generates(model: ModelFolder) -> bool:
    return model.spec.task is Task.GENERATE


def _chats(model: ModelFolder, served_name: str) -> Iterator[Scenario]:
    common = {
        "model": served_name,
        "temperature": 0,
        "max_tokens": model.spec.limits.output_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    for _, cases in conversations(model):
        for case in cases:
            said = [message.model_dump() for message in case.conversation if message.content]
            yield Scenario(CHAT, common | case.parameters | {"messages": said})


def _others(model: ModelFolder, served_name: str) -> Iterator[Scenario]:
    for evals in model.evals:
        if isinstance(evals.spec, Nearest):
            for query in evals.spec.cases:
                yield Scenario("/v1/embeddings", {"model": served_name, "input": [query.query]})
        elif isinstance(evals.spec, Ranking):
            for case in evals.spec.cases:
                body = {"query": case.query, "documents": case.documents}
                yield Scenario("/v1/rerank", {"model": served_name, **body})
