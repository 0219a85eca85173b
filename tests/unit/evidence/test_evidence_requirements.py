"""What each kind of evidence must say to satisfy a policy."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.unit.evidence.proving import (
    APPROVAL,
    PROVENANCE,
    SBOM,
    SCAN,
    VERDICT,
    YES,
    proven,
    refused,
    scan,
    search,
)
from tests.unit.evidence.samples import (
    IDENTITY,
    OTHER_IDENTITY,
    OTHER_SIGNER,
    SIGNER,
    STARTED,
    measured,
    verdict,
)

from tidegate.catalog.policy import EvidenceKind, Requirement, Severity
from tidegate.evidence.kinds import made_at
from tidegate.evidence.proof import prove, show
from tidegate.evidence.signing import KeySigner
from tidegate.evidence.statement import attach
from tidegate.findings import FindingsError
from tidegate.manifests.release import Release
from tidegate.oci import Layout


def test_a_verdict_must_be_about_the_live_endpoint_where_the_policy_says_so(
    layout: Layout, release: Release
) -> None:
    """What passed in a pipeline has not passed on staging."""
    proven(layout, release)
    looked = search(layout, release, VERDICT | {"endpoint": "staging"})

    (finding,) = refused(looked)
    live = verdict(measured()).model_copy(update={"environment": "staging"})
    digest = proven(layout, release, live)

    assert (finding.object, finding.what) == ("verdict on staging", "evidence is missing")
    assert prove(looked).evidence.digest == digest


def test_a_verdict_must_have_measured_what_the_policy_names(
    layout: Layout, release: Release
) -> None:
    """A smoke test that passes is not all gates."""
    proven(layout, release)

    (finding,) = refused(search(layout, release, VERDICT | {"gates": ["functional", "load"]}))

    assert (finding.what, finding.wanted) == ("gates were not run", "load")
    assert prove(search(layout, release, VERDICT | {"gates": ["functional"]})).attestations


@pytest.mark.parametrize(
    ("found", "limits", "what"),
    [
        ((), {"critical": 0}, None),
        (("HIGH", "medium"), {"critical": 0}, None),
        (("critical",), {"critical": 0}, "too many vulnerabilities"),
        (("high", "high"), {"high": 1}, "too many vulnerabilities"),
        (("high",), {"high": 1}, None),
        (("9.8",), {"critical": 0}, "too many vulnerabilities"),
    ],
)
def test_a_scan_is_counted_by_severity(
    *,
    layout: Layout,
    release: Release,
    found: tuple[str, ...],
    limits: dict[str, int],
    what: str | None,
) -> None:
    """Up to the limit is enough; what cannot be rated may be the worst."""
    proven(layout, release)
    attach(layout, release, EvidenceKind.SCAN, scan(*found), SIGNER)
    looked = search(layout, release, SCAN | {"atMost": limits})

    findings = [] if what is None else refused(looked)

    assert [finding.what for finding in findings] == ([what] if what else [])
    assert what or prove(looked).attestations


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("scan", scan(), {"metadata": {"scanFinishedOn": STARTED}}),
        ("sbom", SBOM, SBOM | {"components": []}),
        ("sbom", SBOM, SBOM | {"components": [{"name": "vllm"}]}),
        ("sbom", SBOM, SBOM | {"bomFormat": "SPDX"}),
        ("provenance", PROVENANCE, PROVENANCE | {"buildDefinition": {}}),
        (
            "provenance",
            PROVENANCE,
            {"runDetails": PROVENANCE["runDetails"] | {"builder": {"id": "x"}}},
        ),
    ],
)
def test_evidence_must_say_what_its_kind_says(
    *, layout: Layout, release: Release, kind: str, good: dict[str, Any], bad: dict[str, Any]
) -> None:
    """A signature on an empty or half-made document proves nothing."""
    proven(layout, release)
    wanted: dict[str, Any] = {"kind": kind, "signers": "pipeline"}
    if kind == "provenance":
        wanted["builders"] = ["ci"]
    attach(layout, release, EvidenceKind(kind), good, SIGNER)
    assert prove(search(layout, release, wanted)).attestations[-1].kind == kind

    attach(layout, release, EvidenceKind(kind), bad, SIGNER)

    assert len(refused(search(layout, release, wanted))) == 1


def test_a_release_is_as_old_as_its_build(layout: Layout, release: Release) -> None:
    """Gating it again does not make it newer."""
    proven(layout, release, verdict(measured(), started="2026-11-24T06:59:00Z"))
    attach(layout, release, EvidenceKind.PROVENANCE, PROVENANCE, SIGNER)

    proof = prove(search(layout, release, {"kind": "provenance", "signers": "pipeline"}))

    assert proof.built() == datetime.fromisoformat(STARTED)


def test_two_approvals_are_two_people(layout: Layout, release: Release) -> None:
    """One who says yes twice is one."""
    proven(layout, release)
    wanted = APPROVAL | {"approvals": 2}
    both = {"pipeline": (IDENTITY,), "approver": (OTHER_IDENTITY, IDENTITY)}
    looked = search(layout, release, wanted, roles=both)
    for _ in range(2):
        attach(layout, release, EvidenceKind.APPROVAL, YES, OTHER_SIGNER)
    (finding,) = refused(looked)

    attach(layout, release, EvidenceKind.APPROVAL, YES, SIGNER)

    assert finding.wanted == "2 signed by role approver"
    assert prove(looked).attestations


def test_an_approval_is_for_one_environment(layout: Layout, release: Release) -> None:
    """A yes to staging is no yes to production."""
    proven(layout, release)
    attach(layout, release, EvidenceKind.APPROVAL, YES | {"environment": "staging"}, OTHER_SIGNER)

    assert refused(search(layout, release, APPROVAL))[0].object == "approval"


def test_what_is_shown_is_what_is_judged(layout: Layout, release: Release) -> None:
    """A row for each requirement, with its evidence or the reason why not."""
    digest = proven(layout, release)

    rows = show(search(layout, release, SCAN))

    assert [row["kind"] for row in rows] == ["verdict", "scan"]
    assert rows[0]["evidence"][0]["digest"] == digest
    assert rows[0]["findings"] == []
    assert rows[1]["findings"][0]["what"] == "evidence is missing"


def test_evidence_that_does_not_say_when_it_was_made_is_not_signed(
    layout: Layout, release: Release
) -> None:
    """Without a time it could neither expire nor be superseded; a time needs its zone."""
    for metadata in ({}, {"scanFinishedOn": "today"}, {"scanFinishedOn": "2026-11-24T06:00:00"}):
        with pytest.raises(FindingsError, match="does not say when it was made"):
            attach(layout, release, EvidenceKind.SCAN, {"metadata": metadata}, SIGNER)


def test_times_are_read_in_any_zone() -> None:
    """What is compared is the instant."""
    said = {"approved": "2026-11-24T08:00:00+02:00"}

    assert made_at(EvidenceKind.APPROVAL, said) == datetime(2026, 11, 24, 6, tzinfo=UTC)


def test_every_severity_can_be_limited() -> None:
    """A limit on a kind of evidence that has none is a mistake of the policy."""
    limits = dict.fromkeys(Severity, 0)

    assert Requirement(kind=EvidenceKind.SCAN, signers="ci", at_most=limits).at_most == limits
    with pytest.raises(ValueError, match="verdict evidence has no at_most"):
        Requirement(kind=EvidenceKind.VERDICT, signers="ci", at_most=limits)


def test_a_signer_is_whoever_signs(layout: Layout, release: Release) -> None:
    """The interface is one method: a statement in, a bundle out."""
    assert isinstance(SIGNER, KeySigner)
    assert json.loads(SIGNER.bundle(b"{}"))["dsseEnvelope"]["payload"] == "e30="
    assert proven(layout, release)
