"""The one form in which something is said to be wrong, and the two ways to fail."""

from collections.abc import Callable

import pytest

from tidegate.findings import (
    CouldNotCheckError,
    Finding,
    FindingsError,
    TidegateError,
    cannot_check,
    refuse,
)

FINDING = Finding("a.yaml", "spec.x", "wrong", "1", "2", "correct it")


def test_a_finding_is_one_line() -> None:
    """Where, what, wanted, found, next step."""
    assert str(FINDING) == "a.yaml: spec.x: wrong; wanted 1, found 2 - correct it"


def test_a_finding_is_data_for_machines() -> None:
    """Its parts by name; `fields` are what it is made of."""
    assert list(FINDING.as_dict().values()) == ["", *FINDING.fields()]
    assert Finding(*FINDING.fields()) == FINDING


def test_the_line_of_a_finding_of_the_check_ends_in_its_code() -> None:
    """The words are the registry's, so the code needs no second place."""
    finding = Finding("a.yaml", "file", "missing file", "a file", "none", "add it")

    assert finding.line == f"{finding} [TG001]"
    assert FINDING.line == str(FINDING)
    assert finding.as_dict()["code"] == "TG001"


def test_findings_are_sorted_by_file() -> None:
    """So that two runs print the same."""
    other = Finding("b.yaml", "a", "a", "a", "a", "a")

    assert sorted([other, FINDING]) == [FINDING, other]


@pytest.mark.parametrize(
    ("make", "kind", "code"), [(refuse, FindingsError, 1), (cannot_check, CouldNotCheckError, 2)]
)
def test_wrong_is_exit_1_and_not_looked_at_is_exit_2(
    make: Callable[..., TidegateError], kind: type[TidegateError], code: int
) -> None:
    """The two never look alike."""
    error = make("a.yaml", "spec.x", "wrong", wanted="1", found="2", next_step="correct it")

    assert type(error) is kind
    assert error.exit_code == code
    assert error.findings == (FINDING,)
    assert str(error) == str(FINDING)


def test_an_error_of_many_findings_says_all_of_them() -> None:
    """One a line."""
    error = FindingsError([FINDING, FINDING])

    assert str(error) == f"{FINDING}\n{FINDING}"
