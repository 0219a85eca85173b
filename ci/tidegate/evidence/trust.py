"""Whose signatures are believed: checks a Sigstore bundle against keys and identities.

Fail-closed: what is no bundle, names no signer, or cannot be checked is never believed. The hint
and any key identifier in a bundle are not signed and have no say.
"""

import base64
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from tidegate.catalog.policy import SignerIdentity
from tidegate.findings import CouldNotCheckError, cannot_check, refuse

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
    from securesystemslib.signer import SSlibKey
    from sigstore.models import ClientTrustConfig

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD = "application/vnd.in-toto+json"
Signers = tuple[SignerIdentity, ...]


def trust_config() -> "ClientTrustConfig":
    """Whom keyless signatures rest on: $TIDEGATE_SIGSTORE_TRUST, or the public Sigstore.

    Raises:
        CouldNotCheckError: it cannot be read or fetched.
    """
    from sigstore.models import ClientTrustConfig  # noqa: PLC0415 - slow, see the module

    file = trust_file()
    try:
        if file:
            return ClientTrustConfig.from_json(file.read_text(encoding="utf-8"))
        return ClientTrustConfig.production()
    except Exception as error:  # noqa: BLE001 - it raises what its parsers and clients raise
        raise no_trust(error) from None


def trust_file() -> Path | None:
    """The trust configuration that a fork names; None for the public Sigstore's."""
    file = os.environ.get("TIDEGATE_SIGSTORE_TRUST")
    return Path(file) if file else None


def no_trust(error: Exception) -> CouldNotCheckError:
    """Nothing keyless can be checked."""
    return cannot_check(
        trust_file() or "sigstore",
        "trust",
        "no root of trust",
        wanted="a client trust configuration",
        found=" ".join(str(error).split()) or type(error).__name__,
        next_step="name one in TIDEGATE_SIGSTORE_TRUST, or allow its update",
    )


def public_key(pem: str) -> "SSlibKey":
    """A public key as PEM writes it; raises ValueError."""
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - slow, see the module
        load_pem_public_key,
    )

    return as_key(load_pem_public_key(pem.encode()))


def as_key(public: "PublicKeyTypes") -> "SSlibKey":
    """A public key with the scheme that cosign checks its signatures by."""
    from cryptography.hazmat.primitives.asymmetric.rsa import (  # noqa: PLC0415 - slow
        RSAPublicKey,
    )
    from securesystemslib.signer import SSlibKey  # noqa: PLC0415 - slow, see the module

    # The library's own choice for RSA is PSS, which cosign does not take.
    scheme = "rsa-pkcs1v15-sha256" if isinstance(public, RSAPublicKey) else None
    return SSlibKey.from_crypto(public, scheme=scheme)


def verify_bundle(data: bytes, signers: Signers, *, file: str) -> tuple[bytes, frozenset[str]]:
    """The statement in a bundle, and the names of all signers whose signature it bears.

    Raises:
        FindingsError: it is no bundle, or nobody who is believed signed it.
        CouldNotCheckError: a keyless signature cannot be checked for want of a root of trust.
    """
    try:
        bundle = json.loads(data)
        envelope = bundle["dsseEnvelope"]
        (signature,) = envelope["signatures"]
        payload = base64.b64decode(envelope["payload"], validate=True)
        sig = base64.b64decode(signature["sig"], validate=True)
        material = bundle["verificationMaterial"]
        whole = bundle["mediaType"] == BUNDLE and envelope["payloadType"] == PAYLOAD
        keyless = "certificate" in material
    except (AttributeError, KeyError, TypeError, ValueError):
        whole, keyless, payload, sig = False, False, b"", b""
    if not whole:
        raise refuse(
            file,
            "bundle",
            "not signed",
            wanted=BUNDLE,
            found="another form",
            next_step="sign the statement with `tidegate evidence`",
        )
    found = "another key or another payload"
    if keyless:
        believed, found = _keyless(data, payload, signers)
    else:
        believed = _by_key(payload, sig, signers)
    if not believed:
        names = ", ".join(signer.name for signer in signers) or "nobody: the role is empty"
        raise refuse(
            file,
            "signature",
            "signed by nobody who is believed",
            wanted=names,
            found=found,
            next_step="sign with a key of overlays/signers.yaml, or add its public half there",
        )
    return payload, frozenset(believed)


def _by_key(payload: bytes, sig: bytes, signers: Signers) -> set[str]:
    from securesystemslib.dsse import Envelope  # noqa: PLC0415 - slow, see the module
    from securesystemslib.exceptions import UnverifiedSignatureError  # noqa: PLC0415 - slow
    from securesystemslib.signer import Signature  # noqa: PLC0415 - slow

    message = Envelope(payload, PAYLOAD, {}).pae()
    believed = set()
    for signer in signers:
        if signer.public_key is None:
            continue
        key = public_key(signer.public_key)
        try:
            key.verify_signature(Signature(key.keyid, sig.hex()), message)
        except UnverifiedSignatureError:
            continue
        believed.add(signer.name)
    return believed


def _keyless(data: bytes, payload: bytes, signers: Signers) -> tuple[set[str], str]:
    """Who signed by a certificate, and why the others did not."""
    wanted = [signer for signer in signers if signer.identity is not None]
    if not wanted:
        return set(), "a certificate, where keys alone are believed"
    from sigstore.errors import Error  # noqa: PLC0415 - slow, see the module
    from sigstore.models import Bundle  # noqa: PLC0415 - slow
    from sigstore.verify import Verifier  # noqa: PLC0415 - slow
    from sigstore.verify.policy import Identity  # noqa: PLC0415 - slow

    verifier = Verifier(trusted_root=trust_config().trusted_root)
    believed, reasons = set(), []
    for signer in wanted:
        try:
            policy = Identity(identity=signer.identity or "", issuer=signer.issuer)
            _, signed = verifier.verify_dsse(Bundle.from_json(data), policy)
        except (Error, ValueError) as error:
            reasons.append(f"{signer.name}: {' '.join(str(error).split())}")
            continue
        if signed == payload:
            believed.add(signer.name)
    return believed, "; ".join(reasons)
