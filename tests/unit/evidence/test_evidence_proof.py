"""Evidence is believed or refused: missing, old, forged, of another, or played again."""

import base64
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.unit.evidence.proving import APPROVAL, SBOM, SCAN, YES, proven, refused, search
from tests.unit.evidence.samples import (
    OTHER_SIGNER,
    SIGNER,
    STARTED,
    a_release,
    measured,
    put,
    verdict,
)

from tidegate.catalog.policy import EvidenceKind
from tidegate.evidence.proof import Proof, prove
from tidegate.evidence.statement import attach, statement, store
from tidegate.manifests.release import Release
from tidegate.oci import Layout, canonical_json


def test_a_verdict_alone_satisfies_a_policy_that_asks_for_no_more(
    layout: Layout, release: Release
) -> None:
    """The proof names it, and the release is as old as its verdict."""
    digest = proven(layout, release)

    proof: Proof = prove(search(layout, release))

    assert proof.evidence.digest == digest
    assert proof.trailer() == f"verdict={digest}"
    assert proof.built() == datetime.fromisoformat(STARTED)


def test_missing_evidence_is_refused(layout: Layout, release: Release) -> None:
    """Absence is never a pass; every kind that is missing is told."""
    findings = refused(search(layout, release, SCAN, APPROVAL))

    assert [finding.object for finding in findings] == ["verdict", "scan", "approval"]
    assert {finding.what for finding in findings} == {"evidence is missing"}


@pytest.mark.parametrize(
    ("hours", "what"),
    [
        (24, None),
        (24.01, "evidence has expired"),
        (-0.08, None),
        (-0.1, "evidence is from the fut"),
    ],
)
def test_evidence_has_an_age(
    layout: Layout, release: Release, hours: float, what: str | None
) -> None:
    """The limit itself is young enough, and a clock may differ by five minutes."""
    proven(layout, release)
    looked = search(layout, release, now=datetime.fromisoformat(STARTED) + timedelta(hours=hours))

    if what is None:
        assert prove(looked).attestations
    else:
        assert refused(looked)[0].what.startswith(what)


def test_the_wrong_key_is_refused(layout: Layout, release: Release) -> None:
    """A signature by somebody who is in no role counts for nothing."""
    digest = store(layout, release, verdict(measured()), OTHER_SIGNER).digest

    (by_default,) = refused(search(layout, release))
    (named,) = refused(search(layout, release), digest)

    assert by_default.found.endswith("others signed by nobody who is believed")
    assert named.what == "signed by nobody who is believed"


def test_the_wrong_identity_is_refused(layout: Layout, release: Release) -> None:
    """The pipeline's key cannot approve, nor the approver's key say what the gates measured."""
    proven(layout, release)
    attach(layout, release, EvidenceKind.APPROVAL, YES, SIGNER)
    looked = search(layout, release, APPROVAL)

    (finding,) = refused(looked)
    attach(layout, release, EvidenceKind.APPROVAL, YES, OTHER_SIGNER)

    assert finding.object == "approval"
    assert prove(looked).attestations[-1].signers == {"other"}


def test_an_empty_role_believes_nobody(layout: Layout, release: Release) -> None:
    """A fresh fork, and a role that is not there, promote nothing."""
    digest = proven(layout, release)

    for roles in ({"pipeline": ()}, {}):
        (finding,) = refused(search(layout, release, roles=roles), digest)
        assert finding.wanted == "nobody: the role is empty"


def test_the_wrong_predicate_is_refused(layout: Layout, release: Release) -> None:
    """A signed bill of materials is no verdict, even where somebody names it as one."""
    digest = attach(layout, release, EvidenceKind.SBOM, SBOM, SIGNER)

    (finding,) = refused(search(layout, release), digest)

    assert (finding.what, finding.found) == ("not a gate verdict", "sbom")


def test_evidence_of_another_digest_is_refused(layout: Layout, release: Release) -> None:
    """The same model on another engine is another release."""
    other = Release(a_release(layout, engine="engine-2").engine, release.model)
    digest = proven(layout, other)

    (found,) = refused(search(layout, release))
    (named,) = refused(search(layout, release), digest)

    assert found.found.endswith("others evidence of another release")
    assert named.what == "evidence of another release"


def test_older_evidence_is_not_played_again(layout: Layout, release: Release) -> None:
    """A newer failing verdict counts, whether the older one is named or only still there."""
    older = proven(layout, release)
    later = verdict(measured(0.1), started="2026-11-24T06:30:00Z")
    newer = store(layout, release, later, SIGNER).digest

    (named,) = refused(search(layout, release), older)
    (unnamed,) = refused(search(layout, release))

    assert named.what == "newer evidence exists"
    assert (unnamed.file, unnamed.what) == (newer, "gate says fail")


def test_a_forger_cannot_supersede_what_is_believed(layout: Layout, release: Release) -> None:
    """Evidence that nobody signed has no say, not even to block."""
    digest = proven(layout, release)
    later = verdict(measured(0.1), started="2026-11-24T06:30:00Z")
    store(layout, release, later, OTHER_SIGNER)

    assert prove(search(layout, release)).evidence.digest == digest


def test_a_tampered_payload_is_refused(layout: Layout, release: Release) -> None:
    """The signature is over every byte; one digit makes it nobody's."""
    said = statement(release, verdict(measured(0.1)))
    bundle = json.loads(SIGNER.bundle(canonical_json(said)))
    said["predicate"]["measurements"][0]["value"] = 0.95
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(canonical_json(said)).decode()
    digest = put(layout, canonical_json(bundle), subject=release.model.digest)

    (finding,) = refused(search(layout, release), digest)

    assert finding.what == "signed by nobody who is believed"


@pytest.mark.parametrize(
    "damage",
    [
        lambda b: b | {"mediaType": "application/vnd.dev.sigstore.bundle.v0.4+json"},
        lambda b: b | {"dsseEnvelope": b["dsseEnvelope"] | {"payloadType": "text/plain"}},
        lambda b: b | {"dsseEnvelope": b["dsseEnvelope"] | {"signatures": []}},
        lambda b: b | {"dsseEnvelope": b["dsseEnvelope"] | {"payload": "%%%"}},
        lambda b: {key: value for key, value in b.items() if key != "verificationMaterial"},
        lambda b: [b],
        lambda _: {"payload": "unsigned"},
    ],
)
def test_a_bundle_of_another_form_is_refused(layout: Layout, release: Release, damage: Any) -> None:  # noqa: ANN401 - a lambda
    """Each part of it is needed; a newer form may mean something else."""
    said = canonical_json(statement(release, verdict(measured())))
    bundle = damage(json.loads(SIGNER.bundle(said)))
    digest = put(layout, canonical_json(bundle), subject=release.model.digest)

    assert refused(search(layout, release), digest)[0].what == "not signed"


def test_a_certificate_that_nobody_vouches_for_is_refused(layout: Layout, release: Release) -> None:
    """Where the role holds keys alone, a keyless signature counts for nothing."""
    said = canonical_json(statement(release, verdict(measured())))
    bundle = json.loads(SIGNER.bundle(said))
    bundle["verificationMaterial"] = {"certificate": {"rawBytes": "AAAA"}}
    digest = put(layout, canonical_json(bundle), subject=release.model.digest)

    found = refused(search(layout, release), digest)[0].found
    assert found == "a certificate, where keys alone are believed"
