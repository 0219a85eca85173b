"""The gates by name, and which of them have something to measure on a model."""

from collections.abc import Iterable
from enum import StrEnum

from tidegate.catalog.evals import Cases, Corpus, EvalSet, Nearest, Ranking, Robustness
from tidegate.catalog.objects import ModelSpec, Task


class Gate(StrEnum):
    """What a verdict's numbers are grouped by, in its order."""

    CONTRACT = "contract"
    STREAMING = "streaming"
    FUNCTIONAL = "functional"
    SAFETY = "safety"
    RETRIEVAL = "retrieval"
    DRIFT = "drift"
    LATENCY = "latency"
    ROBUSTNESS = "robustness"
    LOAD = "load"
    COST = "cost"
    FAULTS = "faults"


FULL_ALONE = frozenset({Gate.ROBUSTNESS, Gate.LOAD, Gate.COST, Gate.FAULTS})
"""Those that the smoke suite leaves out."""


def gate_of(evals: EvalSet) -> Gate:
    """Under which gate a set is reported."""
    match evals.spec:
        case Cases():
            return Gate(evals.spec.gate)
        case Corpus():
            return Gate.SAFETY
        case Nearest() | Ranking():
            return Gate.RETRIEVAL
        case Robustness():
            return Gate.ROBUSTNESS
        case _:
            return Gate.FUNCTIONAL


def measurable(spec: ModelSpec, evals: Iterable[EvalSet]) -> frozenset[Gate]:
    """The gates that can say something of a model; drift only beside a previous release."""
    evals, generates = tuple(evals), spec.task is Task.GENERATE
    timed = not generates or spec.slo.time_to_first_token or spec.slo.inter_token_latency
    conditions = {
        Gate.STREAMING: generates,
        Gate.LATENCY: timed,
        Gate.DRIFT: any(isinstance(one.spec, Nearest) for one in evals),
        Gate.COST: spec.budget,
    }
    always = {Gate.CONTRACT, Gate.LOAD, Gate.FAULTS}
    met = {gate for gate, condition in conditions.items() if condition}
    return frozenset(always | met | {gate_of(one) for one in evals})
