"""Findings that somebody answers for: accepted until a date, and a finding themselves after it."""

from collections.abc import Iterator
from datetime import date
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

from tidegate.catalog.exceptions import PolicyException
from tidegate.catalog.reading import collect, read_object
from tidegate.findings import Finding

FOLDER = "exceptions"


def read_exceptions(root: Path, findings: list[Finding]) -> dict[str, PolicyException]:
    """The exceptions of a repository by file; what cannot be read goes to `findings`."""
    found: dict[str, PolicyException] = {}
    for path in sorted((root / FOLDER).glob("*.yaml")):
        file = path.relative_to(root).as_posix()
        one = collect(findings, partial(read_object, path, PolicyException, name=file))
        if one is not None:
            found[file] = one
    return found


def accept(
    findings: list[Finding], exceptions: dict[str, PolicyException], *, today: date
) -> list[Finding]:
    """The findings that no exception accepts, and those about the exceptions themselves."""
    valid = {f: e for f, e in exceptions.items() if e.spec.expires >= today}
    used = {f for f, e in valid.items() if any(_covers(e, one) for one in findings)}
    left = [one for one in findings if not any(_covers(e, one) for e in valid.values())]
    return [*left, *_expired(exceptions, today), *_unused(valid, used)]


def _covers(exception: PolicyException, finding: Finding) -> bool:
    spec = exception.spec
    return (
        finding.code == spec.code
        and fnmatchcase(finding.file, spec.file)
        and fnmatchcase(finding.object, spec.object)
    )


def _expired(exceptions: dict[str, PolicyException], today: date) -> Iterator[Finding]:
    for file, one in exceptions.items():
        if one.spec.expires < today:
            yield Finding(
                file,
                "spec.expires",
                "exception has expired",
                f"a day not before {today}",
                str(one.spec.expires),
                f"correct what it excuses, or let {one.spec.owner} decide again",
            )


def _unused(valid: dict[str, PolicyException], used: set[str]) -> Iterator[Finding]:
    for file, one in valid.items():
        if file not in used:
            yield Finding(
                file,
                "spec",
                "exception excuses nothing",
                f"a finding {one.spec.code} in {one.spec.file}",
                "none",
                "delete the exception",
            )
