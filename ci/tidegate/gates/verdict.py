"""A verdict: every number with its threshold and its sample size, and what follows from them.

Absence is never success: a measurement without enough samples holds, and a verdict without a
measurement holds.
"""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field

from tidegate.catalog.objects import Name, Strict


class Outcome(StrEnum):
    """What a gate says; the worst of its measurements."""

    PASS = "pass"  # noqa: S105 - no password
    HOLD = "hold"
    FAIL = "fail"


class Measurement(Strict):
    """One measured number and what it had to be."""

    gate: Name
    name: Annotated[str, Field(min_length=1)]
    value: float | None
    """None where nothing could be measured."""
    unit: Annotated[str, Field(min_length=1)]
    bound: Literal["at least", "at most"]
    threshold: float
    samples: Annotated[int, Field(ge=0)]
    min_samples: Annotated[int, Field(ge=1)]
    examples: tuple[str, ...] = ()
    """Some of the answers that were wrong, for people."""

    @property
    def outcome(self) -> Outcome:
        """Hold on too few samples; otherwise pass or fail by the threshold."""
        if self.value is None or self.samples < self.min_samples:
            return Outcome.HOLD
        at_least = self.bound == "at least"
        good = self.value >= self.threshold if at_least else self.value <= self.threshold
        return Outcome.PASS if good else Outcome.FAIL

    def as_dict(self) -> dict[str, Any]:
        """The measurement and what follows from it, as JSON-ready data."""
        return self.model_dump(mode="json", by_alias=True) | {"outcome": self.outcome.value}

    def __str__(self) -> str:
        value = "nothing" if self.value is None else f"{self.value:.4g} {self.unit}"
        return (
            f"{self.gate}/{self.name}: {self.outcome}; wanted {self.bound} {self.threshold:.4g} "
            f"{self.unit} on {self.min_samples} samples, found {value} on {self.samples}"
        )


class Verdict(Strict):
    """What the gates measured on one endpoint serving one model."""

    model: Name
    started: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
    """UTC."""
    measurements: tuple[Measurement, ...]
    environment: Name | None = None
    """Whose live endpoint was measured; none for a server that a pipeline started."""

    @property
    def outcome(self) -> Outcome:
        """Fail if anything failed, hold if anything held or nothing was measured."""
        found = {measurement.outcome for measurement in self.measurements}
        for worst in (Outcome.FAIL, Outcome.HOLD):
            if worst in found:
                return worst
        return Outcome.PASS if found else Outcome.HOLD

    def as_dict(self) -> dict[str, Any]:
        """The verdict and what follows from it, as JSON-ready data."""
        return {
            "model": self.model,
            "started": self.started,
            "environment": self.environment,
            "outcome": self.outcome.value,
            "measurements": [measurement.as_dict() for measurement in self.measurements],
        }

    def summary(self) -> str:
        """For a commit trailer: the outcome and how many measurements passed."""
        passed = sum(m.outcome is Outcome.PASS for m in self.measurements)
        return f"{self.outcome} {passed}/{len(self.measurements)}"
