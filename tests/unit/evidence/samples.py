"""A store with artifacts, verdicts about them, and statements as a forger would write them."""

from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from securesystemslib.signer import CryptoSigner

from tidegate.catalog.policy import SignerIdentity
from tidegate.evidence.signing import KeySigner
from tidegate.evidence.trust import BUNDLE
from tidegate.gates.verdict import Measurement, Verdict
from tidegate.manifests.release import Release
from tidegate.oci import EMPTY, MANIFEST, Layout, Reference, canonical_json

STARTED = "2026-11-24T06:00:00Z"
ABSENT = f"sha256:{'0' * 64}"


def artifact(layout: Layout, name: str) -> Reference:
    """An artifact in the store, as small as one can be."""
    descriptor = layout.add_manifest(
        artifact_type="application/vnd.example.artifact",
        config=layout.add_blob(b"{}", EMPTY),
        layers=[layout.add_blob(name.encode(), "text/plain")],
        annotations={},
    )
    return Reference(f"registry.example/{name}", "v1", descriptor["digest"])


def a_release(layout: Layout, engine: str = "engine", model: str = "model") -> Release:
    """A release of two artifacts in the store."""
    return Release(artifact(layout, engine), artifact(layout, model))


def measured(value: float | None = 0.95, *, name: str = "facts", samples: int = 20) -> Measurement:
    """A share that must be at least 0.9 on 20 samples."""
    return Measurement(
        gate="functional",
        name=name,
        value=value,
        unit="share",
        bound="at least",
        threshold=0.9,
        samples=samples,
        min_samples=20,
    )


def verdict(*measurements: Measurement, started: str = STARTED) -> Verdict:
    """A verdict on one model."""
    return Verdict(model="tiny-chat", started=started, measurements=measurements)


PASSING = verdict(measured())


def a_signer(name: str) -> tuple[KeySigner, SignerIdentity]:
    """A new key, and how a fork says that it is believed."""
    key = CryptoSigner.generate_ecdsa()
    return KeySigner(key), SignerIdentity(name=name, public_key=key.public_key.keyval["public"])


def written(path: Path, private: PrivateKeyTypes) -> Path:
    """A private key in a file as `signer_for` reads it."""
    path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(0o600)
    return path


SIGNER, IDENTITY = a_signer("pipeline")
OTHER_SIGNER, OTHER_IDENTITY = a_signer("other")
TRUSTED = (IDENTITY,)


def put(
    layout: Layout,
    content: bytes,
    *,
    artifact_type: str = BUNDLE,
    subject: str | None = None,
    layers: int = 1,
) -> str:
    """Bytes stored as evidence is stored, whatever they say; returns the manifest's digest."""
    layer = layout.add_blob(content, BUNDLE)
    about = {"mediaType": MANIFEST, "digest": subject, "size": 1}
    descriptor = layout.add_manifest(
        artifact_type=artifact_type,
        config=layout.add_blob(b"{}", EMPTY),
        layers=[layer] * layers,
        annotations={},
        subject=about if subject else None,
    )
    return str(descriptor["digest"])


def forged(layout: Layout, statement: dict[str, Any], **changes: object) -> str:
    """A statement with other fields, signed by a believed key, under its own right digest."""
    return put(layout, SIGNER.bundle(canonical_json(statement | changes)))
