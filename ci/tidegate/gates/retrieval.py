"""Retrieval: the nearest document of an embedding model, the first one of a reranker."""

import math
import time
from collections.abc import Iterator

from tidegate.catalog.evals import Nearest, Ranking
from tidegate.catalog.load import ModelFolder
from tidegate.gates.client import Endpoint, EndpointError
from tidegate.gates.measure import seconds, share
from tidegate.gates.verdict import Measurement


def cosine(a: list[float], b: list[float]) -> float:
    """Cosine similarity of two vectors of one length; 0 where one of them is null."""
    norms = math.hypot(*a) * math.hypot(*b)
    return sum(x * y for x, y in zip(a, b, strict=True)) / norms if norms else 0.0


def _nearest_faults(endpoint: Endpoint, spec: Nearest, times: list[float]) -> list[str | None]:
    names, texts = zip(*spec.documents.items(), strict=True)
    try:
        documents = endpoint.embed(list(texts))
    except EndpointError as error:
        return [str(error)] * len(spec.cases)
    faults: list[str | None] = []
    for case in spec.cases:
        started = time.perf_counter()
        try:
            (query,) = endpoint.embed([case.query])
        except EndpointError as error:
            faults.append(str(error))
            continue
        times.append(time.perf_counter() - started)
        found = max(zip(names, documents, strict=True), key=lambda d: cosine(query, d[1]))[0]
        faults.append(None if found == case.nearest else f"{case.query!r}: nearest is {found}")
    return faults


def check_nearest(endpoint: Endpoint, model: ModelFolder) -> Iterator[Measurement]:
    """The share of queries whose nearest document is the right one, and the time of a query."""
    times: list[float] = []
    for evals in model.evals:
        if isinstance(evals.spec, Nearest):
            faults = _nearest_faults(endpoint, evals.spec, times)
            yield share(
                "retrieval",
                evals.metadata.name,
                faults,
                threshold=evals.spec.threshold,
                min_samples=evals.spec.min_samples,
            )
    yield seconds("retrieval", "end-to-end", times, model.spec.slo.end_to_end)


def _ranking_faults(endpoint: Endpoint, spec: Ranking, times: list[float]) -> list[str | None]:
    faults: list[str | None] = []
    for case in spec.cases:
        started = time.perf_counter()
        try:
            first = endpoint.rerank(case.query, case.documents)[0]
        except (EndpointError, IndexError) as error:
            faults.append(str(error))
            continue
        times.append(time.perf_counter() - started)
        faults.append(None if first == case.best else f"{case.query!r}: first is {first}")
    return faults


def check_ranking(endpoint: Endpoint, model: ModelFolder) -> Iterator[Measurement]:
    """The share of queries whose right document comes first, and the time of a query."""
    times: list[float] = []
    for evals in model.evals:
        if isinstance(evals.spec, Ranking):
            faults = _ranking_faults(endpoint, evals.spec, times)
            yield share(
                "retrieval",
                evals.metadata.name,
                faults,
                threshold=evals.spec.threshold,
                min_samples=evals.spec.min_samples,
            )
    yield seconds("retrieval", "end-to-end", times, model.spec.slo.end_to_end)
