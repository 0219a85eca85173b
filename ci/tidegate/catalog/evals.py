"""Evaluation sets of a model: questions with known answers, judged by the gates."""

from typing import Annotated, Any, Literal

import jsonschema
from pydantic import Field, field_validator, model_validator

from tidegate.catalog.objects import Count, Metadata, Share, Strict, Task

Text = Annotated[str, Field(min_length=1)]


class Question(Strict):
    """A prompt and the one right answer, compared letter by letter."""

    prompt: Text
    answer: Text


class StructuredQuestion(Strict):
    """A prompt whose answer must satisfy a JSON schema and, where given, equal an object."""

    prompt: Text
    schema_: Annotated[dict[str, Any], Field(alias="schema")]
    answer: dict[str, Any] | None = None

    @field_validator("schema_")
    @classmethod
    def _is_schema(cls, value: dict[str, Any]) -> dict[str, Any]:
        try:
            jsonschema.Draft202012Validator.check_schema(value)
        except jsonschema.SchemaError as error:
            raise ValueError(f"a JSON schema ({error.message})") from error
        return value


class NearestQuestion(Strict):
    """A query and the document that must be nearest to it."""

    query: Text
    nearest: Text


class RankingQuestion(Strict):
    """A query, documents, and the index of the one that must come first."""

    query: Text
    documents: Annotated[list[Text], Field(min_length=2)]
    best: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _best_exists(self) -> "RankingQuestion":
        if self.best >= len(self.documents):
            raise ValueError(f"best below {len(self.documents)}, the number of documents")
        return self


class Judged(Strict):
    """What every set has: the share that must be right, and how many answers that needs."""

    threshold: Share
    min_samples: Count


class Questions(Judged):
    """Exact answers at temperature 0."""

    type: Literal["questions"]
    cases: Annotated[list[Question], Field(min_length=1)]


class Structured(Judged):
    """Answers constrained by JSON schema."""

    type: Literal["structured"]
    cases: Annotated[list[StructuredQuestion], Field(min_length=1)]


class Nearest(Judged):
    """Nearest documents by cosine similarity of embeddings."""

    type: Literal["nearest"]
    documents: Annotated[dict[str, Text], Field(min_length=2)]
    cases: Annotated[list[NearestQuestion], Field(min_length=1)]

    @model_validator(mode="after")
    def _documents_exist(self) -> "Nearest":
        missing = {case.nearest for case in self.cases} - set(self.documents)
        if missing:
            raise ValueError(f"documents named {', '.join(sorted(missing))}")
        return self


class Ranking(Judged):
    """The right document first."""

    type: Literal["ranking"]
    cases: Annotated[list[RankingQuestion], Field(min_length=1)]


TASK_OF: dict[str, Task] = {
    "questions": Task.GENERATE,
    "structured": Task.GENERATE,
    "nearest": Task.EMBED,
    "ranking": Task.RERANK,
}


class EvalSet(Strict):
    """models/<model>/evals/<name>.yaml."""

    api_version: Literal["tidegate.dev/v1alpha1"]
    kind: Literal["EvalSet"]
    metadata: Metadata
    spec: Annotated[Questions | Structured | Nearest | Ranking, Field(discriminator="type")]
