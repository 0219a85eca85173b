"""A Sigstore of our own: a certificate authority, its transparency log and a log of signatures.

Each has a real key and says what the public one's would say, in the same form (RFC 6962, Rekor 1):
`certificate` and `bundle` are what Fulcio and Rekor answer, `trust` what a fork would believe.
"""

import base64
import hashlib
import json
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from tidegate.evidence.trust import BUNDLE, PAYLOAD
from tidegate.oci import canonical_json

IDENTITY, ISSUER = "https://forge.invalid/lab/.ci/gates@main", "https://forge.invalid"
LOG = "log.invalid"
_ISSUER, _ISSUER_V2, _TIMESTAMPS = map(
    ObjectIdentifier,
    ("1.3.6.1.4.1.57264.1.1", "1.3.6.1.4.1.57264.1.8", "1.3.6.1.4.1.11129.2.4.2"),
)
Key = ec.EllipticCurvePrivateKey
Public = ec.EllipticCurvePublicKey


def new_key() -> Key:
    """A key of the kind that all of Sigstore uses."""
    return ec.generate_private_key(ec.SECP256R1())


def text(data: bytes) -> str:
    """Bytes as JSON has them."""
    return base64.b64encode(data).decode()


def signed(key: Key, data: bytes) -> bytes:
    """A signature over data."""
    return key.sign(data, ec.ECDSA(SHA256()))


def der(key: Key) -> bytes:
    """The public half of a key."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def log_id(key: Key) -> bytes:
    """What a log is called by."""
    return hashlib.sha256(der(key)).digest()


def der_string(kind: int, content: bytes) -> bytes:
    """Content in DER, shorter than 256 bytes."""
    long = b"\x81" * (len(content) > 127)
    return bytes([kind]) + long + bytes([len(content)]) + content


@dataclass(frozen=True)
class Authority:
    """Who certifies identities and logs signatures."""

    root_key: Key = field(default_factory=new_key)
    certificates_key: Key = field(default_factory=new_key)
    entries_key: Key = field(default_factory=new_key)
    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    @property
    def root(self) -> x509.Certificate:
        """The certificate that all others come from."""
        usage = x509.KeyUsage(**dict.fromkeys(_USES, False) | {"key_cert_sign": True})
        return (
            self._begun(self.root_key.public_key(), timedelta(days=-1), timedelta(days=1))
            .subject_name(_NAME)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(self.root_key, SHA256())
        )

    def _begun(self, public: Public, start: timedelta, end: timedelta) -> x509.CertificateBuilder:
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.root_key.public_key())
        return (
            x509.CertificateBuilder(issuer_name=_NAME, public_key=public, serial_number=7)
            .not_valid_before(self.now + start)
            .not_valid_after(self.now + end)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(issuer, critical=False)
        )

    def certificate(self, public: Public, identity: str, issuer: str) -> x509.Certificate:
        """For ten minutes the key is somebody's, and the log of certificates knows it."""
        usage = x509.KeyUsage(**dict.fromkeys(_USES, False) | {"digital_signature": True})
        coded = der_string(12, issuer.encode())
        builder = (
            self._begun(public, timedelta(), timedelta(minutes=10))
            .subject_name(x509.Name([]))
            .add_extension(usage, critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False
            )
            .add_extension(
                x509.SubjectAlternativeName([x509.UniformResourceIdentifier(identity)]),
                critical=True,
            )
            .add_extension(x509.UnrecognizedExtension(_ISSUER, issuer.encode()), critical=False)
            .add_extension(x509.UnrecognizedExtension(_ISSUER_V2, coded), critical=False)
        )
        logged = self._logged(builder.sign(self.root_key, SHA256()).tbs_certificate_bytes)
        known = x509.UnrecognizedExtension(_TIMESTAMPS, logged)
        return builder.add_extension(known, critical=False).sign(self.root_key, SHA256())

    def _logged(self, tbs: bytes) -> bytes:
        """The one signed timestamp of a certificate, as the list that its extension holds."""
        moment = int(self.now.timestamp() * 1000)
        entry = log_id(self.root_key) + len(tbs).to_bytes(3) + tbs
        data = struct.pack("!BBQH", 0, 0, moment, 1) + entry + bytes(2)
        signature = signed(self.certificates_key, data)
        head = b"\0" + log_id(self.certificates_key)
        head += struct.pack("!QHBBH", moment, 0, 4, 3, len(signature))
        one = len(head + signature).to_bytes(2) + head + signature
        return der_string(4, len(one).to_bytes(2) + one)

    def bundle(
        self,
        statement: bytes,
        *,
        after: timedelta = timedelta(minutes=1),
        identity: str = IDENTITY,
        issuer: str = ISSUER,
    ) -> dict[str, Any]:
        """A statement that somebody signed with a new key, and logged a while later."""
        key = new_key()
        certificate = self.certificate(key.public_key(), identity, issuer)
        pae = b"DSSEv1 %d %b %d %b" % (len(PAYLOAD), PAYLOAD.encode(), len(statement), statement)
        envelope = {
            "payload": text(statement),
            "payloadType": PAYLOAD,
            "signatures": [{"sig": text(signed(key, pae))}],
        }
        entry = self.entry(envelope, certificate, self.now + after)
        raw = text(certificate.public_bytes(Encoding.DER))
        material = {"certificate": {"rawBytes": raw}, "tlogEntries": [entry]}
        return {"mediaType": BUNDLE, "dsseEnvelope": envelope, "verificationMaterial": material}

    def entry(
        self, envelope: dict[str, Any], certificate: x509.Certificate, moment: datetime
    ) -> dict[str, Any]:
        """The only entry of the log: an envelope and who signed it, when."""
        body, seconds = _body(envelope, certificate), int(moment.timestamp())
        key, root = self.entries_key, hashlib.sha256(b"\0" + body).digest()
        told = {"body": text(body), "integratedTime": seconds, "logID": log_id(key).hex()}
        promise = signed(key, canonical_json(told | {"logIndex": 0}))
        note = f"{LOG} - 1\n1\n{text(root)}\n"
        by = text(log_id(key)[:4] + signed(key, note.encode()))
        proof = {"logIndex": "0", "treeSize": "1", "rootHash": text(root), "hashes": []}
        return {
            "logIndex": "0",
            "logId": {"keyId": text(log_id(key))},
            "kindVersion": {"kind": "dsse", "version": "0.0.1"},
            "integratedTime": str(seconds),
            "inclusionPromise": {"signedEntryTimestamp": text(promise)},
            "inclusionProof": proof | {"checkpoint": {"envelope": f"{note}\n\u2014 {LOG} {by}\n"}},
            "canonicalizedBody": text(body),
        }

    def trusted_root(self) -> dict[str, Any]:
        """Whom to believe, as Sigstore's clients read it."""
        start = {"start": (self.now - timedelta(days=1)).isoformat()}
        chain = [{"rawBytes": text(self.root.public_bytes(Encoding.DER))}]
        return {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [_log(self.entries_key, start)],
            "ctlogs": [_log(self.certificates_key, start)],
            "certificateAuthorities": [
                {
                    "subject": {"organization": "lab", "commonName": "lab"},
                    "uri": "https://ca.invalid",
                    "certChain": {"certificates": chain},
                    "validFor": start,
                }
            ],
        }

    def trust(self, services: str = "https://services.invalid") -> str:
        """The file that TIDEGATE_SIGSTORE_TRUST names; `services` is where all of them are."""
        kind = "application/vnd.dev.sigstore.{}+json"
        start = {"start": (self.now - timedelta(days=1)).isoformat()}
        where = {"url": services, "majorApiVersion": 1, "operator": "lab", "validFor": start}
        return json.dumps(
            {
                "mediaType": kind.format("clienttrustconfig.v0.1"),
                "trustedRoot": self.trusted_root(),
                "signingConfig": {
                    "mediaType": kind.format("signingconfig.v0.2"),
                    "caUrls": [where],
                    "rekorTlogUrls": [where],
                    "rekorTlogConfig": {"selector": "ANY"},
                },
            }
        )


def _log(key: Key, start: dict[str, str]) -> dict[str, Any]:
    public = {
        "rawBytes": text(der(key)),
        "keyDetails": "PKIX_ECDSA_P256_SHA_256",
        "validFor": start,
    }
    return {
        "baseUrl": f"https://{LOG}",
        "hashAlgorithm": "SHA2_256",
        "publicKey": public,
        "logId": {"keyId": text(log_id(key))},
    }


def _body(envelope: dict[str, Any], certificate: x509.Certificate) -> bytes:
    (signature,) = envelope["signatures"]
    by = text(certificate.public_bytes(Encoding.PEM))
    hashes = {
        "payloadHash": base64.b64decode(envelope["payload"]),
        "envelopeHash": canonical_json(envelope),
    }
    spec: dict[str, Any] = {
        name: {"algorithm": "sha256", "value": hashlib.sha256(data).hexdigest()}
        for name, data in hashes.items()
    }
    spec["signatures"] = [{"signature": signature["sig"], "verifier": by}]
    return canonical_json({"apiVersion": "0.0.1", "kind": "dsse", "spec": spec})


_NAME = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "lab")])
_USES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
    *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)
