"""Retrieval: the nearest documents of an embedding model, the ranking of a reranker."""

from collections.abc import Iterator
from functools import partial

from tidegate.catalog.evals import Nearest, NearestQuestion, Ranking, RankingQuestion
from tidegate.gates.assertions import cosine
from tidegate.gates.client import EndpointError
from tidegate.gates.jobs import Job, Target
from tidegate.gates.ranking import scores
from tidegate.gates.record import Answer

GATE = "retrieval"
_DIGITS = 6
Vectors = dict[str, list[float]]


def _ranked(target: Target, case: NearestQuestion, spec: Nearest, documents: Vectors) -> Answer:
    if not documents:
        raise EndpointError("the documents could not be embedded")
    (query,) = target.endpoint.embed([case.query])
    if len(query) != (size := len(next(iter(documents.values())))):
        raise EndpointError(f"a query of {len(query)} numbers, documents of {size}")
    ranked = sorted(documents, key=lambda name: cosine(query, documents[name]), reverse=True)
    grades = case.relevant | {case.nearest: max([1, *case.relevant.values()])}
    fault = None if ranked[0] == case.nearest else f"nearest is {ranked[0]}, not {case.nearest}"
    return Answer(
        case=case.query,
        fault=fault,
        asked=case.query,
        answer=", ".join(ranked[:3]),
        scores=scores(ranked, grades, spec.k),
        vector=_rounded(query),
    )


def _rounded(vector: list[float]) -> tuple[float, ...]:
    return tuple(round(x, _DIGITS) for x in vector)


def _document(name: str, documents: Vectors) -> Answer:
    if name not in documents:
        raise EndpointError("the documents could not be embedded")
    return Answer(case=name, vector=_rounded(documents[name]))


def _embedded(target: Target, spec: Nearest) -> Vectors:
    """The documents' vectors; none where the endpoint failed, which every query then says."""
    try:
        vectors = target.endpoint.embed(list(spec.documents.values()))
    except EndpointError:
        return {}
    return dict(zip(spec.documents, vectors, strict=True))


def _sorted(target: Target, case: RankingQuestion, spec: Ranking) -> Answer:
    order = [str(i) for i in target.endpoint.rerank(case.query, case.documents)]
    first = order[0] if order else "nothing"
    fault = None if first == str(case.best) else f"first is {first}, not {case.best}"
    return Answer(
        case=case.query,
        fault=fault,
        asked=case.query,
        answer=", ".join(order),
        scores=scores(order, {str(case.best): 1}, spec.k),
    )


def jobs(target: Target) -> Iterator[Job]:
    """One job for each query; the documents of a set are embedded once, before them."""
    for evals in target.model.evals:
        spec, name = evals.spec, evals.metadata.name
        if isinstance(spec, Nearest):
            documents = _embedded(target, spec)
            for key in spec.documents:
                yield Job(GATE, f"{name}-documents", key, partial(_document, key, documents))
            for case in spec.cases:
                ask = partial(_ranked, target, case, spec, documents)
                yield Job(GATE, name, case.query, ask)
        elif isinstance(spec, Ranking):
            for question in spec.cases:
                asked = partial(_sorted, target, question, spec)
                yield Job(GATE, name, question.query, asked)
