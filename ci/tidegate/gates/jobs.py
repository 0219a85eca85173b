"""What the gates ask, case by case, so that one pool asks as much at once as the model promises."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tidegate import cache
from tidegate.catalog.load import ModelFolder
from tidegate.gates.assertions import Helpers
from tidegate.gates.client import Endpoint, EndpointError
from tidegate.gates.record import Answer, Observed

Progress = Callable[[str, int, int], None]
"""Told what is asked, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run looks at."""

    suite: Literal["smoke", "full"] = "smoke"
    seed: int = 0
    helpers: Helpers = field(default_factory=Helpers)
    tags: frozenset[str] = frozenset()
    """Only cases with one of these tags; all where it is empty."""
    only: frozenset[str] = frozenset()
    """Only these gates; all where it is empty."""
    trace: tuple[float, ...] = ()
    """Seconds at which requests arrive, replayed beside the ladder of rates."""
    step_seconds: float = 10.0
    """How long requests arrive at each rate of the ladder."""
    corpora: Path = field(default_factory=lambda: cache.folder() / "corpora")
    """Where published sets lie."""

    def wants(self, *gates: str) -> bool:
        """Whether one of these gates is looked at."""
        return not self.only or bool(self.only & set(gates))


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint, the model it is meant to serve, and what is looked at."""

    endpoint: Endpoint
    model: ModelFolder
    plan: Plan


@dataclass(frozen=True, slots=True)
class Job:
    """One case to ask; `ask` returns what became of it."""

    gate: str
    name: str
    case: str
    ask: Callable[[], Answer]

    def run(self) -> Answer:
        """The answer, or how the endpoint failed to give one."""
        try:
            return self.ask()
        except EndpointError as error:
            return Answer(case=self.case, fault=str(error))


def ask_all(jobs: Sequence[Job], workers: int, progress: Progress) -> Iterator[Observed]:
    """The answers by set, in the order of the jobs, however many are asked at once."""
    found: dict[tuple[str, str], list[Answer]] = {}
    with ThreadPoolExecutor(workers) as pool:
        try:
            for done, (job, answer) in enumerate(
                zip(jobs, pool.map(Job.run, jobs), strict=True), start=1
            ):
                found.setdefault((job.gate, job.name), []).append(answer)
                progress("cases", done, len(jobs))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    for (gate, name), answers in found.items():
        yield Observed(gate=gate, name=name, answers=tuple(answers))
