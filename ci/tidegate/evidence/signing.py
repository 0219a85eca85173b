"""Who signs evidence: a key file, a key management service, or a person by Sigstore.

All three give a Sigstore bundle (version 0.3) around a DSSE envelope, the form in which cosign 3
stores attestations. Libraries are imported where they are used: `tidegate --help` must not wait
for them.
"""

import base64
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tidegate.evidence.trust import BUNDLE, PAYLOAD, as_key, public_key, trust_config
from tidegate.findings import CouldNotCheckError, cannot_check
from tidegate.oci import canonical_json

if TYPE_CHECKING:
    from securesystemslib.signer import Key, Signer
    from sigstore.models import ClientTrustConfig

FILE, KEYLESS = "file:", "sigstore:"
# Those by which cosign checks what a bare key signed.
SCHEMES = ("ecdsa-sha2-nistp256", "ed25519", "rsa-pkcs1v15-sha256")


class EvidenceSigner(Protocol):
    """Signs an in-toto statement; returns the bytes of a Sigstore bundle."""

    def bundle(self, statement: bytes) -> bytes:
        """The signed statement."""
        ...


@dataclass(frozen=True, slots=True)
class KeySigner:
    """Signs with a key that securesystemslib can use: a file, or a key management service."""

    signer: "Signer"
    uri: str = "signer"

    def bundle(self, statement: bytes) -> bytes:
        """The statement in a bundle that names the key by the hash of its public half."""
        signature = self._signature(statement)
        return canonical_json(
            {
                "mediaType": BUNDLE,
                "verificationMaterial": {"publicKey": {"hint": _hint(self.signer.public_key)}},
                "dsseEnvelope": {
                    "payload": base64.b64encode(statement).decode(),
                    "payloadType": PAYLOAD,
                    "signatures": [{"sig": base64.b64encode(signature).decode()}],
                },
            }
        )

    def _signature(self, statement: bytes) -> bytes:
        """A signature that the public half confirms: a service may hold another key."""
        from securesystemslib.dsse import Envelope  # noqa: PLC0415 - slow, see the module

        envelope = Envelope(statement, PAYLOAD, {})
        try:
            signature = envelope.sign(self.signer)
            self.signer.public_key.verify_signature(signature, envelope.pae())
        except Exception as error:  # noqa: BLE001 - each service raises its own
            raise _unusable(self.uri, error) from None
        return bytes.fromhex(signature.signature)


@dataclass(frozen=True, slots=True)
class KeylessSigner:
    """Signs as whom the surrounding CI, or a person in a browser, is known to be."""

    trust: "ClientTrustConfig"

    def bundle(self, statement: bytes) -> bytes:
        """The statement in a bundle with a short-lived certificate and its log entry."""
        from sigstore.dsse import Statement  # noqa: PLC0415 - slow, see the module
        from sigstore.oidc import IdentityToken, Issuer, detect_credential  # noqa: PLC0415 - slow
        from sigstore.sign import SigningContext  # noqa: PLC0415 - slow

        try:
            ambient, services = detect_credential(), self.trust.signing_config
            # Only a person needs the issuer, which is asked as soon as it is named.
            token = (
                IdentityToken(ambient)
                if ambient
                else Issuer(services.get_oidc_url()).identity_token()
            )
            with SigningContext.from_trust_config(self.trust).signer(token) as signer:
                return signer.sign_dsse(Statement(statement)).to_json().encode()
        except Exception as error:  # noqa: BLE001 - it raises what its parsers and clients raise
            raise _unusable(KEYLESS, error) from None


def _hint(key: "Key") -> str:
    """How Sigstore bundles name a bare key: base64 of the SHA-256 of its DER form."""
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - slow, see the module
        Encoding,
        PublicFormat,
        load_pem_public_key,
    )

    public = load_pem_public_key(public_pem_of(key).encode())
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(der).digest()).decode()


def public_pem_of(key: "Key") -> str:
    """A public key as PEM; securesystemslib keeps that of Ed25519 as bare bytes in hex."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 - slow
        Ed25519PublicKey,
    )
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - slow, see the module
        Encoding,
        PublicFormat,
    )

    value = str(key.keyval["public"])
    if key.scheme != "ed25519":
        return value
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(value))
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def signer_for(uri: str, public_pem: Path | None = None) -> EvidenceSigner:
    """The signer that a URI names.

    Args:
        uri: `file:PATH` of a PEM key, `sigstore:` for keyless, or a key URI of securesystemslib
            such as `gcpkms:...`, `awskms:...`, `azurekms://...`, `hv:...`.
        public_pem: PEM file of the public half, which a key management service needs.

    Raises:
        CouldNotCheckError: the key cannot be used; carries no part of it.
    """
    if uri.startswith(KEYLESS):
        return KeylessSigner(trust_config())
    return _key_signer(uri, public_pem)


def _key_signer(uri: str, public_pem: Path | None) -> KeySigner:
    try:
        if uri.startswith(FILE):
            signer = _file_signer(Path(uri.removeprefix(FILE)))
        else:
            signer = _service_signer(uri, public_pem)
        _require_scheme(signer.public_key.scheme)
    except Exception as error:  # noqa: BLE001 - each service raises its own
        raise _unusable(uri, error) from None
    return KeySigner(signer, uri)


def _require_scheme(scheme: str) -> None:
    if scheme not in SCHEMES:
        raise ValueError(f"cosign checks no {scheme}, but {', '.join(SCHEMES)}")


def _unusable(uri: str, error: Exception) -> CouldNotCheckError:
    return cannot_check(
        uri,
        "signer",
        "cannot sign",
        wanted="file:PATH, sigstore: or a key URI",
        found=f"{type(error).__name__}: {' '.join(str(error).split())}",
        next_step="make a key with `tidegate evidence key`, or check your access to the service",
    )


def _file_signer(path: Path) -> "Signer":
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - slow, see the module
        load_pem_private_key,
    )
    from securesystemslib.signer import CryptoSigner  # noqa: PLC0415 - slow, see the module

    if path.stat().st_mode & 0o077:
        raise PermissionError(f"{path} is open to others; wanted mode 0600")
    private = load_pem_private_key(path.read_bytes(), None)
    return CryptoSigner(private, as_key(private.public_key()))


def _service_signer(uri: str, public_pem: Path | None) -> "Signer":
    from securesystemslib.signer import Signer  # noqa: PLC0415 - slow, see the module

    if public_pem is None:
        raise ValueError("a key management service needs --public-key")
    return Signer.from_priv_key_uri(uri, public_key(public_pem.read_text(encoding="utf-8")))


def make_key(path: Path) -> str:
    """Write a new ECDSA P-256 key that only its owner can read; returns the public half as PEM.

    Raises:
        CouldNotCheckError: there is a file already, which may be in use.
    """
    from securesystemslib.signer import CryptoSigner  # noqa: PLC0415 - slow, see the module

    signer = CryptoSigner.generate_ecdsa()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(signer.private_bytes)
    except OSError as error:
        raise _unusable(f"{FILE}{path}", error) from None
    return str(signer.public_key.keyval["public"])


def public_key_of(path: Path) -> str:
    """The public half of a key file, as PEM; raises as `signer_for`."""
    return public_pem_of(_key_signer(f"{FILE}{path}", None).signer.public_key)
