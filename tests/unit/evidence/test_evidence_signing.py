"""Who can sign: key files, key management services, and people by Sigstore."""

import base64
import hashlib
import json
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)
from securesystemslib.signer import (
    SIGNER_FOR_URI_SCHEME,
    CryptoSigner,
    Key,
    SecretsHandler,
    Signature,
    Signer,
)
from tests.unit.evidence.samples import written

from tidegate.catalog.policy import SignerIdentity
from tidegate.evidence.signing import make_key, public_key_of, signer_for
from tidegate.evidence.trust import trust_config, verify_bundle
from tidegate.findings import CouldNotCheckError

STATEMENT = b'{"_type":"https://in-toto.io/Statement/v1"}'


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A key file."""
    path = tmp_path / "keys" / "evidence.pem"
    make_key(path)
    return path


def believed(key: Path) -> tuple[SignerIdentity, ...]:
    """A fork that believes a key."""
    return (SignerIdentity(name="ci", public_key=public_key_of(key)),)


def test_a_key_file_can_be_read_by_its_owner_alone(key: Path) -> None:
    """Mode 0600 in a folder of mode 0700, and a public half that goes into signers.yaml."""
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    assert public_key_of(key).startswith("-----BEGIN PUBLIC KEY-----")


def test_a_key_is_never_overwritten(key: Path) -> None:
    """It may be the one that all evidence is signed with."""
    before = key.read_bytes()

    with pytest.raises(CouldNotCheckError, match="FileExistsError"):
        make_key(key)

    assert key.read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_key_that_others_can_read_is_refused(key: Path, mode: int) -> None:
    """Whoever shares the machine could sign with it."""
    key.chmod(mode)

    with pytest.raises(CouldNotCheckError, match="open to others; wanted mode 0600"):
        signer_for(f"file:{key}")


def test_what_a_key_file_signs_is_believed_and_nothing_else(key: Path) -> None:
    """The statement comes back as it was signed, with the signer's name."""
    bundle = signer_for(f"file:{key}").bundle(STATEMENT)

    assert verify_bundle(bundle, believed(key), file="x") == (STATEMENT, frozenset({"ci"}))


def test_a_signature_is_what_cosign_checks(key: Path) -> None:
    """ECDSA P-256 with SHA-256 over DSSE's encoding, and the hint is the key's hash."""
    bundle = json.loads(signer_for(f"file:{key}").bundle(STATEMENT))
    public = load_pem_public_key(public_key_of(key).encode())
    assert isinstance(public, EllipticCurvePublicKey)
    message = b"DSSEv1 28 application/vnd.in-toto+json %d %b" % (len(STATEMENT), STATEMENT)
    signature = base64.b64decode(bundle["dsseEnvelope"]["signatures"][0]["sig"])

    public.verify(signature, message, ECDSA(SHA256()))

    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    hint = base64.b64encode(hashlib.sha256(der).digest()).decode()
    assert bundle["verificationMaterial"] == {"publicKey": {"hint": hint}}


@pytest.mark.parametrize(
    "private",
    [rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate()],
    ids=["rsa", "ed25519"],
)
def test_other_kinds_of_keys_sign_too(tmp_path: Path, private: PrivateKeyTypes) -> None:
    """As key services have them; RSA by PKCS #1 1.5, which is what cosign checks."""
    key = written(tmp_path / "key.pem", private)

    bundle = signer_for(f"file:{key}").bundle(STATEMENT)

    assert verify_bundle(bundle, believed(key), file="x") == (STATEMENT, frozenset({"ci"}))


def test_a_key_whose_signatures_cosign_refuses_does_not_sign(tmp_path: Path) -> None:
    """A cluster's policy would not believe them; told before anything is signed."""
    key = written(tmp_path / "key.pem", ec.generate_private_key(ec.SECP384R1()))

    with pytest.raises(CouldNotCheckError, match="cosign checks no ecdsa-sha2-nistp384"):
        signer_for(f"file:{key}")


@pytest.fixture
def service_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CryptoSigner:
    """The key inside a service of the scheme `testkms:`, its public half in key.pub."""
    inside = CryptoSigner.generate_ecdsa()

    class Service(Signer):
        def __init__(self, known: Key) -> None:
            self.known = known

        @classmethod
        def from_priv_key_uri(
            cls, priv_key_uri: str, public_key: Key, secrets_handler: SecretsHandler | None = None
        ) -> "Service":
            del priv_key_uri, secrets_handler
            return cls(public_key)

        @property
        def public_key(self) -> Key:
            return self.known

        def sign(self, payload: bytes) -> Signature:
            return Signature(self.known.keyid, inside.sign(payload).signature)

    monkeypatch.setitem(SIGNER_FOR_URI_SCHEME, "testkms", Service)
    (tmp_path / "key.pub").write_text(inside.public_key.keyval["public"])
    return inside


def test_a_key_service_signs_by_its_uri(service_key: CryptoSigner, tmp_path: Path) -> None:
    """Through securesystemslib's interface, with the public half from a file."""
    bundle = signer_for("testkms:projects/p/keys/k", tmp_path / "key.pub").bundle(STATEMENT)

    signers = (SignerIdentity(name="kms", public_key=service_key.public_key.keyval["public"]),)
    assert verify_bundle(bundle, signers, file="x")[1] == {"kms"}


@pytest.mark.usefixtures("service_key")
def test_a_signature_that_the_public_half_does_not_confirm_is_never_stored(
    key: Path, tmp_path: Path
) -> None:
    """The service holds another key than the file says: nobody would believe the evidence."""
    (tmp_path / "other.pub").write_text(public_key_of(key))

    with pytest.raises(CouldNotCheckError, match=r"testkms:k: .* UnverifiedSignatureError"):
        signer_for("testkms:k", tmp_path / "other.pub").bundle(STATEMENT)


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("file:/nowhere/key.pem", "FileNotFoundError"),
        ("gcpkms:projects/p", "needs --public-key"),
        ("unknown:key", "needs --public-key"),
        ("", "needs --public-key"),
    ],
)
def test_a_key_that_cannot_be_used_is_told(uri: str, says: str) -> None:
    """Exit 2, with the way out, and never a part of the key."""
    with pytest.raises(CouldNotCheckError, match=says) as failed:
        signer_for(uri)

    assert "tidegate evidence key" in str(failed.value)


def test_a_file_that_is_no_key_is_told(tmp_path: Path) -> None:
    """The words of the library, not its content."""
    path = tmp_path / "key.pem"
    path.write_text("secret words")
    path.chmod(0o600)

    with pytest.raises(CouldNotCheckError) as failed:
        signer_for(f"file:{path}")

    assert "secret words" not in str(failed.value)


def test_keyless_without_a_root_of_trust_cannot_be_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trust file that is not there, or is none, is exit 2 for signing and for checking."""
    (tmp_path / "trust.json").write_text("{}")

    for file in ("/nowhere/trust.json", str(tmp_path / "trust.json")):
        monkeypatch.setenv("TIDEGATE_SIGSTORE_TRUST", file)
        with pytest.raises(CouldNotCheckError, match="no root of trust"):
            signer_for("sigstore:")


def test_the_public_sigstore_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its root of trust comes from its update service; a network that is not there is exit 2."""
    from sigstore.models import ClientTrustConfig  # noqa: PLC0415 - slow to import

    def unreachable() -> ClientTrustConfig:
        raise OSError("no network")

    monkeypatch.delenv("TIDEGATE_SIGSTORE_TRUST", raising=False)
    monkeypatch.setattr(ClientTrustConfig, "production", unreachable)

    with pytest.raises(CouldNotCheckError, match="found no network"):
        trust_config()
