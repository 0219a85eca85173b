"""Policies and the evidence of one release, for tests of what satisfies what."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.unit.evidence.samples import (
    IDENTITY,
    OTHER_IDENTITY,
    SIGNER,
    STARTED,
    measured,
    verdict,
)

from tidegate.catalog.policy import Policy
from tidegate.evidence.proof import Search, prove
from tidegate.evidence.statement import store
from tidegate.findings import Finding, FindingsError
from tidegate.gates.verdict import Verdict
from tidegate.manifests.release import Release
from tidegate.oci import Layout

NOW = datetime.fromisoformat(STARTED) + timedelta(hours=1)
VERDICT: dict[str, Any] = {"kind": "verdict", "signers": "pipeline", "maxAgeHours": 24}
SCAN = {"kind": "scan", "signers": "pipeline", "maxAgeHours": 24, "atMost": {"critical": 0}}
APPROVAL = {"kind": "approval", "signers": "approver"}
SBOM: dict[str, Any] = {
    "bomFormat": "CycloneDX",
    "metadata": {"timestamp": STARTED},
    "components": [{"name": "vllm", "version": "0.32.0"}],
}
PROVENANCE: dict[str, Any] = {
    "buildDefinition": {"buildType": "https://example.invalid/build"},
    "runDetails": {"builder": {"id": "ci"}, "metadata": {"finishedOn": STARTED}},
}
YES = {"environment": "production", "reason": "looked at it", "approved": STARTED}


def policy(*wanted: dict[str, Any]) -> Policy:
    """Production's policy with this evidence, and a verdict where none is asked for."""
    evidence = [VERDICT, *(one for one in wanted if one["kind"] != "verdict")]
    for one in wanted:
        if one["kind"] == "verdict":
            evidence[0] = one
    text = json.dumps(
        {
            "apiVersion": "tidegate.dev/v1alpha1",
            "kind": "PromotionPolicy",
            "metadata": {"name": "production"},
            "spec": {"evidence": evidence},
        }
    )
    return Policy.model_validate_json(text)


def search(layout: Layout, release: Release, *wanted: dict[str, Any], **changes: Any) -> Search:  # noqa: ANN401 - fields of a dataclass
    """The release before the policy, one hour after its verdict."""
    roles = {"pipeline": (IDENTITY,), "approver": (OTHER_IDENTITY,)}
    given: dict[str, Any] = {"policy": policy(*wanted), "roles": roles, "now": NOW} | changes
    return Search(layout=layout, release=release, **given)


def refused(looked: Search, named: str | None = None) -> list[Finding]:
    """The findings that keep the release out."""
    with pytest.raises(FindingsError) as error:
        prove(looked, named)
    return list(error.value.findings)


def scan(*severities: str, finished: str = STARTED) -> dict[str, Any]:
    """A scan that found vulnerabilities of these severities."""
    return {
        "scanner": {"result": [{"severity": [{"score": severity}]} for severity in severities]},
        "metadata": {"scanFinishedOn": finished},
    }


def proven(layout: Layout, release: Release, made: Verdict | None = None) -> str:
    """A signed verdict that passes; returns its digest."""
    return store(layout, release, made or verdict(measured()), SIGNER).digest
