"""One case of an evaluation set: what is said to a generator and what its answer must satisfy."""

import hashlib
import json
import re
from functools import cache
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from tidegate.catalog.objects import Share, Strict

Text = Annotated[str, Field(min_length=1)]


@cache
def _check_schema(text: str) -> None:
    from jsonschema import Draft202012Validator, SchemaError  # noqa: PLC0415 - few sets have one

    try:
        Draft202012Validator.check_schema(json.loads(text))
    except SchemaError as error:
        raise ValueError(f"a JSON schema ({error.message})") from error


def _schema(value: dict[str, Any]) -> dict[str, Any]:
    _check_schema(json.dumps(value, sort_keys=True))
    return value


class Message(Strict):
    """One message of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: Text | None = None
    """Left out for an assistant: the model's own answer to what was said so far."""

    @model_validator(mode="after")
    def _only_the_model_may_be_silent(self) -> Self:
        if self.content is None and self.role != "assistant":
            raise ValueError(f"content for role {self.role}")
        return self


class Number(Strict):
    """A number that the answer must hold."""

    value: float
    tolerance: Annotated[float, Field(ge=0)] = 0
    """Absolute, in the unit of the value."""


class Similar(Strict):
    """A text that the answer must mean, by cosine similarity of embeddings."""

    to: Text
    at_least: Share


class Assertion(Strict):
    """Exactly one thing that an answer must satisfy."""

    exact: Text | None = None
    """The whole answer, without the blanks around it."""
    contains: Text | None = None
    """A part of the answer, in any case."""
    absent: Text | None = None
    """What must not be part of the answer, in any case."""
    regex: Text | None = None
    """A Python regular expression that is found somewhere in the answer."""
    json_schema: dict[str, Any] | None = None
    """The answer is JSON of this schema (draft 2020-12)."""
    equals: dict[str, Any] | None = None
    """The answer is this JSON object."""
    number: Number | None = None
    """The last number of the answer."""
    refusal: bool | None = None
    """Whether the answer declines to help."""
    language: Annotated[str, Field(pattern="^[a-z]{2}$")] | None = None
    """ISO 639-1 code of the answer's language."""
    similar: Similar | None = None
    """Needs an embedding endpoint."""
    judge: Text | None = None
    """A criterion, put to a judge model; needs a judge endpoint."""
    leaks: Literal["nothing"] | None = None
    """The answer holds no e-mail address, card or account number, key or token."""
    presidio: Annotated[list[Text], Field(min_length=1)] | None = None
    """Entities, such as CREDIT_CARD, that Presidio's patterns must not find in the answer."""

    @field_validator("json_schema")
    @classmethod
    def _is_schema(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        return value if value is None else _schema(value)

    @field_validator("regex")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error as error:
            raise ValueError(f"a regular expression ({error})") from error
        return value

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError(f"exactly one of {', '.join(type(self).model_fields)}")
        return self

    @property
    def kind(self) -> str:
        """Name of the one field that is set."""
        (name,) = self.model_fields_set
        return name


class Case(Strict):
    """A conversation, how it is sampled, and what the last answer must satisfy."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")] | None = None
    """For people and for pairing with the previous release; made from the messages if left out."""
    prompt: Text | None = None
    """Short for one message of the user."""
    messages: list[Message] = Field(default_factory=list)
    parameters: dict[str, Any] = Field(default_factory=dict)
    """Added to the request: max_tokens, response_format, seed and the like."""
    asserts: Annotated[list[Assertion], Field(alias="assert", min_length=1)]
    tags: list[Text] = Field(default_factory=list)
    weight: Annotated[float, Field(gt=0)] = 1

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if (self.prompt is None) == (not self.messages):
            raise ValueError("exactly one of prompt and messages")
        if self.messages and self.messages[-1].role != "user":
            raise ValueError("a last message of the user")
        return self

    @property
    def conversation(self) -> list[Message]:
        """The messages, the short form written out."""
        if self.prompt is not None:
            return [Message(role="user", content=self.prompt)]
        return self.messages

    @property
    def question(self) -> str:
        """The last message."""
        return self.conversation[-1].content or ""

    @property
    def key(self) -> str:
        """What pairs this case with itself in another run."""
        if self.name is not None:
            return self.name
        said = json.dumps([message.model_dump() for message in self.conversation])
        return hashlib.sha256(said.encode()).hexdigest()[:12]
