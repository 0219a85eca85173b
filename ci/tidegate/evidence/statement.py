"""In-toto statements (version 1) about a release, signed and stored beside it as OCI referrers.

A statement names both digests of the release as its subjects, so evidence of one release proves
nothing about another. It is signed, and found from the engine as well as from the model, in the
form of cosign 3. A verdict is judged again from its numbers whenever it is read.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tidegate.catalog.policy import EvidenceKind
from tidegate.evidence.kinds import (
    KIND_OF,
    MODEL_TYPE,
    PREDICATE_TYPES,
    Predicate,
    made_at,
    read_verdict,
    require_pass,
    utc_text,
)
from tidegate.evidence.signing import EvidenceSigner
from tidegate.evidence.trust import BUNDLE, Signers, verify_bundle
from tidegate.findings import FindingsError, refuse
from tidegate.gates.verdict import Verdict
from tidegate.manifests.release import Release
from tidegate.oci import EMPTY, MANIFEST, Layout, Reference, canonical_json

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
# Read by `cosign tree` and by registries that list referrers.
CONTENT_KEY = "dev.sigstore.bundle.content"
PREDICATE_TYPE_KEY = "dev.sigstore.bundle.predicateType"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A verdict bound to a release; `digest` names the stored statement."""

    digest: str
    release: Release
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Attestation:
    """One signed statement about a release; `signers` are those who are believed."""

    digest: str
    kind: EvidenceKind
    predicate: Predicate
    made: datetime
    signers: frozenset[str]

    def as_dict(self) -> dict[str, Any]:
        """The attestation as JSON-ready data."""
        return {
            "digest": self.digest,
            "kind": self.kind.value,
            "made": utc_text(self.made),
            "signers": sorted(self.signers),
            "predicate": self.predicate,
        }


def statement(
    release: Release, predicate: Verdict | Predicate, kind: EvidenceKind = EvidenceKind.VERDICT
) -> dict[str, Any]:
    """The in-toto statement that binds a verdict, or another predicate, to a release."""
    if isinstance(predicate, Verdict):
        predicate = predicate.model_dump(mode="json", by_alias=True)
    return {
        "_type": STATEMENT_TYPE,
        "subject": _subjects(release),
        "predicateType": PREDICATE_TYPES[kind],
        "predicate": predicate,
    }


def store(layout: Layout, release: Release, verdict: Verdict, signer: EvidenceSigner) -> Evidence:
    """Sign a verdict and put it beside the release; returns the evidence."""
    digest = attach(layout, release, EvidenceKind.VERDICT, verdict, signer)
    return Evidence(digest, release, verdict)


def attach(
    layout: Layout,
    release: Release,
    kind: EvidenceKind,
    predicate: Verdict | Predicate,
    signer: EvidenceSigner,
) -> str:
    """Sign a predicate about a release and put it beside both artifacts.

    Returns:
        The digest of the manifest that refers to the model, which names the evidence.

    Raises:
        FindingsError: the predicate does not say when it was made.
        CouldNotCheckError: the store does not hold both artifacts, or nothing can be signed.
    """
    said = statement(release, predicate, kind)
    made = made_at(kind, said["predicate"])
    if made is None:
        raise refuse(
            kind.value,
            "predicate",
            "does not say when it was made",
            wanted="a time with its zone",
            found="none",
            next_step="make it with a tool that writes the time",
        )
    subjects = [_subject(layout, reference) for reference in (release.engine, release.model)]
    content = layout.add_blob(signer.bundle(canonical_json(said)), BUNDLE)
    title = f"{content['digest'].replace(':', '-')}.sigstore.json"
    layer = content | {"annotations": {"org.opencontainers.image.title": title}}
    *_, digest = [
        layout.add_manifest(
            artifact_type=BUNDLE,
            config=layout.add_blob(b"{}", EMPTY),
            layers=[layer],
            annotations={
                CONTENT_KEY: "dsse-envelope",
                PREDICATE_TYPE_KEY: said["predicateType"],
                "org.opencontainers.image.created": utc_text(made),
            },
            subject=subject,
        )["digest"]
        for subject in subjects
    ]
    return str(digest)


def _subject(layout: Layout, reference: Reference) -> dict[str, Any]:
    size = len(layout.read(reference.digest))
    return {"mediaType": MANIFEST, "digest": reference.digest, "size": size}


def open_attestation(
    layout: Layout, digest: str, release: Release, signers: Signers
) -> Attestation:
    """A stored statement, if it is about this release and signed by somebody who is believed.

    Raises:
        CouldNotCheckError: the store does not hold it whole.
        FindingsError: it is not signed, by another, about another release, or of another kind.
    """
    payload, names = verify_bundle(_read_bundle(layout, digest), signers, file=digest)
    data = _as_object(payload)
    kind = KIND_OF.get(str(data.get("predicateType")))
    if data.get("_type") != STATEMENT_TYPE or kind is None:
        raise refuse(
            digest,
            "statement",
            "of an unknown type",
            wanted=f"{STATEMENT_TYPE} of a kind of evidence",
            found=str(data.get("predicateType", "no statement")),
            next_step="name the digest that `tidegate evidence show` lists",
        )
    _require_subjects(digest, data.get("subject"), release)
    predicate = data.get("predicate")
    predicate = predicate if isinstance(predicate, dict) else {}
    # What has no time of its own is as old as can be.
    made = made_at(kind, predicate) or datetime.min.replace(tzinfo=UTC)
    return Attestation(digest, kind, predicate, made, names)


def _require_subjects(digest: str, subjects: object, release: Release) -> None:
    wanted = [subject["digest"] for subject in _subjects(release)]
    found = [
        subject.get("digest") if isinstance(subject, dict) else subject
        for subject in (subjects if isinstance(subjects, list) else [])
    ]
    if found != wanted:
        raise refuse(
            digest,
            "subject",
            "evidence of another release",
            wanted=str(release),
            found=" ".join(str(d) for d in found) or "none",
            next_step="run the gates on this release",
        )


def verify(layout: Layout, digest: str, release: Release, signers: Signers) -> Evidence:
    """The stored verdict, if it proves this release.

    Raises:
        CouldNotCheckError: the store does not hold it whole.
        FindingsError: it is no verdict, is about another release, is signed by nobody who is
            believed, or does not pass.
    """
    found = open_attestation(layout, digest, release, signers)
    if found.kind is not EvidenceKind.VERDICT:
        raise refuse(
            digest,
            "statement",
            "not a gate verdict",
            wanted=PREDICATE_TYPES[EvidenceKind.VERDICT],
            found=PREDICATE_TYPES[found.kind],
            next_step="name the digest that the gates printed",
        )
    verdict = read_verdict(found.predicate, file=digest)
    require_pass(verdict, file=digest)
    return Evidence(digest, release, verdict)


def _subjects(release: Release) -> list[dict[str, Any]]:
    return [
        {
            "name": f"{reference.name}:{reference.tag}",
            "digest": {"sha256": reference.digest.removeprefix("sha256:")},
        }
        for reference in (release.engine, release.model)
    ]


def _as_object(payload: bytes) -> dict[str, Any]:
    try:
        data = json.loads(payload)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _read_bundle(layout: Layout, digest: str) -> bytes:
    kind = "no manifest"
    try:
        manifest = layout.manifest(digest)
        kind = manifest.get("artifactType", kind)
        if kind == BUNDLE:
            (layer,) = manifest["layers"]
            return layout.read(layer["digest"])
    except (AttributeError, KeyError, TypeError, ValueError):
        pass  # another shape
    raise refuse(
        digest,
        "manifest",
        "not signed evidence",
        wanted=BUNDLE,
        found=str(kind),
        next_step="name the digest that `tidegate evidence show` lists",
    )


def stored(layout: Layout, release: Release) -> list[str]:
    """Digests of the signed statements about a release, in the order of storing.

    A signature over the model's files lies there too; it is about no engine.
    """
    found = layout.referrers(release.model.digest, BUNDLE)
    return [digest for digest in found if predicate_type(layout, digest) != MODEL_TYPE]


def predicate_type(layout: Layout, digest: str) -> str | None:
    """What a stored bundle says it holds; not signed, so good for finding it and no more."""
    annotations = layout.manifest(digest).get("annotations") or {}
    return annotations.get(PREDICATE_TYPE_KEY)


def attestations(
    layout: Layout, release: Release, signers: Signers
) -> tuple[list[Attestation], list[FindingsError]]:
    """What is believed about a release, oldest first, and why the rest is not."""
    believed: list[Attestation] = []
    others: list[FindingsError] = []
    for digest in stored(layout, release):
        try:
            believed.append(open_attestation(layout, digest, release, signers))
        except FindingsError as error:
            others.append(error)
    return sorted(believed, key=lambda one: one.made), others
