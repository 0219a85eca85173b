"""Times of one request after the other, and whether streaming changes the answer."""

import time
from collections.abc import Iterator

from tidegate.catalog.cases import Case
from tidegate.catalog.evals import Nearest, Ranking
from tidegate.catalog.objects import Task
from tidegate.gates.client import EndpointError, Json, Streamed
from tidegate.gates.functional import conversations
from tidegate.gates.jobs import Progress, Target
from tidegate.gates.record import Answer, Observed, Timed

STREAMS = 20
_COMPARED = 10


def _cases(target: Target) -> list[Case]:
    """Single messages in the free form, those with the longest wanted answers first.

    A busy server sends a few tokens together in one piece, so short answers say little.
    """
    found = [case for _, cases in conversations(target.model) for case in cases]
    free = [case for case in found if len(case.conversation) == 1 and not case.parameters]
    return sorted(free, key=lambda case: len(case.asserts[0].exact or ""), reverse=True)


def _messages(case: Case) -> list[Json]:
    return [message.model_dump() for message in case.conversation]


def _compared(target: Target, case: Case, streamed: Streamed) -> tuple[Answer, Answer]:
    """Whether two answers without a stream are equal to each other and to the streamed one."""
    first, again = (target.endpoint.chat(_messages(case)) for _ in range(2))
    equal = None if first == streamed.text else f"streamed {streamed.text!r}, else {first!r}"
    same = None if first == again else f"first {first!r}, then {again!r}"
    return (
        Answer(case=case.key, fault=equal, asked=case.question),
        Answer(case=case.key, fault=same, asked=case.question),
    )


def _stream(target: Target, case: Case) -> Streamed:
    """One stream, or a second where the first came in one piece, as a busy moment makes it."""
    first = target.endpoint.stream(_messages(case))
    return first if first.gaps else target.endpoint.stream(_messages(case))


def _streams(target: Target, progress: Progress) -> tuple[list[Observed], list[Timed]]:
    cases = _cases(target)[:STREAMS]
    found: dict[str, list[Answer]] = {"streamed": [], "stream-equal": [], "deterministic": []}
    streams: list[Streamed] = []
    for i, case in enumerate(cases):
        progress("streams", i, len(cases))
        fault = None
        try:
            streams.append(_stream(target, case))
            fault = None if streams[-1].gaps else "one piece or none"
            if i < _COMPARED:
                equal, same = _compared(target, case, streams[-1])
                found["stream-equal"].append(equal)
                found["deterministic"].append(same)
        except EndpointError as error:
            fault = str(error)
        found["streamed"].append(Answer(case=case.key, fault=fault, asked=case.question))
    progress("streams", len(cases), len(cases))
    first = [s.time_to_first_token for s in streams if s.time_to_first_token is not None]
    gaps = [gap for stream in streams for gap in stream.gaps]
    return (
        [Observed(gate="streaming", name=n, answers=tuple(a)) for n, a in found.items()],
        [
            Timed(gate="latency", name="time-to-first-token", seconds=tuple(first)),
            Timed(gate="latency", name="inter-token-latency", seconds=tuple(gaps)),
        ],
    )


def _requests(target: Target) -> Iterator[tuple[str, Json]]:
    for evals in target.model.evals:
        if isinstance(evals.spec, Nearest):
            yield from (("/v1/embeddings", {"input": [c.query]}) for c in evals.spec.cases)
        elif isinstance(evals.spec, Ranking):
            for case in evals.spec.cases:
                yield "/v1/rerank", {"query": case.query, "documents": case.documents}


def _round_trips(target: Target, progress: Progress) -> list[Timed]:
    times = []
    requests = list(_requests(target))[:STREAMS]
    for i, (path, body) in enumerate(requests, start=1):
        started = time.perf_counter()
        try:
            target.endpoint.post(path, body)
        except EndpointError:
            continue  # its own case says so
        times.append(time.perf_counter() - started)
        progress("round trips", i, len(requests))
    return [Timed(gate="latency", name="end-to-end", seconds=tuple(times))]


def observe(target: Target, progress: Progress) -> tuple[list[Observed], list[Timed]]:
    """Sets about streaming and the times that the model's task has."""
    if target.model.spec.task is Task.GENERATE:
        return _streams(target, progress)
    return [], _round_trips(target, progress)
