"""Signatures by a certificate: one of the public Sigstore, and our own before the real cosign."""

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.x509 import RFC822Name, SubjectAlternativeName, load_der_x509_certificate
from sigstore.models import ClientTrustConfig
from tests.conftest import ROOT
from tests.e2e.conftest import impossible
from tests.e2e.test_cosign import Cosign, Ran, cosign, payloads, there
from tests.unit.evidence.authority import IDENTITY, ISSUER, Authority
from tests.unit.evidence.conftest import layout, release
from tests.unit.evidence.samples import PASSING
from tests.unit.evidence.test_evidence_keyless import Somebody

from tidegate.catalog.policy import SignerIdentity
from tidegate.evidence import trust
from tidegate.evidence.kinds import VERDICT_TYPE
from tidegate.evidence.referrers import push
from tidegate.evidence.statement import statement, store
from tidegate.evidence.trust import verify_bundle
from tidegate.findings import FindingsError
from tidegate.manifests.release import Release
from tidegate.oci import Layout, Reference, canonical_json

__all__ = ["cosign", "layout", "release", "there"]

COSIGN = "github.com/sigstore/cosign/v3"
GITHUB = "https://github.com/login/oauth"


@pytest.fixture(scope="module")
def public() -> dict[str, Any]:
    """What somebody attested by the public Sigstore, as the source of cosign has it."""
    command = [str(ROOT / ".venv/bin/go"), "mod", "download", "-json", COSIGN]
    folder = ROOT / "tools" / "cosign"
    done = subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        impossible("cosign's source", "allow the Go module proxy, or its mirror")
    file = Path(json.loads(done.stdout)["Dir"], "pkg/cosign/testdata/oci-attestation.sigstore.json")
    found: dict[str, Any] = json.loads(file.read_text())
    return found


@pytest.fixture
def somebody(public: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> str:
    """Who made it, by the public root of trust that sigstore's package brings."""
    config = ClientTrustConfig.production(offline=True)
    monkeypatch.setattr(trust, "trust_config", lambda: config)
    raw = base64.b64decode(public["verificationMaterial"]["certificate"]["rawBytes"])
    names = load_der_x509_certificate(raw).extensions.get_extension_for_class(
        SubjectAlternativeName
    )
    (found,) = names.value.get_values_for_type(RFC822Name)
    return str(found)


def believed(bundle: dict[str, Any], identity: str, issuer: str = GITHUB) -> frozenset[str]:
    """Whom of a role with one identity the bundle was signed by."""
    signers = (SignerIdentity(name="ci", identity=identity, issuer=issuer),)
    return verify_bundle(json.dumps(bundle).encode(), signers, file="x")[1]


def test_a_bundle_of_the_public_sigstore_is_believed(public: dict[str, Any], somebody: str) -> None:
    """By logs and a root of trust that are not ours, for its identity and issuer alone."""
    assert believed(public, somebody) == {"ci"}
    with pytest.raises(FindingsError, match="SANs do not match"):
        believed(public, f"x{somebody}")
    with pytest.raises(FindingsError, match="OIDCIssuer does not match"):
        believed(public, somebody, "https://accounts.google.com")


def test_a_bundle_of_the_public_sigstore_cannot_be_changed(
    public: dict[str, Any], somebody: str
) -> None:
    """Neither what it says nor when the log knew of it."""
    payload = base64.b64decode(public["dsseEnvelope"]["payload"])
    changed = base64.b64encode(payload.replace(b"bar", b"baz")).decode()
    material = public["verificationMaterial"]
    (entry,) = material["tlogEntries"]
    later = entry | {"integratedTime": str(int(entry["integratedTime"]) + 1)}

    with pytest.raises(FindingsError, match="DSSE: invalid signature"):
        believed(public | {"dsseEnvelope": public["dsseEnvelope"] | {"payload": changed}}, somebody)
    with pytest.raises(FindingsError, match="invalid inclusion promise"):
        believed(public | {"verificationMaterial": material | {"tlogEntries": [later]}}, somebody)


@pytest.fixture
def authority(cosign: Cosign) -> Authority:
    """A Sigstore of our own, whose root of trust cosign is told in root.json."""
    found = Authority()
    (cosign.home / "root.json").write_text(json.dumps(found.trusted_root()))
    return found


def checked(cosign: Cosign, of: Reference, identity: str = IDENTITY, issuer: str = ISSUER) -> Ran:
    """What `cosign verify-attestation` says by an identity, logs included."""
    return cosign.run(
        *("verify-attestation", "--type", VERDICT_TYPE, "--trusted-root", "root.json"),
        *("--certificate-identity", identity, "--certificate-oidc-issuer", issuer),
        *("--allow-http-registry", f"{of.name}@{of.digest}"),
    )


def test_cosign_takes_our_own_sigstore_for_one(
    layout: Layout, there: Release, cosign: Cosign, authority: Authority
) -> None:
    """So the one that tests rest on is made as the real one, and keyless evidence is found."""
    store(layout, there, PASSING, Somebody(authority))
    push(layout, there)

    good = checked(cosign, there.engine)
    by_other = checked(cosign, there.engine, identity=f"{IDENTITY}x")
    of_other = checked(cosign, there.engine, issuer="https://other.invalid")

    assert payloads(good) == [canonical_json(statement(there, PASSING))]
    assert (by_other.returncode, by_other.stdout) == (1, "")
    assert "expected SAN value" in by_other.stderr
    assert (of_other.returncode, of_other.stdout) == (1, "")
    assert "expected issuer value" in of_other.stderr
