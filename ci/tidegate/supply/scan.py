"""What a scanner's report means: refused, in doubt, or neither.

A report is worth what its database knows: one that is too old, or that nobody can date, leaves
the image in doubt, whatever the report says.
"""

import datetime as dt
import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_pascal

from tidegate.catalog.objects import Metadata, Strict
from tidegate.findings import Finding, cannot_check

POLICY = "ci/images/scan-policy.yaml"


class Severity(StrEnum):
    """How bad, as scanners say."""

    UNKNOWN = "UNKNOWN"
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


class Refusal(StrEnum):
    """Which vulnerabilities of a severity refuse an image."""

    ANY = "any"
    FIXABLE = "fixable"


class Exemption(Strict):
    """A vulnerability that somebody answers for, until a day."""

    id: Annotated[str, Field(min_length=1)]
    package: Annotated[str, Field(min_length=1)]
    owner: Annotated[str, Field(min_length=1)]
    reason: Annotated[str, Field(min_length=10)]
    expires: dt.date
    """The last day on which it holds."""


class _Age(Strict):
    hours: Annotated[float, Field(gt=0)]


class _Spec(Strict):
    refuse: Annotated[dict[Severity, Refusal], Field(min_length=1)]
    database_age: _Age
    exceptions: tuple[Exemption, ...]


class ScanPolicy(Strict):
    """`ci/images/scan-policy.yaml`."""

    api_version: Literal["tidegate.dev/v1alpha1"]
    kind: Literal["ScanPolicy"]
    metadata: Metadata
    spec: _Spec


class _Reported(BaseModel):
    """A part of a report; scanners add keys with every release, so unknown ones are let be."""

    model_config = ConfigDict(alias_generator=to_pascal, frozen=True)


class Vulnerability(_Reported):
    """One vulnerability of one package, as Trivy's JSON has it (schema version 2)."""

    vulnerability_id: Annotated[str, Field(alias="VulnerabilityID")]
    pkg_name: str
    installed_version: str = ""
    fixed_version: str = ""
    severity: Severity


class Secret(_Reported):
    """A credential in the image."""

    rule_id: Annotated[str, Field(alias="RuleID")]
    severity: Severity


class _Result(_Reported):
    target: str
    vulnerabilities: tuple[Vulnerability, ...] = ()
    secrets: tuple[Secret, ...] = ()


class Report(_Reported):
    """`trivy image --format json`."""

    schema_version: Literal[2]
    artifact_name: str
    created_at: dt.datetime | None = None
    results: tuple[_Result, ...] = ()


class _Database(_Reported):
    updated_at: dt.datetime


class ScannerVersion(_Reported):
    """`trivy version --format json`, which alone tells how old the database is."""

    version: str = "unknown"
    vulnerability_db: Annotated[_Database | None, Field(alias="VulnerabilityDB")] = None


T = TypeVar("T", bound=_Reported)


def read_report(path: Path, kind: type[T]) -> T:
    """A scanner's output.

    Raises:
        CouldNotCheckError: the file is missing or is not what it should be.
    """
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        found, step = error.strerror or "unreadable", "read what the scanner said when it failed"
    except ValidationError as error:
        first = error.errors()[0]
        found = f"{'.'.join(map(str, first['loc'])) or 'document'}: {first['msg']}"
        step = "run the scan again with the scanner of ci/images/images.yaml"
    raise cannot_check(
        path,
        "report",
        "not a scanner's report",
        wanted=(kind.__doc__ or "").splitlines()[0].removesuffix("."),
        found=found,
        next_step=f"{step}; the image is on hold",
    )


def judge(
    report: Report, scanner: ScannerVersion, policy: ScanPolicy, now: dt.datetime
) -> tuple[list[Finding], list[Finding]]:
    """What refuses the image, and what leaves it in doubt.

    Args:
        report: what was found.
        scanner: the scanner's own account of its database.
        policy: what is refused, and who answers for what.
        now: with its time zone.
    """
    refused = [
        _vulnerable(report, found)
        for result in report.results
        for found in result.vulnerabilities
        if _counts(found, policy.spec) and not _exempt(found, policy.spec, now.date())
    ]
    refused += [
        _leaked(report, result.target, secret)
        for result in report.results
        for secret in result.secrets
    ]
    refused += [_expired(one) for one in policy.spec.exceptions if one.expires < now.date()]
    return sorted(set(refused)), _doubts(report, scanner, policy.spec, now)


def _counts(found: Vulnerability, spec: _Spec) -> bool:
    refusal = spec.refuse.get(found.severity)
    return refusal is Refusal.ANY or (refusal is Refusal.FIXABLE and bool(found.fixed_version))


def _exempt(found: Vulnerability, spec: _Spec, today: dt.date) -> bool:
    return any(
        (one.id, one.package) == (found.vulnerability_id, found.pkg_name) and today <= one.expires
        for one in spec.exceptions
    )


def _vulnerable(report: Report, found: Vulnerability) -> Finding:
    fix = f"upgrade to {found.fixed_version}" if found.fixed_version else "replace the package"
    return Finding(
        report.artifact_name,
        f"{found.pkg_name} {found.installed_version}".strip(),
        f"{found.severity} vulnerability",
        "none that the policy refuses",
        found.vulnerability_id,
        f"{fix}, or add an exception with owner, reason and expiry to {POLICY}",
    )


def _leaked(report: Report, target: str, secret: Secret) -> Finding:
    return Finding(
        report.artifact_name,
        target,
        "secret in the image",
        "no credential",
        secret.rule_id,
        "revoke it, then remove it from every layer",
    )


def _expired(one: Exemption) -> Finding:
    return Finding(
        POLICY,
        f"{one.id} of {one.package}",
        "exception has expired",
        "a day that is not over",
        str(one.expires),
        f"{one.owner} upgrades the package or renews the exception with a reason",
    )


def _doubts(
    report: Report, scanner: ScannerVersion, spec: _Spec, now: dt.datetime
) -> list[Finding]:
    limit = spec.database_age.hours
    database = scanner.vulnerability_db
    age = (now - database.updated_at).total_seconds() / 3600 if database else None
    if age is not None and 0 <= age <= limit:
        return _nothing_scanned(report)
    return [
        Finding(
            report.artifact_name,
            "vulnerability database",
            "age is not known" if age is None else "too old to judge by",
            f"at most {limit:g} hours",
            "no date" if age is None else f"{age:.0f} hours",
            "update the scanner's database and scan again; the image is on hold",
        )
    ]


def _nothing_scanned(report: Report) -> list[Finding]:
    if report.results:
        return []
    return [
        Finding(
            report.artifact_name,
            "results",
            "nothing was scanned",
            "packages of the image",
            "none",
            "read the scanner's log; the image is on hold",
        )
    ]


def as_json(refused: list[Finding], doubts: list[Finding]) -> str:
    """The verdict and why, for evidence and machines."""
    verdict: dict[str, Any] = {
        "outcome": "fail" if refused else "hold" if doubts else "pass",
        "refused": [finding.as_dict() for finding in refused],
        "doubts": [finding.as_dict() for finding in doubts],
    }
    return json.dumps(verdict, indent=2) + "\n"
