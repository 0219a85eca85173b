"""The OpenAPI document of the stub: what it takes, and what it answers."""

from typing import Any

Json = dict[str, Any]

TEXT: Json = {"type": "string"}
NUMBER: Json = {"type": "integer", "minimum": 0}


def form(**fields: Json) -> Json:
    """An object that has all of these fields."""
    return {"type": "object", "properties": fields, "required": sorted(fields)}


def many(item: Json, least: int = 1) -> Json:
    """A list of at least so many."""
    return {"type": "array", "items": item, "minItems": least}


MESSAGE = form(role={"enum": ["system", "user", "assistant"]}, content=TEXT)
USAGE = form(prompt_tokens=NUMBER, total_tokens=NUMBER)
CHOICE = form(index=NUMBER, finish_reason=TEXT)
GENERATED = form(
    id=TEXT, object=TEXT, created=NUMBER, model=TEXT, usage=USAGE, choices=many(CHOICE)
)
VECTOR = form(index=NUMBER, embedding=many({"type": "number"}))
RANK = form(index=NUMBER, relevance_score={"type": "number"})
ERROR = form(error=form(message=TEXT, type=TEXT))

TAKES: dict[str, Json] = {
    "/v1/chat/completions": form(model=TEXT, messages=many(MESSAGE)),
    "/v1/completions": form(model=TEXT, prompt=TEXT),
    "/v1/embeddings": form(model=TEXT, input=many(TEXT)),
    "/v1/rerank": form(model=TEXT, query=TEXT, documents=many(TEXT)),
}
GIVES: dict[str, Json] = {
    "/v1/chat/completions": GENERATED,
    "/v1/completions": GENERATED,
    "/v1/embeddings": form(data=many(VECTOR), usage=USAGE),
    "/v1/rerank": form(id=TEXT, results=many(RANK)),
    "/v1/models": form(data=many(form(id=TEXT))),
}


def fits(value: Any, schema: Json) -> bool:  # noqa: ANN401 - JSON
    """Whether a value is what one of `TAKES` says; engines have no package for that."""
    if "enum" in schema:
        return value in schema["enum"]
    kind = schema["type"]
    if kind == "array":
        long = isinstance(value, list) and len(value) >= schema["minItems"]
        return long and all(fits(one, schema["items"]) for one in value)
    if kind == "object":
        fields = schema["properties"].items()
        return isinstance(value, dict) and all(k in value and fits(value[k], f) for k, f in fields)
    return isinstance(value, str)


def _answer(schema: Json) -> Json:
    return {"description": "an answer", "content": {"application/json": {"schema": schema}}}


def _operation(path: str, model: str) -> Json:
    errors = {str(status): _answer(ERROR) for status in (400, 404, 405, 503)}
    operation: Json = {"responses": {"200": _answer(GIVES[path]), **errors}}
    if path in TAKES:
        fields = TAKES[path]["properties"] | {"model": {"const": model}}
        operation["requestBody"] = _answer(TAKES[path] | {"properties": fields}) | {
            "required": True
        }
    return {"post" if path in TAKES else "get": operation}


def document(model: str) -> Json:
    """The whole of it, version 3.1, of a server of one model."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "stub", "version": "1"},
        "paths": {path: _operation(path, model) for path in GIVES},
    }
