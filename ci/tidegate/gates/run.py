"""Runs the gates that a model's task asks for and collects their measurements into a verdict."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from tidegate.catalog.load import ModelFolder
from tidegate.catalog.objects import Task
from tidegate.gates import answers, api, latency, retrieval
from tidegate.gates.client import Endpoint
from tidegate.gates.verdict import Measurement, Verdict

Gate = Callable[[Endpoint, ModelFolder], Iterator[Measurement]]

GATES: dict[Task, tuple[Gate, ...]] = {
    Task.GENERATE: (
        api.check_server,
        api.check_chat,
        latency.check_streaming,
        answers.check_answers,
    ),
    Task.EMBED: (api.check_server, retrieval.check_nearest),
    Task.RERANK: (api.check_server, retrieval.check_ranking),
}


def run_gates(
    endpoint: Endpoint,
    model: ModelFolder,
    *,
    progress: Callable[[Measurement], None] = lambda _: None,
) -> Verdict:
    """The verdict on one endpoint.

    Args:
        endpoint: a running OpenAI-compatible server.
        model: what it is meant to serve, with its evaluation sets and objectives.
        progress: called with each measurement as it is made.

    Raises:
        CouldNotCheckError: the endpoint cannot be reached.
    """
    started = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    measurements = []
    for gate in GATES[model.spec.task]:
        for measurement in gate(endpoint, model):
            progress(measurement)
            measurements.append(measurement)
    return Verdict(model=model.name, started=started, measurements=tuple(measurements))
