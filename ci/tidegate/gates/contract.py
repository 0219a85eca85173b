"""The OpenAI wire format as callers rely on it: routes, shapes, streams, usage and errors."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import jsonschema

from tidegate.catalog.objects import Task
from tidegate.gates.client import DONE, EndpointError, Json, Reply
from tidegate.gates.jobs import Job, Target
from tidegate.gates.record import Answer
from tidegate.gates.shapes import missing, shape_of

GATE = "contract"
_OK, _NOT_FOUND = 200, 404
HELLO: Json = {"role": "user", "content": "Hello"}
_SCHEMA: Json = {
    "type": "object",
    "properties": {"answer": {"enum": ["yes", "no"]}},
    "required": ["answer"],
    "additionalProperties": False,
}
_TOOL: Json = {"name": "restart", "description": "Restart a service", "parameters": _SCHEMA}
_USAGE = {"usage.prompt_tokens": "number", "usage.total_tokens": "number"}
_GENERATED = {
    "id": "string",
    "object": "string",
    "created": "number",
    "model": "string",
    "choices[].index": "number",
    **_USAGE,
    "usage.completion_tokens": "number",
}
_CHAT = _GENERATED | {"choices[].message.role": "string", "choices[].finish_reason": "string"}
_CHUNK = {
    "id": "string",
    "object": "string",
    "created": "number",
    "model": "string",
    "choices[].index": "number",
    "choices[].delta.content": "string",
    "choices[].finish_reason": "string",
    "usage.prompt_tokens": "number",
    "usage.completion_tokens": "number",
    "usage.total_tokens": "number",
}
_ERROR = {"error.message": "string", "error.type": "string"}


@dataclass(frozen=True, slots=True)
class Probe:
    """A request, the shape its answer must have, and what else must hold."""

    name: str
    path: str
    body: Json
    wanted: dict[str, str]
    holds: Callable[[Any, Json], str | None] = lambda _answer, _body: None


def _usage(answer: Any, body: Json) -> str | None:  # noqa: ANN401 - JSON of a foreign server
    usage = answer["usage"]
    prompt, completion = usage["prompt_tokens"], usage.get("completion_tokens") or 0
    if prompt < 1 or usage["total_tokens"] != prompt + completion:
        return f"usage does not add up: {usage}"
    most = body.get("max_tokens", 0)
    return None if completion <= most else f"{completion} tokens, {most} allowed"


def _structured(answer: Any, body: Json) -> str | None:  # noqa: ANN401 - as above
    text = answer["choices"][0]["message"]["content"]
    try:
        jsonschema.validate(json.loads(text or ""), _SCHEMA)
    except (ValueError, jsonschema.ValidationError) as error:
        return f"not of the schema: {str(error).splitlines()[0]}"
    return _usage(answer, body)


def _tool(answer: Any, body: Json) -> str | None:  # noqa: ANN401 - as above
    del body
    called = answer["choices"][0]["message"]["tool_calls"][0]["function"]
    try:
        jsonschema.validate(json.loads(called["arguments"]), _SCHEMA)
    except (ValueError, jsonschema.ValidationError) as error:
        return f"arguments not of the schema: {str(error).splitlines()[0]}"
    return None if called["name"] == _TOOL["name"] else f"calls {called['name']}"


def _ordered(answer: Any, body: Json) -> str | None:  # noqa: ANN401 - as above
    count = len(body.get("input") or body["documents"])
    found = sorted(row["index"] for row in answer.get("data") or answer["results"])
    return None if found == list(range(count)) else f"indices {found} for {count} texts"


def _generate(tools: bool) -> Iterator[Probe]:  # noqa: FBT001 - whether the engine parses tools
    chat: Json = {"messages": [HELLO], "temperature": 0, "max_tokens": 16}
    path, text = "/v1/chat/completions", {"choices[].message.content": "string"}
    yield Probe("chat", path, chat, _CHAT | text, _usage)
    yield Probe(
        "completions",
        "/v1/completions",
        {"prompt": "Hello", "temperature": 0, "max_tokens": 16},
        _GENERATED | {"choices[].text": "string"},
        _usage,
    )
    named = {"name": "answer", "schema": _SCHEMA, "strict": True}
    structured = {
        "response_format": {"type": "json_schema", "json_schema": named},
        "max_tokens": 64,
    }
    yield Probe("structured", path, chat | structured, _CHAT | text, _structured)
    logprobs = {"choices[].logprobs.content[].logprob": "number"}
    yield Probe("logprobs", path, chat | {"logprobs": True}, _CHAT | logprobs, _usage)
    if tools:
        choice = {"type": "function", "function": {"name": _TOOL["name"]}}
        function = {"type": "function", "function": _TOOL | {"strict": True}}
        call = {
            "choices[].message.tool_calls[].id": "string",
            "choices[].message.tool_calls[].type": "string",
            "choices[].message.tool_calls[].function.name": "string",
            "choices[].message.tool_calls[].function.arguments": "string",
        }
        asked = chat | {"max_tokens": 64, "tools": [function], "tool_choice": choice}
        yield Probe("tools", path, asked, call, _tool)


def _embed() -> Iterator[Probe]:
    wanted = {
        "object": "string",
        "model": "string",
        "data[].index": "number",
        "data[].embedding[]": "number",
        **_USAGE,
    }
    yield Probe("embeddings", "/v1/embeddings", {"input": ["one", "two"]}, wanted, _ordered)


def _rerank() -> Iterator[Probe]:
    wanted = {"id": "string", "results[].index": "number", "results[].relevance_score": "number"}
    body = {"query": "one", "documents": ["one", "two"]}
    yield Probe("rerank", "/v1/rerank", body, wanted, _ordered)


def probes(target: Target) -> list[Probe]:
    """What a model of this task must answer."""
    if target.model.spec.task is Task.GENERATE:
        return list(_generate("tool-call-parser" in target.model.engine))
    return list(_embed() if target.model.spec.task is Task.EMBED else _rerank())


def _answer(target: Target, probe: Probe) -> Answer:
    found = target.endpoint.post(probe.path, probe.body)
    shape = shape_of(found)
    faults = missing(probe.wanted, shape)
    try:
        fault = "; ".join(faults) or probe.holds(found, probe.body)
    except (KeyError, IndexError, TypeError) as error:
        fault = f"{type(error).__name__} {error} in {json.dumps(found)[:200]}"
    return Answer(case=probe.name, fault=fault or None, asked=probe.path, shape=shape)


def _streamed(target: Target) -> Answer:
    """Chunks of one stream: their shape, one finish reason, usage at the end, and the end."""
    parameters = {"max_tokens": 16, "stream_options": {"include_usage": True}}
    data = [data for _, data in target.endpoint.events([HELLO], parameters)]
    if not data or data[-1] != DONE:
        raise EndpointError(f"a stream of {len(data)} events without {DONE}")
    try:
        chunks = [json.loads(chunk) for chunk in data[:-1]]
    except ValueError:
        raise EndpointError("a chunk that is no JSON") from None
    merged: dict[str, str] = {}
    for chunk in chunks:
        merged |= {path: kind for path, kind in shape_of(chunk).items() if kind != "null"}
    faults = missing(_CHUNK, merged)
    if not faults and (fault := _usage(chunks[-1], {"max_tokens": 16})):
        faults = [fault]
    return Answer(case="stream", fault="; ".join(faults) or None, asked="stream", shape=merged)


def _errors(target: Target) -> Iterator[tuple[str, Json, frozenset[int]]]:
    """Requests that must be refused, and with which status."""
    valid: dict[Task, Json] = {
        Task.GENERATE: {"messages": [HELLO], "max_tokens": 4},
        Task.EMBED: {"input": ["one"]},
        Task.RERANK: {"query": "one", "documents": ["one", "two"]},
    }
    long = "word " * (4 * target.model.spec.context_length)
    too_long: dict[Task, Json] = {
        Task.GENERATE: {"messages": [{"role": "user", "content": long}], "max_tokens": 4},
        Task.EMBED: {"input": [long]},
        Task.RERANK: {"query": long, "documents": [long, "two"]},
    }
    task, bad = target.model.spec.task, frozenset({400, 422})
    yield "bad-request", {"model": target.endpoint.model}, bad
    yield "unknown-model", {"model": "no-such-model"} | valid[task], frozenset({400, 404})
    yield "over-long", {"model": target.endpoint.model} | too_long[task], bad | {413}


_PATH = {
    Task.GENERATE: "/v1/chat/completions",
    Task.EMBED: "/v1/embeddings",
    Task.RERANK: "/v1/rerank",
}


def _refused(target: Target, name: str, body: Json, wanted: frozenset[int]) -> Answer:
    reply = target.endpoint.send("POST", _PATH[target.model.spec.task], body)
    shape = shape_of(reply.body)
    faults = missing(_ERROR, shape)
    if reply.status not in wanted:
        faults.insert(
            0, f"wanted HTTP {' or '.join(map(str, sorted(wanted)))}, found {reply.status}"
        )
    return Answer(case=name, fault="; ".join(faults) or None, asked=name, shape=shape)


def _routes(target: Target) -> Answer:
    """The routes of the server's own OpenAPI document; a server may well not publish one."""
    reply = target.endpoint.send("GET", "/openapi.json")
    fault, shape = None, {}
    if reply.status == _OK and isinstance(reply.body, dict):
        paths = reply.body.get("paths", {})
        shape = dict.fromkeys(paths, "route")
        wanted = ("/v1/models", *{probe.path for probe in probes(target)})
        absent = [path for path in wanted if path not in paths]
        fault = f"not in the OpenAPI document: {', '.join(absent)}" if absent else None
    return Answer(case="routes", fault=fault, asked="/openapi.json", shape=shape)


def _health(target: Target) -> Answer:
    reply: Reply = target.endpoint.send("GET", "/health")
    healthy = reply.status in {_OK, _NOT_FOUND}  # a gateway need not have the route
    fault = None if healthy else f"HTTP {reply.status}"
    return Answer(case="health", fault=fault, asked="/health")


def jobs(target: Target) -> Iterator[Job]:
    """One job for each thing that callers rely on."""
    yield Job(GATE, "requests", "health", partial(_health, target))
    yield Job(GATE, "requests", "routes", partial(_routes, target))
    for probe in probes(target):
        yield Job(GATE, "requests", probe.name, partial(_answer, target, probe))
    if target.model.spec.task is Task.GENERATE:
        yield Job(GATE, "requests", "stream", partial(_streamed, target))
    for name, body, wanted in _errors(target):
        yield Job(GATE, "errors", name, partial(_refused, target, name, body, wanted))
