"""The one form in which Tidegate says what is wrong, and the two ways in which a command fails.

A check returns findings and never prints; the command line prints them all and exits 1. What
could not be looked at is no finding: it raises `CouldNotCheckError`, which exits 2, so that
absence and failure never look alike.
"""

from collections.abc import Iterable
from dataclasses import asdict, astuple, dataclass

from tidegate.registry import code_of


@dataclass(frozen=True, order=True, slots=True)
class Finding:
    """One fault: where it is, what is wrong, what was wanted and found, and the next step."""

    file: str
    object: str
    what: str
    wanted: str
    found: str
    next_step: str

    def __str__(self) -> str:
        """The error line of this project; see CONTRIBUTING.md."""
        return (
            f"{self.file}: {self.object}: {self.what}; "
            f"wanted {self.wanted}, found {self.found} - {self.next_step}"
        )

    @property
    def line(self) -> str:
        """The error line with its code in brackets, as it is printed."""
        return f"{self} [{self.code}]" if self.code else str(self)

    @property
    def code(self) -> str:
        """Its stable code, such as TG101; empty for what `tidegate check` does not look for."""
        return code_of(self.what)

    def as_dict(self) -> dict[str, str]:
        """The finding as JSON-ready data."""
        return {"code": self.code} | asdict(self)

    def fields(self) -> tuple[str, ...]:
        """What it is made of; `Finding(*fields)` is the same finding."""
        return astuple(self)


class TidegateError(Exception):
    """What a command reports in findings instead of a traceback; `exit_code` is its exit status."""

    exit_code = 1

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(map(str, self.findings)))


class FindingsError(TidegateError):
    """Something was looked at and is wrong."""


class CouldNotCheckError(TidegateError):
    """Something could not be looked at: a tool, a file or an endpoint is not there."""

    exit_code = 2


def refuse(
    file: object, what_object: str, what: str, *, wanted: str, found: str, next_step: str
) -> FindingsError:
    """A `FindingsError` of one finding, to raise."""
    return FindingsError([Finding(str(file), what_object, what, wanted, found, next_step)])


def cannot_check(
    file: object, what_object: str, what: str, *, wanted: str, found: str, next_step: str
) -> CouldNotCheckError:
    """A `CouldNotCheckError` of one finding, to raise."""
    return CouldNotCheckError([Finding(str(file), what_object, what, wanted, found, next_step)])
