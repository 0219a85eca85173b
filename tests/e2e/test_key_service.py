"""A key that never leaves its service: AWS's client, and local-kms, which answers as AWS KMS."""

import base64
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)
from tests.conftest import ROOT
from tests.e2e.conftest import impossible
from tests.e2e.test_cosign import Cosign, cosign, payloads, there
from tests.e2e.tools import free_address, serving, tool
from tests.unit.evidence.conftest import layout, release

from tidegate.catalog.policy import SignerIdentity
from tidegate.evidence.kinds import APPROVAL_TYPE
from tidegate.evidence.referrers import push
from tidegate.evidence.statement import open_attestation, stored
from tidegate.manifests.release import Release
from tidegate.oci import Layout

__all__ = ["cosign", "layout", "release", "there"]

PYTHON = ROOT / ".lab" / "awskms" / "bin" / "python"


@dataclass(frozen=True, slots=True)
class Service:
    """The service, and how a signer comes to it."""

    address: str

    def ask(self, action: str, **body: str) -> dict[str, Any]:
        """A call by the API of AWS KMS."""
        kind = "application/x-amz-json-1.1"
        headers = {"X-Amz-Target": f"TrentService.{action}", "Content-Type": kind}
        url = f"http://{self.address}/"
        answer = httpx.post(url, json=body, headers=headers, trust_env=False).raise_for_status()
        return dict(answer.json()) if answer.text else {}

    def key(self, spec: str) -> str:
        """A new key that signs; returns its identifier."""
        made = self.ask("CreateKey", KeyUsage="SIGN_VERIFY", CustomerMasterKeySpec=spec)
        return str(made["KeyMetadata"]["KeyId"])

    def public(self, key: str) -> str:
        """The public half as PEM."""
        raw = base64.b64decode(self.ask("GetPublicKey", KeyId=key)["PublicKey"])
        pem = load_der_public_key(raw).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return pem.decode()

    @property
    def environment(self) -> dict[str, str]:
        """Where AWS's client finds it, and as whom it comes."""
        return {
            "AWS_ENDPOINT_URL_KMS": f"http://{self.address}",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "lab",
            "AWS_SECRET_ACCESS_KEY": "lab",
            "AWS_MAX_ATTEMPTS": "1",
            "PYTHONPATH": str(ROOT / "ci"),
        }


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """An empty one."""
    if not PYTHON.exists():
        impossible("no environment of AWS's client", "run scripts/environment awskms")
    address = free_address()
    with serving([tool("kms", "loopback"), address, str(tmp_path / "keys")], f"http://{address}/"):
        yield Service(address)


@dataclass(frozen=True, slots=True)
class Approver:
    """Somebody who approves a release by a key of the service."""

    service: Service
    repository: Path
    layout: Layout
    release: Release

    def approve(self, key: str, pem: str) -> subprocess.CompletedProcess[str]:
        """Run `tidegate evidence approve`."""
        public = self.repository / "key.pub"
        public.write_text(pem)
        named = ("--engine", self.release.engine, "--model-artifact", self.release.model)
        where = ("--root", self.repository, "--store", self.layout.root)
        how = ("--signer", f"awskms:{key}", "--public-key", public)
        command = ("-m", "tidegate.cli", "evidence", "approve", *named, *where, *how)
        return subprocess.run(
            [str(PYTHON), *map(str, command)],
            check=False,
            env=os.environ | self.service.environment,
            capture_output=True,
            text=True,
        )


@pytest.fixture
def approver(service: Service, repository: Path, layout: Layout, there: Release) -> Approver:
    """Of a release in a registry."""
    return Approver(service, repository, layout, there)


@pytest.mark.parametrize("spec", ["ECC_NIST_P256", "RSA_2048"])
def test_what_the_service_signs_is_believed_by_tidegate_and_by_cosign(
    approver: Approver, cosign: Cosign, spec: str
) -> None:
    """By its public half, which is all that leaves the service."""
    key = approver.service.key(spec)
    pem = approver.service.public(key)

    done = approver.approve(key, pem)

    assert done.returncode == 0, done.stderr
    signers = (SignerIdentity(name="ann", public_key=pem),)
    digest = done.stdout.strip()
    assert open_attestation(approver.layout, digest, approver.release, signers).signers == {"ann"}
    push(approver.layout, approver.release)
    assert len(payloads(cosign.check(approver.release.model, APPROVAL_TYPE, pem))) == 1


def test_a_service_that_does_not_sign_is_told(approver: Approver) -> None:
    """A key that is not there, is off, is another or of another kind: exit 2, nothing stored."""
    service = approver.service
    key, other, long = (service.key(f"ECC_NIST_P{bits}") for bits in (256, 256, 384))
    pem, other_pem, long_pem = (service.public(one) for one in (key, other, long))
    service.ask("DisableKey", KeyId=other)
    for signed_by, public, says in (
        ("nowhere", pem, "NotFoundException"),
        (other, other_pem, "DisabledException"),
        (key, other_pem, "UnverifiedSignatureError"),
        (long, long_pem, "cosign checks no ecdsa-sha2-nistp384"),
    ):
        done = approver.approve(signed_by, public)

        assert (done.returncode, done.stdout) == (2, "")
        assert f"awskms:{signed_by}: signer: cannot sign" in done.stderr
        assert says in done.stderr
    assert stored(approver.layout, approver.release) == []
