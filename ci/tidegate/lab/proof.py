"""The lab's evidence beside its gates: what a release is made of, how it was made, who said yes.

Two keys are made on the first run, readable by their owner alone: one for the lab's pipeline, one
for the person at it. Neither is worth anything outside the lab's own fork.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from tidegate.catalog.policy import EvidenceKind
from tidegate.evidence.kinds import Predicate, utc_text
from tidegate.evidence.models import attach_model_signature
from tidegate.evidence.signing import EvidenceSigner, make_key, public_key_of, signer_for
from tidegate.evidence.statement import attach
from tidegate.lab.environment import REQUIREMENTS, engine_contents
from tidegate.lab.paths import Lab
from tidegate.manifests.release import Release
from tidegate.oci import Layout

BUILDER = "https://tidegate.dev/lab"
_PURL = "pkg:pypi/{name}@{version}"


@dataclass(frozen=True, slots=True)
class LabKeys:
    """The lab's two signers, and their public halves by role."""

    pipeline: EvidenceSigner
    approver: EvidenceSigner
    public: dict[str, str]


def lab_keys(lab: Lab) -> LabKeys:
    """The lab's keys, made where they are missing."""
    paths = {"pipeline": lab.signing_key, "approver": lab.approver_key}
    public = {
        role: public_key_of(path) if path.exists() else make_key(path)
        for role, path in paths.items()
    }
    pipeline, approver = (signer_for(f"file:{path}") for path in paths.values())
    return LabKeys(pipeline, approver, public)


def bill_of_materials(contents: dict[str, Any], made: datetime) -> Predicate:
    """CycloneDX 1.6 of a lab engine: every installed distribution with its version and hashes."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "metadata": {
            "timestamp": utc_text(made),
            "component": {"type": "platform", "name": "python", "version": contents["python"]},
        },
        "components": [
            {
                "type": "library",
                "name": one["name"],
                "version": one["version"],
                "purl": _PURL.format(**one),
            }
            for one in contents["distributions"]
        ],
    }


def provenance(lab: Lab, release: Release, made: datetime) -> Predicate:
    """SLSA provenance v1 of a lab release: recipe, pins and builder; level 1, as all of it here."""
    pins = lab.root / REQUIREMENTS
    return {
        "buildDefinition": {
            "buildType": f"{BUILDER}/train-and-pack/v1",
            "externalParameters": {"model": release.model.name, "engine": release.engine.name},
            "resolvedDependencies": [
                {"uri": REQUIREMENTS, "digest": {"sha256": sha256(pins.read_bytes()).hexdigest()}}
            ],
        },
        "runDetails": {
            "builder": {"id": BUILDER},
            "metadata": {"finishedOn": utc_text(made)},
        },
    }


def attach_build_evidence(lab: Lab, release: Release, keys: LabKeys) -> list[str]:
    """Sign and store bill of materials, provenance and the model's files; returns a line each."""
    layout, made = Layout(lab.layout), datetime.now(UTC)
    contents = engine_contents(lab, release.engine.digest)
    told = [
        (EvidenceKind.SBOM, bill_of_materials(contents, made)),
        (EvidenceKind.PROVENANCE, provenance(lab, release, made)),
    ]
    digests = {kind: attach(layout, release, kind, said, keys.pipeline) for kind, said in told}
    digests[EvidenceKind.MODEL] = attach_model_signature(
        layout, release.model.digest, lab.signing_key
    )
    return [f"{kind:10} {digest}" for kind, digest in digests.items()]


def approve(lab: Lab, release: Release, environment: str, reason: str, keys: LabKeys) -> str:
    """Sign a person's yes; returns the digest of the evidence."""
    said = {
        "environment": environment,
        "reason": reason,
        "approved": utc_text(datetime.now(UTC)),
    }
    return attach(Layout(lab.layout), release, EvidenceKind.APPROVAL, said, keys.approver)
