"""A verdict: every number with its threshold, its sample size and its uncertainty.

Absence is never success: a measurement without enough samples holds, and a verdict without a
measurement holds. A number on the wrong side of its threshold fails only where its interval is
on that side too; otherwise it holds, because more samples could still show the other.
"""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field

from tidegate.catalog.objects import Name, Strict

ALPHA = 0.05
"""The error rate of every test: how often a release that is no worse is called worse."""


class Outcome(StrEnum):
    """What a gate says; the worst of its measurements."""

    PASS = "pass"  # noqa: S105 - no password
    HOLD = "hold"
    FAIL = "fail"


Method = Literal["wilson", "order statistics", "bootstrap", "score", "ladder"]


class Interval(Strict):
    """Confidence limits of a measured number."""

    low: float | None
    """None where the sample is too small to have a lower limit."""
    high: float | None
    """None where the sample is too small to have an upper limit."""
    confidence: Annotated[float, Field(gt=0, lt=1)]
    """How often such limits enclose the true number."""
    method: Method
    """How they were found; docs/explanation/statistics.md has each one."""


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
    interval: Interval | None = None
    """None where nothing was measured, or where every case there is was measured."""
    rule: Literal["threshold", "no worse"] = "threshold"
    """`no worse` compares with the previous release: its interval must stay within the bound."""
    p_value: Annotated[float, Field(ge=0, le=1)] | None = None
    """Of the test that the new release is worse, where it is compared."""
    examples: tuple[str, ...] = ()
    """Some of the answers that were wrong, for people."""

    @property
    def outcome(self) -> Outcome:
        """Hold on too few samples; otherwise what the rule says."""
        if self.value is None or self.samples < self.min_samples:
            return Outcome.HOLD
        if self.rule == "no worse":
            return self._no_worse()
        if self._within(self.value):
            return Outcome.PASS
        return Outcome.HOLD if self._could_be_within() else Outcome.FAIL

    def _within(self, value: float) -> bool:
        return value >= self.threshold if self.bound == "at least" else value <= self.threshold

    def _could_be_within(self) -> bool:
        """Whether the limit towards the threshold is beyond it; without limits it is not."""
        if self.interval is None:
            return False
        limit = self.interval.high if self.bound == "at least" else self.interval.low
        return limit is None or self._within(limit)

    def _no_worse(self) -> Outcome:
        limit = self.interval.high if self.interval else None
        if limit is not None and self._within(limit) and self._within(self.value or 0):
            return Outcome.PASS
        significant = self.p_value is not None and self.p_value <= ALPHA
        return Outcome.FAIL if significant else Outcome.HOLD

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

    api_version: Literal["tidegate.dev/v1alpha1"] = "tidegate.dev/v1alpha1"
    kind: Literal["Verdict"] = "Verdict"
    model: Name
    started: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
    """UTC."""
    suite: Literal["smoke", "full"] = "smoke"
    """Which gates ran: smoke has no load, faults or robustness."""
    seed: int = 0
    """Of every random choice: resampling, arrivals, mutations."""
    previous: str | None = None
    """When the run began that this one was compared with."""
    environment: Name | None = None
    """Whose live endpoint was measured; none for a server that a pipeline started."""
    measurements: tuple[Measurement, ...]

    @property
    def outcome(self) -> Outcome:
        """Fail if anything failed, hold if anything held or nothing was measured."""
        found = {measurement.outcome for measurement in self.measurements}
        for worst in (Outcome.FAIL, Outcome.HOLD):
            if worst in found:
                return worst
        return Outcome.PASS if found else Outcome.HOLD

    def as_dict(self) -> dict[str, Any]:
        """The verdict and what follows from it, as JSON-ready data; see verdict.schema.json."""
        return self.model_dump(mode="json", by_alias=True) | {
            "outcome": self.outcome.value,
            "measurements": [measurement.as_dict() for measurement in self.measurements],
        }

    def summary(self) -> str:
        """For a commit trailer: the outcome and how many measurements passed."""
        passed = sum(m.outcome is Outcome.PASS for m in self.measurements)
        return f"{self.outcome} {passed}/{len(self.measurements)}"


def verdict_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of `Verdict.as_dict`."""
    schema = Verdict.model_json_schema(by_alias=True, mode="serialization")
    outcome = {"enum": [outcome.value for outcome in Outcome], "type": "string"}
    for part in (schema, schema["$defs"]["Measurement"]):
        part["properties"]["outcome"] = outcome
        part["required"] = sorted({*part["required"], "outcome"})
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
