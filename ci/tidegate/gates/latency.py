"""Streaming: that it streams, and how long the first and every further token takes.

The first gates ask one question at a time; load is not measured here.
"""

from collections.abc import Iterator

from tidegate.catalog.evals import Questions, Structured
from tidegate.catalog.load import ModelFolder
from tidegate.gates.client import Endpoint, EndpointError, Streamed
from tidegate.gates.measure import seconds, share
from tidegate.gates.verdict import Measurement

STREAMS = 20


def _prompts(model: ModelFolder) -> list[str]:
    """Those with the longest answers: a busy server sends a few tokens together in one piece."""
    sets = [e.spec for e in model.evals if isinstance(e.spec, Questions | Structured)]
    cases = [case for one in sets for case in one.cases]
    longest = sorted(cases, key=lambda case: len(str(case.answer)), reverse=True)
    return [case.prompt for case in longest[:STREAMS]]


def check_streaming(endpoint: Endpoint, model: ModelFolder) -> Iterator[Measurement]:
    """Streams some prompts; an answer in fewer than two pieces was not streamed."""
    streams: list[Streamed] = []
    faults: list[str | None] = []
    for prompt in _prompts(model):
        try:
            streams.append(endpoint.stream(prompt))
        except EndpointError as error:
            faults.append(str(error))
        else:
            faults.append(None if streams[-1].gaps else "one piece or none")
    yield share("streaming", "streamed", faults, threshold=1, min_samples=STREAMS)
    slo = model.spec.slo
    first = [s.time_to_first_token for s in streams if s.time_to_first_token is not None]
    if slo.time_to_first_token:
        yield seconds("streaming", "time-to-first-token", first, slo.time_to_first_token)
    if slo.inter_token_latency:
        gaps = [gap for stream in streams for gap in stream.gaps]
        yield seconds("streaming", "inter-token-latency", gaps, slo.inter_token_latency)
