"""Signing as whom the surrounding CI is known to be: a token, a certificate and a log entry."""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from tests.loopback import listening
from tests.unit.evidence.authority import IDENTITY, ISSUER, Authority
from tests.unit.evidence.samples import PASSING
from tests.unit.evidence.test_evidence_keyless import CI

from tidegate.evidence.signing import signer_for
from tidegate.evidence.statement import store, verify
from tidegate.findings import CouldNotCheckError
from tidegate.manifests.release import Release
from tidegate.oci import Layout


def token(**claims: object) -> str:
    """What a CI system says of its run, in the form of a JSON Web Token."""
    parts = ({"alg": "HS256"}, {"iss": ISSUER, "sub": IDENTITY, "aud": "sigstore"} | claims)
    coded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts]
    return b".".join([*coded, b"c2lnbmF0dXJl"]).decode()


@dataclass
class Services:
    """The authority and its log as their clients ask them."""

    authority: Authority = field(default_factory=Authority)
    token: str = ""
    refuses: str = ""
    """The path of what is refused."""

    def certify(self, asked: dict[str, Any]) -> dict[str, Any]:
        """A certificate for the key of a request, and where it comes from."""
        request = x509.load_pem_x509_csr(base64.b64decode(asked["certificateSigningRequest"]))
        public = request.public_key()
        assert request.is_signature_valid
        assert isinstance(public, EllipticCurvePublicKey)
        chain = (self.authority.certificate(public, IDENTITY, ISSUER), self.authority.root)
        pems = [one.public_bytes(Encoding.PEM).decode() for one in chain]
        return {"signedCertificateEmbeddedSct": {"chain": {"certificates": pems}}}

    def log(self, asked: dict[str, Any]) -> dict[str, Any]:
        """The entry of an envelope, in the form of Rekor's API."""
        content = asked["spec"]["proposedContent"]
        certificate = x509.load_pem_x509_certificate(base64.b64decode(content["verifiers"][0]))
        envelope = json.loads(content["envelope"])
        entry = self.authority.entry(envelope, certificate, datetime.now(UTC))
        proof = entry["inclusionProof"]
        told = {
            "body": entry["canonicalizedBody"],
            "integratedTime": int(entry["integratedTime"]),
            "logID": base64.b64decode(entry["logId"]["keyId"]).hex(),
            "logIndex": 0,
            "verification": entry["inclusionPromise"]
            | {
                "inclusionProof": {
                    "logIndex": 0,
                    "treeSize": 1,
                    "rootHash": base64.b64decode(proof["rootHash"]).hex(),
                    "hashes": [],
                    "checkpoint": proof["checkpoint"]["envelope"],
                }
            },
        }
        return {"1": told}


class Handler(BaseHTTPRequestHandler):
    """Answers for both."""

    services: Services

    def do_POST(self) -> None:
        """A certificate to who brings the token, and a log entry to anybody."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        own = self.headers.get("Authorization") == f"Bearer {self.services.token}"
        answers: dict[str, tuple[bool, Callable[[dict[str, Any]], dict[str, Any]]]] = {
            "/api/v2/signingCert": (own, self.services.certify),
            "/api/v1/log/entries": (True, self.services.log),
        }
        allowed, answer = answers[self.path]
        allowed = allowed and self.path != self.services.refuses
        content = json.dumps(answer(asked) if allowed else {}).encode()
        self.send_response(201 if allowed else 403)
        self.send_header("Content-Length", f"{len(content)}")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """Those that the fork believes, around a run of GitLab CI."""
    now = int(datetime.now(UTC).timestamp())
    found = Services(token=token(iat=now, exp=now + 300))
    for name in ("GITHUB_ACTIONS", "BUILDKITE", "CIRCLECI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("GITLAB_CI", "true")
    monkeypatch.setenv("SIGSTORE_ID_TOKEN", found.token)
    monkeypatch.setenv("TIDEGATE_SIGSTORE_TRUST", str(tmp_path / "trust.json"))
    with listening(type("Own", (Handler,), {"services": found})) as port:
        (tmp_path / "trust.json").write_text(found.authority.trust(f"http://127.0.0.1:{port}"))
        yield found


@pytest.mark.usefixtures("services")
def test_a_run_of_ci_signs_by_its_token(layout: Layout, release: Release) -> None:
    """No key is kept anywhere, and its issuer is not asked; the role's identity is believed."""
    stored = store(layout, release, PASSING, signer_for("sigstore:"))

    assert verify(layout, stored.digest, release, CI).verdict == PASSING


@pytest.mark.parametrize("path", ["/api/v2/signingCert", "/api/v1/log/entries"])
def test_a_service_that_refuses_is_told(services: Services, path: str) -> None:
    """Exit 2: there is no signature without a certificate, nor without a log entry."""
    services.refuses = path

    with pytest.raises(CouldNotCheckError, match=r"sigstore:: signer: cannot sign"):
        signer_for("sigstore:").bundle(b'{"_type":"https://in-toto.io/Statement/v1"}')


@pytest.mark.usefixtures("services")
def test_an_old_token_does_not_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is over cannot sign for itself later."""
    monkeypatch.setenv("SIGSTORE_ID_TOKEN", token(iat=1, exp=2))

    with pytest.raises(CouldNotCheckError, match="IdentityError"):
        signer_for("sigstore:").bundle(b"{}")
