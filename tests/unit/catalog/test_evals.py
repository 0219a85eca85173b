"""Evaluation sets are validated on load: a case that could never be judged is a finding."""

from typing import Any

import pytest
from pydantic import ValidationError

from tidegate.catalog.evals import TASK_OF, EvalSet

JUDGED = {"threshold": 0.9, "minSamples": 1}
CASES: dict[str, dict[str, Any]] = {
    "questions": {"cases": [{"prompt": "1+1?", "answer": "2"}]},
    "structured": {"cases": [{"prompt": "Now", "schema": {"type": "object"}, "answer": {"a": 1}}]},
    "cases": {"cases": [{"prompt": "1+1?", "assert": [{"number": {"value": 2}}]}]},
    "corpus": {"corpus": "harmful"},
    "needle": {
        "needle": "It is 7.",
        "question": "What is it?",
        "filler": ["So it goes."],
        "words": [9],
        "depths": [0.5],
        "assert": [{"contains": "7"}],
    },
    "nearest": {
        "documents": {"cat": "A cat sits.", "car": "A car drives."},
        "cases": [{"query": "kitten", "nearest": "cat"}],
    },
    "ranking": {"cases": [{"query": "kitten", "documents": ["car", "cat"], "best": 1}]},
}


OTHER: dict[str, dict[str, Any]] = {
    "robustness": {"of": "facts", "mutations": ["case"], "maxDrop": 0.1, "minSamples": 1},
}


def evals(kind: str, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any field of a set
    """An evaluation set of a kind as data."""
    return {
        "apiVersion": "tidegate.dev/v1alpha1",
        "kind": "EvalSet",
        "metadata": {"name": "sample"},
        "spec": {"type": kind, **(OTHER.get(kind) or JUDGED | CASES[kind]), **changes},
    }


@pytest.mark.parametrize("kind", TASK_OF)
def test_every_kind_of_set_is_read(kind: str) -> None:
    """Its type says which task can answer it."""
    assert EvalSet.model_validate(evals(kind)).spec.type == kind


@pytest.mark.parametrize(
    ("kind", "change", "fault"),
    [
        ("questions", {"cases": []}, "at least 1 item"),
        ("questions", {"cases": [{"prompt": "", "answer": "2"}]}, "at least 1 character"),
        ("questions", {"cases": [{"prompt": "1+1?"}]}, "Field required"),
        ("questions", {"threshold": 0}, "greater than 0"),
        ("questions", {"threshold": 1.01}, "less than or equal to 1"),
        ("questions", {"minSamples": 0}, "greater than 0"),
        ("structured", {"cases": [{"prompt": "a", "schema": {"type": "objekt"}}]}, "a JSON schema"),
        ("nearest", {"documents": {"cat": "A cat."}}, "at least 2 items"),
        ("nearest", {"cases": [{"query": "a", "nearest": "dog"}]}, "documents named dog"),
        ("ranking", {"cases": [{"query": "a", "documents": ["b"], "best": 0}]}, "at least 2 items"),
        (
            "ranking",
            {"cases": [{"query": "a", "documents": ["b", "c"], "best": 2}]},
            "best below 2",
        ),
    ],
)
def test_a_set_that_cannot_be_judged_is_refused(
    kind: str, change: dict[str, Any], fault: str
) -> None:
    """An empty set, a threshold that passes everything, an answer that cannot be given."""
    with pytest.raises(ValidationError, match=fault):
        EvalSet.model_validate(evals(kind, **change))
