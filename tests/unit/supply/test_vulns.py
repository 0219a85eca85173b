"""A scanner's report as evidence: what a promotion policy then reads in it."""

import json
from pathlib import Path

import pytest
from tests.conftest import ROOT, Cli

from tidegate.catalog.policy import EvidenceKind, Requirement, Severity
from tidegate.evidence.kinds import FAULTS, made_at, utc_text
from tidegate.findings import CouldNotCheckError
from tidegate.supply.scan import POLICY, Report, ScannerVersion, read_report
from tidegate.supply.vulns import predicate

FOLDER = ROOT / "tests" / "fixtures" / "scan"
REPORT = read_report(FOLDER / "report.json", Report)
SCANNER = read_report(FOLDER / "database.json", ScannerVersion)


def test_a_promotion_policy_counts_what_the_scanner_found() -> None:
    """Every vulnerability with its severity, whatever the scan policy lets pass."""
    made = predicate(REPORT, SCANNER)

    found = {
        severity.value: [
            fault.found
            for fault in FAULTS[EvidenceKind.SCAN](
                "scan",
                made,
                Requirement(kind=EvidenceKind.SCAN, signers="pipeline", at_most={severity: 0}),
            )
        ]
        for severity in Severity
    }
    assert found == {"critical": ["1"], "high": ["1"], "medium": ["1"], "low": [], "unknown": []}


def test_it_is_as_old_as_the_scan() -> None:
    """Judging an old report again makes it no younger."""
    made = predicate(REPORT, SCANNER)

    when = made_at(EvidenceKind.SCAN, made)
    assert when is not None
    assert utc_text(when) == "2026-11-25T19:41:24Z"
    assert made["scanner"]["version"] == "0.59.1"
    assert made["scanner"]["db"]["lastUpdate"] == "2026-11-25T06:00:00+00:00"


@pytest.mark.parametrize(
    ("report", "scanner"),
    [
        (REPORT.model_copy(update={"created_at": None}), SCANNER),
        (REPORT, SCANNER.model_copy(update={"vulnerability_db": None})),
    ],
    ids=["no time of its own", "no database"],
)
def test_what_cannot_be_dated_is_no_evidence(report: Report, scanner: ScannerVersion) -> None:
    """Nobody could say when it is too old."""
    with pytest.raises(CouldNotCheckError, match="does not say when it was made"):
        predicate(report, scanner)


def test_only_an_image_that_passes_gets_its_statement(
    repository: Path, tmp_path: Path, cli: Cli
) -> None:
    """What the policy refuses, or leaves in doubt, has nothing to sign."""
    report, file = tmp_path / "report.json", tmp_path / "vulns.json"
    data = json.loads((FOLDER / "report.json").read_text())
    options = ("--database", FOLDER / "database.json", "--statement", file, "--root", repository)
    policy = repository / POLICY
    policy.write_text(policy.read_text().replace("hours: 48", "hours: 1000000"))

    report.write_text(json.dumps(data))
    refused = cli("scan", report, *options)
    assert (refused.code, file.exists()) == (1, False)

    data["Results"] = [one | {"Vulnerabilities": [], "Secrets": []} for one in data["Results"]]
    report.write_text(json.dumps(data))
    passed = cli("scan", report, *options)
    assert (passed.code, json.loads(file.read_text())["scanner"]["result"]) == (0, [])
