"""Findings that somebody answers for: accepted until a date, and a finding themselves after it.

A cluster refuses what its policies refuse, whatever is accepted here. So an object whose finding
comes from a policy bears a label that this policy leaves out, with the exception's name as value.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

from tidegate.catalog.exceptions import PolicyException
from tidegate.catalog.reading import collect, read_object
from tidegate.findings import Finding
from tidegate.manifests.objects import title
from tidegate.manifests.pods import pods
from tidegate.policy.admission import Policy
from tidegate.policy.scope import Scope
from tidegate.registry import code_of

FOLDER = "exceptions"
LABEL = "exception.tidegate.dev"


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
    valid = _valid(exceptions, today)
    used = {f for f, e in valid.items() if any(_covers(e, one) for one in findings)}
    left = [one for one in findings if not any(_covers(e, one) for e in valid.values())]
    return [*left, *_expired(exceptions, today), *_unused(valid, used)]


def _valid(exceptions: dict[str, PolicyException], today: date) -> dict[str, PolicyException]:
    return {file: one for file, one in exceptions.items() if one.spec.expires >= today}


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


def check_labels(
    scopes: Iterable[Scope],
    findings: list[Finding],
    exceptions: dict[str, PolicyException],
    policies: list[Policy],
    *,
    today: date,
) -> Iterator[Finding]:
    """What is accepted here is let in by the cluster, and the cluster lets in nothing else."""
    labels = {code_of(one.finding): f"{LABEL}/{Path(one.file).stem}" for one in policies}
    granted: dict[tuple[str, str, str], set[str]] = {}
    for exception in _valid(exceptions, today).values():
        label = labels.get(exception.spec.code)
        for finding in findings if label else ():
            if _covers(exception, finding):
                owner = "/".join(finding.object.split("/")[:2])
                names = granted.setdefault((finding.file, owner, str(label)), set())
                names.add(exception.metadata.name)
    for scope in scopes:
        for one in scope.objects:
            worn = [one["metadata"].get("labels") or {}, *(pod.labels for pod in pods(one))]
            for label in labels.values():
                names = granted.get((scope.file, title(one), label), set())
                yield from _compare(scope, title(one), label, names, [w.get(label) for w in worn])


def _compare(
    scope: Scope, where: str, label: str, names: set[str], worn: list[str | None]
) -> Iterator[Finding]:
    if names and not set(worn) <= names:
        yield scope.fault(
            where,
            "exception does not reach the cluster",
            wanted=f"the label {label}: {' or '.join(sorted(names))} on it and on its pods",
            found=", ".join(str(value or "none") for value in worn),
            next_step="add the label, or the cluster refuses what is accepted here",
        )
    elif not names and any(worn):
        yield scope.fault(
            where,
            "left out of a policy without an exception",
            wanted=f"no label {label}",
            found=", ".join(str(value or "none") for value in worn),
            next_step="remove it, or write an exception that accepts a finding of the policy here",
        )
