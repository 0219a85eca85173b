"""Evaluation sets of a model: questions with known answers, judged by the gates."""

from collections.abc import Sequence
from itertools import cycle
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from tidegate.catalog.cases import Assertion, Case, Text
from tidegate.catalog.corpora import CorpusName
from tidegate.catalog.objects import Count, Metadata, Name, Share, Strict, Task


class Question(Strict):
    """A prompt and the one right answer, compared letter by letter."""

    prompt: Text
    answer: Text

    def as_case(self) -> Case:
        """The same in the general form."""
        return Case(prompt=self.prompt, asserts=[Assertion(exact=self.answer)])


class StructuredQuestion(Strict):
    """A prompt whose answer must satisfy a JSON schema and, where given, equal an object."""

    prompt: Text
    schema_: Annotated[dict[str, Any], Field(alias="schema")]
    answer: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _is_schema(self) -> Self:
        self.as_case()
        return self

    def as_case(self) -> Case:
        """The same in the general form; the server constrains the answer by the schema."""
        wanted = [Assertion(json_schema=self.schema_)]
        if self.answer is not None:
            wanted.append(Assertion(equals=self.answer))
        named = {"name": "answer", "schema": self.schema_, "strict": True}
        response_format = {"type": "json_schema", "json_schema": named}
        return Case(
            prompt=self.prompt, parameters={"response_format": response_format}, asserts=wanted
        )


class NearestQuestion(Strict):
    """A query and the document that must be nearest to it."""

    query: Text
    nearest: Text
    relevant: dict[str, Annotated[int, Field(gt=0)]] = Field(default_factory=dict)
    """Grades of further documents that answer it too, for nDCG; the nearest has the highest."""


class RankingQuestion(Strict):
    """A query, documents, and the index of the one that must come first."""

    query: Text
    documents: Annotated[list[Text], Field(min_length=2)]
    best: Annotated[int, Field(ge=0)]
    """Index of the document that must come first."""

    @model_validator(mode="after")
    def _best_exists(self) -> "RankingQuestion":
        if self.best >= len(self.documents):
            raise ValueError(f"best below {len(self.documents)}, the number of documents")
        return self


class Judged(Strict):
    """What every set has: the share that must be right, and how many answers that needs."""

    threshold: Share
    min_samples: Count
    margin: Share = 0.1
    """The largest drop from the previous release that may be true of one that passes."""


class Ranked(Judged):
    """What sets of ranked documents have beside: means of their ranking scores."""

    k: Count = 10
    """How many documents a caller reads: nDCG@k and recall@k look no further."""
    mrr: Share | None = None
    """The least mean reciprocal rank; not judged if left out."""
    ndcg: Share | None = None
    """The least mean nDCG@k."""
    recall: Share | None = None
    """The least mean recall@k."""


class Drift(Strict):
    """How far embeddings may move from those of the previous release before an index is stale."""

    mean_cosine: Share = 0.98
    psi: Annotated[float, Field(gt=0)] = 0.2
    kl: Annotated[float, Field(gt=0)] = 0.1
    """In nats."""


class Questions(Judged):
    """Exact answers at temperature 0."""

    type: Literal["questions"]
    cases: Annotated[list[Question], Field(min_length=1)]

    def expanded(self) -> list[Case]:
        """The cases in the general form."""
        return [case.as_case() for case in self.cases]


class Structured(Judged):
    """Answers constrained by JSON schema."""

    type: Literal["structured"]
    cases: Annotated[list[StructuredQuestion], Field(min_length=1)]

    def expanded(self) -> list[Case]:
        """The cases in the general form."""
        return [case.as_case() for case in self.cases]


class Cases(Judged):
    """Conversations with assertions on the last answer."""

    type: Literal["cases"]
    gate: Literal["functional", "safety"] = "functional"
    cases: Annotated[list[Case], Field(min_length=1)]

    def expanded(self) -> list[Case]:
        """The cases themselves."""
        return self.cases


class Corpus(Judged):
    """A safety set by name, one that ships with Tidegate or a published one."""

    type: Literal["corpus"]
    corpus: CorpusName
    sample: Count | None = None
    """How many of its cases are asked, drawn by the seed; all if left out."""
    asserts: list[Assertion] = Field(default_factory=list, alias="assert")
    """What its answers must satisfy beside what the set itself wants."""


class Needle(Judged):
    """A fact hidden in a long text at several depths, then asked for."""

    type: Literal["needle"]
    needle: Text
    question: Text
    filler: Annotated[list[Annotated[Text, Field(pattern=r"\S")]], Field(min_length=1)]
    """Sentences that are repeated, in order, until the text is long enough."""
    words: Annotated[list[Count], Field(min_length=1)]
    """Lengths of the text."""
    depths: Annotated[list[Annotated[float, Field(ge=0, le=1)]], Field(min_length=1)]
    """Where the needle stands: 0 at the start, 1 at the end."""
    asserts: Annotated[list[Assertion], Field(alias="assert", min_length=1)]

    def _text(self, words: int, depth: float) -> str:
        hay: list[str] = []
        sentences, found = cycle([(one, len(one.split())) for one in self.filler]), 0
        while found < words:
            sentence, length = next(sentences)
            hay.append(sentence)
            found += length
        hay.insert(round(depth * len(hay)), self.needle)
        return " ".join([*hay, self.question])

    def expanded(self) -> list[Case]:
        """One case for each length and depth."""
        return [
            Case(
                name=f"{words}-words-at-{round(depth * 100)}",
                prompt=self._text(words, depth),
                asserts=self.asserts,
            )
            for words in self.words
            for depth in self.depths
        ]

    @property
    def cases(self) -> Sequence[Case]:
        """As other sets have them."""
        return self.expanded()


Mutation = Literal["case", "homoglyphs", "typos", "whitespace", "zero-width"]
Wording = Literal["distraction", "language", "paraphrase"]


class Robustness(Strict):
    """The prompts of another set, disturbed; the drop of its share is what is judged."""

    type: Literal["robustness"]
    of: Name
    """A set of the same model whose cases are single prompts."""
    mutations: list[Mutation] = Field(default_factory=list)
    wordings: dict[Wording, list[Annotated[str, Field(pattern=r"\{prompt\}")]]] = Field(
        default_factory=dict
    )
    """Texts around `{prompt}`: said otherwise, in another language, among irrelevant words."""
    max_drop: Share
    min_samples: Count

    @model_validator(mode="after")
    def _disturbs(self) -> Self:
        if not (self.mutations or self.wordings):
            raise ValueError("mutations or wordings")
        return self


class Nearest(Ranked):
    """Nearest documents by cosine similarity of embeddings."""

    type: Literal["nearest"]
    documents: Annotated[dict[str, Text], Field(min_length=2)]
    cases: Annotated[list[NearestQuestion], Field(min_length=1)]
    drift: Drift = Field(default_factory=Drift)

    @model_validator(mode="after")
    def _documents_exist(self) -> "Nearest":
        named = {name for case in self.cases for name in (case.nearest, *case.relevant)}
        missing = named - set(self.documents)
        if missing:
            raise ValueError(f"documents named {', '.join(sorted(missing))}")
        return self


class Ranking(Ranked):
    """The right document first."""

    type: Literal["ranking"]
    cases: Annotated[list[RankingQuestion], Field(min_length=1)]


Conversations = Questions | Structured | Cases | Needle
"""The sets that are asked of a generator."""

TASK_OF: dict[str, Task] = {
    "questions": Task.GENERATE,
    "structured": Task.GENERATE,
    "cases": Task.GENERATE,
    "needle": Task.GENERATE,
    "corpus": Task.GENERATE,
    "robustness": Task.GENERATE,
    "nearest": Task.EMBED,
    "ranking": Task.RERANK,
}


class EvalSet(Strict):
    """models/<model>/evals/<name>.yaml."""

    api_version: Literal["tidegate.dev/v1alpha1"]
    kind: Literal["EvalSet"]
    metadata: Metadata
    spec: Annotated[
        Questions | Structured | Cases | Corpus | Needle | Robustness | Nearest | Ranking,
        Field(discriminator="type"),
    ]
