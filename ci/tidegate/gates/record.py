"""What was seen on an endpoint, before anything is judged: it can be kept and judged again."""

import math
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError

from tidegate.catalog.objects import Name, Strict
from tidegate.findings import CouldNotCheckError, cannot_check


def _writable(text: str) -> str:
    """The text without half surrogate pairs: JSON can escape them, no file can hold them."""
    return text.encode("utf-8", "replace").decode()


Said = Annotated[str, AfterValidator(_writable)]


class Answer(Strict):
    """One case and what became of it."""

    case: str
    """Pairs the case with itself in another run."""
    fault: Said | None = None
    """What is wrong; None where the answer is right."""
    weight: float = 1
    asked: str = ""
    answer: Said = ""
    scores: dict[str, float] = Field(default_factory=dict)
    """Numbers between 0 and 1 by name: reciprocal rank, nDCG, recall."""
    shape: dict[str, str] = Field(default_factory=dict)
    """JSON type by path, of answers whose shape callers rely on."""
    vector: tuple[float, ...] = ()
    """An embedding."""


class Observed(Strict):
    """The answers to one set of cases."""

    gate: Name
    name: str
    answers: tuple[Answer, ...]


class Timed(Strict):
    """Times of one kind."""

    gate: Name
    name: str
    seconds: tuple[float, ...]


class Request(Strict):
    """One request under load; every time is in seconds after the start of its step."""

    scheduled: float
    """When it had to be sent, whether or not the server was ready: latency counts from here."""
    sent: float
    arrivals: tuple[float, ...] = ()
    """When each piece of the answer came."""
    tokens: int = 0
    """As the server counts them: of the answer, or of the prompt where there is no other."""
    fault: str | None = None

    @property
    def lateness(self) -> float:
        """Seconds by which the client itself was late."""
        return self.sent - self.scheduled

    @property
    def time_to_first_token(self) -> float:
        """Seconds from the scheduled time; infinite where nothing came."""
        return self.arrivals[0] - self.scheduled if self.arrivals else math.inf

    @property
    def end_to_end(self) -> float:
        """Seconds from the scheduled time to the last piece; infinite where it failed."""
        return self.arrivals[-1] - self.scheduled if self.arrivals and not self.fault else math.inf

    @property
    def gaps(self) -> list[float]:
        """Seconds between one piece and the next."""
        return [b - a for a, b in zip(self.arrivals, self.arrivals[1:], strict=False)]


class Step(Strict):
    """One rung of the ladder of rates."""

    rate: float
    """Requests per second, on average."""
    seconds: float
    """From the first scheduled request to the last answer."""
    trace: bool = False
    """Whether recorded arrivals were replayed, instead of Poisson ones at the rate."""
    requests: tuple[Request, ...]


class Run(Strict):
    """Everything that was seen on one endpoint serving one model."""

    api_version: Literal["tidegate.dev/v1alpha1"] = "tidegate.dev/v1alpha1"
    kind: Literal["GateRun"] = "GateRun"
    model: Name
    started: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
    """UTC."""
    suite: Literal["smoke", "full"] = "smoke"
    seed: int = 0
    only: tuple[str, ...] = ()
    """The gates that were looked at; all where it is empty."""
    observed: tuple[Observed, ...] = ()
    times: tuple[Timed, ...] = ()
    steps: tuple[Step, ...] = ()

    def set_of(self, gate: str, name: str) -> tuple[Answer, ...]:
        """The answers of a set; none where it was not asked."""
        return next((o.answers for o in self.observed if (o.gate, o.name) == (gate, name)), ())

    def times_of(self, gate: str, name: str) -> tuple[float, ...]:
        """Times of a kind, in seconds; none where it was not timed."""
        return next((t.seconds for t in self.times if (t.gate, t.name) == (gate, name)), ())


def write_run(path: Path, run: Run) -> None:
    """Keep a run as JSON."""
    path.write_text(run.model_dump_json(by_alias=True, indent=1) + "\n", encoding="utf-8")


def read_run(path: Path, model: str | None = None) -> Run:
    """A kept run.

    Raises:
        CouldNotCheckError: it cannot be read, is no run, or is of another model than `model`.
    """
    try:
        run = Run.model_validate_json(path.read_text(encoding="utf-8"), by_alias=True)
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(path, "cannot be read", "a file", str(error)) from None
    except ValidationError as error:
        found = f"{error.error_count()} faults, the first: {error.errors()[0]['msg']}"
        raise _unusable(path, "is no recorded run", "what --record wrote", found) from None
    if model is not None and run.model != model:
        raise _unusable(path, "is a run of another model", model, run.model)
    return run


def _unusable(path: Path, what: str, wanted: str, found: str) -> CouldNotCheckError:
    return cannot_check(
        path,
        "recorded run",
        what,
        wanted=wanted,
        found=" ".join(found.split()),
        next_step="name a file that `gate run --record` wrote for this model",
    )
