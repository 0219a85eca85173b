"""The scan policy on a report that Trivy 0.59.1 wrote of three packages and a planted key."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import ROOT, Cli

from tidegate.catalog.reading import validated
from tidegate.findings import FindingsError
from tidegate.supply.scan import Report, ScannerVersion, ScanPolicy, judge, read_report

FOLDER = ROOT / "tests" / "fixtures" / "scan"
UPDATED = dt.datetime(2026, 11, 25, 6, tzinfo=dt.UTC)
NOW = UPDATED + dt.timedelta(hours=10)
EXCEPTION = {
    "id": "CVE-2026-105754",
    "package": "vllm",
    "owner": "platform",
    "reason": "the cache that leaks is off",
    "expires": "2026-11-25",
}


def policy(*exceptions: dict[str, str], **refuse: str) -> ScanPolicy:
    """A policy; refuses every critical one and fixable high ones where nothing is said."""
    spec: dict[str, Any] = {
        "refuse": refuse or {"CRITICAL": "any", "HIGH": "fixable"},
        "databaseAge": {"hours": 48},
        "exceptions": list(exceptions),
    }
    head = {"apiVersion": "tidegate.dev/v1alpha1", "kind": "ScanPolicy", "metadata": {"name": "x"}}
    return validated(head | {"spec": spec}, ScanPolicy, name="policy.yaml")


def found(scan_policy: ScanPolicy, now: dt.datetime = NOW) -> tuple[list[str], list[str]]:
    """What is refused and what is in doubt, by object and finding."""
    report = read_report(FOLDER / "report.json", Report)
    scanner = read_report(FOLDER / "database.json", ScannerVersion)
    refused, doubts = judge(report, scanner, scan_policy, now)
    return [f"{f.object}: {f.found}" for f in refused], [f"{f.what}: {f.found}" for f in doubts]


SECRET = "settings.env: aws-access-key-id"  # noqa: S105 - the finding about a planted one
CRITICAL = "vllm 0.29.0: CVE-2026-105754"
HIGH = "vllm 0.29.0: CVE-2026-115912"
MEDIUM = "jinja2 3.1.5: CVE-2025-27516"


@pytest.mark.parametrize(
    ("refuse", "refused"),
    [
        ({"CRITICAL": "any"}, [SECRET, CRITICAL]),
        ({"CRITICAL": "fixable", "HIGH": "fixable"}, [SECRET, CRITICAL]),
        ({"HIGH": "any"}, [SECRET, HIGH]),
        ({"MEDIUM": "fixable"}, [MEDIUM, SECRET]),
        ({"LOW": "any"}, [SECRET]),
    ],
    ids=["critical", "a fix is there", "no fix is there", "medium", "nothing of it"],
)
def test_severity_and_fix_decide(refuse: dict[str, str], refused: list[str]) -> None:
    """A secret in an image is refused whatever the policy says."""
    assert found(policy(**refuse)) == (refused, [])


@pytest.mark.parametrize(
    ("change", "now", "refused"),
    [
        ({}, NOW, [SECRET]),
        ({"package": "torch"}, NOW, [SECRET, CRITICAL]),
        ({"id": "CVE-2026-1"}, NOW, [SECRET, CRITICAL]),
    ],
    ids=["holds on its last day", "another package", "another vulnerability"],
)
def test_an_exception_is_of_one_vulnerability_in_one_package(
    change: dict[str, str], now: dt.datetime, refused: list[str]
) -> None:
    """With an owner and a reason, and until its day is over."""
    assert found(policy(EXCEPTION | change), now) == (refused, [])


def test_an_exception_that_has_expired_is_refused_itself() -> None:
    """Its owner is named, and what it covered counts again."""
    refused, doubts = found(policy(EXCEPTION), NOW + dt.timedelta(days=1))

    assert refused == ["CVE-2026-105754 of vllm: 2026-11-25", SECRET, CRITICAL]
    assert doubts == []


@pytest.mark.parametrize("key", sorted(EXCEPTION))
def test_an_exception_without_owner_reason_or_day_is_none(key: str) -> None:
    """Each of its parts has to be there."""
    with pytest.raises(FindingsError):
        policy({k: v for k, v in EXCEPTION.items() if k != key})


@given(st.integers(-1000, 1000))
def test_only_a_database_of_known_and_fit_age_leaves_no_doubt(hours: int) -> None:
    """Too old is a hold, and so is one from the future: somebody's clock is wrong."""
    _, doubts = found(policy(), UPDATED + dt.timedelta(hours=hours))

    assert (doubts == []) is (0 <= hours <= 48)


def test_a_database_that_nobody_can_date_is_a_doubt() -> None:
    """Trivy leaves it out where it has none."""
    report = read_report(FOLDER / "report.json", Report)

    _, doubts = judge(report, ScannerVersion.model_validate({"Version": "0.59.1"}), policy(), NOW)

    assert [doubt.what for doubt in doubts] == ["age is not known"]


def test_a_report_of_nothing_is_a_doubt() -> None:
    """An image without a single package was not read."""
    report = Report.model_validate({"SchemaVersion": 2, "ArtifactName": "x"})
    scanner = read_report(FOLDER / "database.json", ScannerVersion)

    assert [doubt.what for doubt in judge(report, scanner, policy(), NOW)[1]] == [
        "nothing was scanned"
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "document: Invalid JSON"),
        ("{}", "SchemaVersion: Field required"),
        ('{"SchemaVersion": 1, "ArtifactName": "x"}', "SchemaVersion: Input should be 2"),
        (None, "No such file or directory"),
    ],
    ids=["cut off", "another document", "another version", "missing"],
)
def test_what_is_no_report_cannot_be_judged(
    text: str | None, what: str, tmp_path: Path, cli: Cli
) -> None:
    """Exit 2: a scan that failed is not a scan that found nothing."""
    report = tmp_path / "scan.json"
    if text is not None:
        report.write_text(text)

    ran = cli("scan", report, "--database", FOLDER / "database.json", "--root", ROOT)

    assert ran.code == 2
    assert f"{report}: report: not a scanner's report; wanted `trivy image" in ran.err
    assert what in ran.err


def test_the_command_prints_findings_and_writes_the_verdict(tmp_path: Path, cli: Cli) -> None:
    """The committed report is old by now: the doubt is told beside what is refused."""
    output = tmp_path / "verdict.json"
    arguments = ("--database", FOLDER / "database.json", "--output", output, "--root", ROOT)

    ran = cli("scan", FOLDER / "report.json", *arguments)

    assert ran.code == 1
    assert (
        "registry.example/engine: vllm 0.29.0: CRITICAL vulnerability; wanted none that the "
        "policy refuses, found CVE-2026-105754 - upgrade to 0.30.0, or add an exception"
    ) in ran.err
    verdict = json.loads(output.read_text())
    assert verdict["outcome"] == "fail"
    assert [one["found"] for one in verdict["refused"]] == ["aws-access-key-id", "CVE-2026-105754"]


def test_a_hold_is_no_success(tmp_path: Path, cli: Cli) -> None:
    """Nothing is refused, and nothing is proven."""
    data = json.loads((FOLDER / "report.json").read_text())
    data["Results"] = [data["Results"][0] | {"Vulnerabilities": []}]
    report, database = tmp_path / "scan.json", tmp_path / "database.json"
    report.write_text(json.dumps(data))
    database.write_text('{"Version": "0.59.1"}')

    ran = cli("scan", report, "--database", database, "--root", ROOT)

    assert ran.code == 2
    assert "vulnerability database: age is not known; wanted at most 48 hours" in ran.err


def test_an_image_without_faults_passes(tmp_path: Path, cli: Cli) -> None:
    """With a database of today."""
    data = json.loads((FOLDER / "report.json").read_text())
    data["Results"] = [data["Results"][0] | {"Vulnerabilities": []}]
    report, database = tmp_path / "scan.json", tmp_path / "database.json"
    report.write_text(json.dumps(data))
    now = dt.datetime.now(dt.UTC).isoformat()
    database.write_text(json.dumps({"VulnerabilityDB": {"UpdatedAt": now}}))

    ran = cli("scan", report, "--database", database, "--root", ROOT)

    assert (ran.code, ran.err) == (0, "")
