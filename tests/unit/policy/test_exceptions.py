"""Exceptions accept findings until their last day, and nothing else."""

from datetime import date

import pytest

from tidegate.catalog.exceptions import PolicyException
from tidegate.findings import Finding
from tidegate.policy.exceptions import accept

TODAY = date(2026, 11, 25)
FINDING = Finding("overlays/dev/generator/kustomization.yaml", "A/b", "no fallback", "x", "y", "z")


def exception(
    *, code: str = "TG505", file: str = "overlays/dev/*", what: str = "A/*", expires: date = TODAY
) -> dict[str, PolicyException]:
    """One exception by its file."""
    spec = {
        "code": code,
        "file": file,
        "object": what,
        "owner": "platform",
        "reason": "a scaler that is tried out",
        "expires": expires,
    }
    data = {
        "apiVersion": "tidegate.dev/v1alpha1",
        "kind": "PolicyException",
        "metadata": {"name": "a"},
        "spec": spec,
    }
    return {"exceptions/a.yaml": PolicyException.model_validate(data)}


def codes(exceptions: dict[str, PolicyException], *findings: Finding) -> list[str]:
    """The codes that are left."""
    return [one.code for one in accept(list(findings), exceptions, today=TODAY)]


def test_a_finding_is_accepted_up_to_and_on_the_last_day() -> None:
    """The day counts, as people expect."""
    assert codes(exception(), FINDING) == []


def test_an_expired_exception_accepts_nothing_and_is_a_finding() -> None:
    """The day after, both the fault and the exception are told."""
    assert codes(exception(expires=date(2026, 11, 24)), FINDING) == ["TG505", "TG901"]


@pytest.mark.parametrize(
    "other",
    [exception(code="TG506"), exception(file="overlays/production/*"), exception(what="C/*")],
    ids=["code", "file", "object"],
)
def test_an_exception_for_something_else_accepts_nothing(other: dict[str, PolicyException]) -> None:
    """Code, file and object must all be meant; what excuses nothing is told."""
    assert codes(other, FINDING) == ["TG505", "TG902"]


def test_without_exceptions_everything_is_left() -> None:
    """Nothing is accepted by default."""
    assert codes({}, FINDING) == ["TG505"]
