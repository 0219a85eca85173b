"""The kinds of evidence: their predicate types, when each was made, and what each must say.

A gate verdict and an approval have predicates of this project, whose schemas are published under
docs/reference; the others are SLSA provenance v1, CycloneDX and in-toto's vulnerability scan v0.2.
Provenance claims nothing by itself: builder and inputs are what its signer says (SLSA Build L1).
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import Field, ValidationError

from tidegate.catalog.objects import Strict
from tidegate.catalog.policy import EvidenceKind, Requirement, Severity
from tidegate.findings import Finding, FindingsError, refuse
from tidegate.gates.verdict import Measurement, Outcome, Verdict

VERDICT_TYPE = "https://tidegate.dev/gate-verdict/v1"
APPROVAL_TYPE = "https://tidegate.dev/approval/v1"
MODEL_TYPE = "https://model_signing/signature/v1.0"
PREDICATE_TYPES = {
    EvidenceKind.VERDICT: VERDICT_TYPE,
    EvidenceKind.PROVENANCE: "https://slsa.dev/provenance/v1",
    EvidenceKind.SBOM: "https://cyclonedx.org/bom",
    EvidenceKind.SCAN: "https://in-toto.io/attestation/vulns/v0.2",
    EvidenceKind.APPROVAL: APPROVAL_TYPE,
    EvidenceKind.MODEL: MODEL_TYPE,
}
KIND_OF = {predicate_type: kind for kind, predicate_type in PREDICATE_TYPES.items()}

Predicate = dict[str, Any]
_TIME_OF: dict[EvidenceKind, tuple[str, ...]] = {
    EvidenceKind.VERDICT: ("started",),
    EvidenceKind.PROVENANCE: ("runDetails", "metadata", "finishedOn"),
    EvidenceKind.SBOM: ("metadata", "timestamp"),
    EvidenceKind.SCAN: ("metadata", "scanFinishedOn"),
    EvidenceKind.APPROVAL: ("approved",),
}


class Approval(Strict):
    """A person's yes to a release in an environment; the signature says who."""

    environment: Annotated[str, Field(min_length=1)]
    reason: Annotated[str, Field(min_length=1)]
    approved: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
    """UTC."""


def utc_text(moment: datetime) -> str:
    """A moment as evidence writes it, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def made_at(kind: EvidenceKind, predicate: Predicate) -> datetime | None:
    """When the evidence says it was made; None where it does not say it with its time zone."""
    value: Any = predicate
    for key in _TIME_OF.get(kind, ("signed",)):
        value = value.get(key) if isinstance(value, dict) else None
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment and moment.tzinfo else None


def read_verdict(predicate: object, *, file: str) -> Verdict:
    """The verdict in a predicate; raises FindingsError for anything else."""
    try:
        return Verdict.model_validate_json(json.dumps(predicate))
    except ValidationError as error:
        raise refuse(
            file,
            "predicate",
            "not a verdict",
            wanted=VERDICT_TYPE,
            found=f"{error.error_count()} faults",
            next_step="run the gates again",
        ) from None


def require_pass(verdict: Verdict, *, file: str) -> None:
    """Nothing for a verdict that passes.

    Raises:
        FindingsError: one finding for every measurement that does not pass.
    """
    if verdict.outcome is Outcome.PASS:
        return
    bad = [m for m in verdict.measurements if m.outcome is not Outcome.PASS]
    if not bad:
        raise refuse(
            file,
            "verdict",
            "nothing was measured",
            wanted="measurements",
            found="none",
            next_step="add evaluation sets and run the gates",
        )
    raise FindingsError(_as_finding(measurement, file) for measurement in bad)


def _as_finding(measurement: Measurement, file: str) -> Finding:
    m = measurement
    value = "nothing" if m.value is None else f"{m.value:.4g} {m.unit}"
    return Finding(
        file=file,
        object=f"{m.gate}/{m.name}",
        what=f"gate says {m.outcome}",
        wanted=f"{m.bound} {m.threshold:.4g} {m.unit} on {m.min_samples} or more samples",
        found=f"{value} on {m.samples}",
        next_step="correct the release and run the gates again; nothing was committed",
    )


def _verdict_faults(file: str, predicate: Predicate, wanted: Requirement) -> Iterator[Finding]:
    try:
        verdict = read_verdict(predicate, file=file)
        require_pass(verdict, file=file)
    except FindingsError as error:
        yield from error.findings
        return
    if wanted.suite == "full" and verdict.suite != "full":
        what, step = "not the full suite", "run `tidegate gate run --suite full`"
        yield Finding(file, "suite", what, wanted.suite, verdict.suite, step)
    measured = {measurement.gate for measurement in verdict.measurements}
    missing = [gate for gate in wanted.gates if gate not in measured]
    if missing:
        found = ", ".join(sorted(measured))
        what = "gates were not run"
        yield Finding(file, "gates", what, ", ".join(missing), found, "run all of them")


def _scan_faults(file: str, predicate: Predicate, wanted: Requirement) -> Iterator[Finding]:
    scanner = predicate.get("scanner")
    results = scanner.get("result") if isinstance(scanner, dict) else None
    if not isinstance(results, list):
        yield Finding(file, "scanner.result", "no result", "a list", "none", "scan again")
        return
    counts = Counter(severity for result in results for severity in _severities(result))
    for severity, limit in wanted.at_most.items():
        # What could not be rated may be the worst.
        found = counts[severity] + (counts["unreadable"] if limit == 0 else 0)
        if found > limit:
            yield Finding(
                file,
                f"severity {severity}",
                "too many vulnerabilities",
                f"at most {limit}",
                str(found),
                "rebuild on fixed versions and scan again",
            )


def _severities(result: object) -> Iterator[str]:
    """The worst severity that any rating of a result gives."""
    ratings = result.get("severity") if isinstance(result, dict) else None
    scores = {
        str(rating.get("score", "")).lower()
        for rating in (ratings if isinstance(ratings, list) else [])
        if isinstance(rating, dict)
    }
    yield next((severity.value for severity in Severity if severity in scores), "unreadable")


def _sbom_faults(file: str, predicate: Predicate, wanted: Requirement) -> Iterator[Finding]:
    del wanted
    components = predicate.get("components")
    if predicate.get("bomFormat") != "CycloneDX" or not isinstance(components, list):
        yield Finding(
            file, "bomFormat", "no bill of materials", "CycloneDX", "another", "make one again"
        )
        return
    loose = [c for c in components if not (isinstance(c, dict) and c.get("version"))]
    if loose or not components:
        found = f"{len(loose)} of {len(components)} without one"
        what, step = "unpinned components", "list what was installed"
        yield Finding(file, "components", what, "a version for each", found, step)


def _provenance_faults(file: str, predicate: Predicate, wanted: Requirement) -> Iterator[Finding]:
    details = predicate.get("runDetails")
    builder = details.get("builder") if isinstance(details, dict) else None
    found = str(builder.get("id")) if isinstance(builder, dict) else "none"
    definition = predicate.get("buildDefinition")
    whole = isinstance(definition, dict) and definition.get("buildType")
    if not whole or found == "none" or (wanted.builders and found not in wanted.builders):
        names = " or ".join(wanted.builders) or "a build type and a builder"
        what = "not built as it must be"
        yield Finding(file, "builder", what, names, found, "build it there again")


def _no_faults(file: str, predicate: Predicate, wanted: Requirement) -> Iterator[Finding]:
    del file, predicate, wanted
    yield from ()


FAULTS: dict[EvidenceKind, Callable[[str, Predicate, Requirement], Iterator[Finding]]] = {
    EvidenceKind.VERDICT: _verdict_faults,
    EvidenceKind.PROVENANCE: _provenance_faults,
    EvidenceKind.SBOM: _sbom_faults,
    EvidenceKind.SCAN: _scan_faults,
    EvidenceKind.APPROVAL: _no_faults,
    EvidenceKind.MODEL: _no_faults,
}
