"""Evidence and the real cosign: each believes what the other signs, and refuses what it should."""

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from tests.conftest import Cli
from tests.e2e.registries import KINDS, placed, registry
from tests.e2e.tools import tool
from tests.unit.evidence.conftest import layout, release
from tests.unit.evidence.proving import PROVENANCE, SBOM, YES, scan
from tests.unit.evidence.samples import PASSING, put, written

from tidegate.catalog.policy import EvidenceKind, SignerIdentity
from tidegate.evidence.kinds import PREDICATE_TYPES, VERDICT_TYPE, Predicate
from tidegate.evidence.referrers import pull, push
from tidegate.evidence.signing import EvidenceSigner, make_key, public_key_of, signer_for
from tidegate.evidence.statement import attach, open_attestation, statement, store, verify
from tidegate.evidence.trust import Signers, verify_bundle
from tidegate.findings import FindingsError
from tidegate.gates.verdict import Verdict
from tidegate.manifests.release import Release
from tidegate.oci import Layout, Reference, canonical_json
from tidegate.pipeline.signatures import NO_SERVICES

__all__ = ["layout", "release"]

Ran = subprocess.CompletedProcess[str]
PREDICATES: dict[EvidenceKind, Verdict | Predicate] = {
    EvidenceKind.VERDICT: PASSING,
    EvidenceKind.PROVENANCE: PROVENANCE,
    EvidenceKind.SBOM: SBOM,
    EvidenceKind.SCAN: scan("low"),
    EvidenceKind.APPROVAL: YES,
}


@dataclass(frozen=True, slots=True)
class Cosign:
    """The pinned cosign in an empty home, and the key that both it and Tidegate use."""

    home: Path
    key: Path

    @property
    def signer(self) -> EvidenceSigner:
        """Tidegate's way to sign with the key."""
        return signer_for(f"file:{self.key}")

    @property
    def believed(self) -> Signers:
        """A fork that believes the key."""
        return (SignerIdentity(name="ci", public_key=public_key_of(self.key)),)

    def run(self, *arguments: str | Path) -> Ran:
        """A command of cosign and how it ended."""
        command = [tool("cosign", "cosign"), *map(str, arguments)]
        nobody = os.environ | {"HOME": str(self.home), "COSIGN_PASSWORD": ""}
        return subprocess.run(
            command, check=False, env=nobody, cwd=self.home, capture_output=True, text=True
        )

    def sign(self, *arguments: str | Path) -> None:
        """A command that signs with the key and asks no service for anything."""
        (self.home / "services.json").write_text(json.dumps(NO_SERVICES))
        steps: list[tuple[str | Path, ...]] = [
            ("import-key-pair", "--key", self.key, "--output-key-prefix", "imported"),
            (*arguments, "--key", "imported.key", "--signing-config", "services.json", "--yes"),
        ]
        for step in steps:
            done = self.run(*step)
            assert done.returncode == 0, done.stderr

    def check(self, of: Reference, kind: str = VERDICT_TYPE, pem: str | None = None) -> Ran:
        """What `cosign verify-attestation` says of an artifact, with nothing but a public key."""
        public = self.home / "checked.pub"
        public.write_text(pem or public_key_of(self.key))
        return self.run(
            *("verify-attestation", "--key", public, "--type", kind),
            *("--insecure-ignore-tlog", "--allow-http-registry", f"{of.name}@{of.digest}"),
        )


@pytest.fixture
def cosign(tmp_path: Path) -> Cosign:
    """With a key as `tidegate evidence key` makes it."""
    make_key(tmp_path / "key.pem")
    return Cosign(tmp_path, tmp_path / "key.pem")


@pytest.fixture
def there(
    layout: Layout, release: Release, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Release]:
    """The release in a registry of the kind that the test names, or in one with referrers."""
    with registry(getattr(request, "param", "referrers"), tmp_path) as host:
        yield placed(layout, release, host)


def payloads(done: Ran) -> list[bytes]:
    """The statements that cosign checked and prints."""
    assert done.returncode == 0, done.stderr
    return [base64.b64decode(json.loads(line)["payload"]) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("there", KINDS, indirect=True)
def test_cosign_accepts_what_was_pushed(
    layout: Layout, there: Release, cosign: Cosign, repository: Path, cli: Cli
) -> None:
    """Each kind of statement, on the engine and on the model, found by referrers or by the tag."""
    for kind, predicate in PREDICATES.items():
        attach(layout, there, kind, predicate, cosign.signer)
    named = ("--engine", f"{there.engine}", "--model-artifact", f"{there.model}")

    pushed = cli("evidence", "push", *named, "--root", repository, "--store", layout.root)

    assert (pushed.code, pushed.out) == (0, f"{there}: pushed 10\n")
    for kind, predicate in PREDICATES.items():
        said = canonical_json(statement(there, predicate, kind))
        assert payloads(cosign.check(there.engine, PREDICATE_TYPES[kind])) == [said]
        assert payloads(cosign.check(there.model, PREDICATE_TYPES[kind])) == [said]


@pytest.mark.parametrize(
    "private",
    [rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate()],
    ids=["rsa", "ed25519"],
)
def test_cosign_accepts_other_kinds_of_keys(
    layout: Layout, there: Release, cosign: Cosign, private: PrivateKeyTypes
) -> None:
    """Those that key services have beside P-256."""
    key = written(cosign.home / "other.pem", private)
    store(layout, there, PASSING, signer_for(f"file:{key}"))
    push(layout, there)

    assert len(payloads(cosign.check(there.engine, pem=public_key_of(key)))) == 1


def test_cosign_refuses_another_key_and_another_type(
    layout: Layout, there: Release, cosign: Cosign
) -> None:
    """Of the same evidence that it accepts by the right key and type."""
    store(layout, there, PASSING, cosign.signer)
    push(layout, there)
    other = make_key(cosign.home / "other.pem")

    by_other = cosign.check(there.engine, pem=other)
    of_type = cosign.check(there.engine, "https://slsa.dev/provenance/v1")

    assert len(payloads(cosign.check(there.engine))) == 1
    assert (by_other.returncode, by_other.stdout) == (1, "")
    assert "accepted signatures do not match threshold" in by_other.stderr
    assert (of_type.returncode, of_type.stdout) == (1, "")
    assert f"provenance/v1, found: {VERDICT_TYPE}" in of_type.stderr


def tampered(bundle: bytes) -> bytes:
    """The same bundle about a better number."""
    data = json.loads(bundle)
    payload = base64.b64decode(data["dsseEnvelope"]["payload"])
    assert b'"value":0.95' in payload
    changed = payload.replace(b'"value":0.95', b'"value":0.99')
    data["dsseEnvelope"]["payload"] = base64.b64encode(changed).decode()
    return canonical_json(data)


def test_cosign_refuses_a_tampered_payload_and_another_digest(
    layout: Layout, there: Release, cosign: Cosign
) -> None:
    """Whoever may write to the registry can neither change a statement nor hang it elsewhere."""
    said = statement(Release(there.model, there.model), PASSING)
    bundle = cosign.signer.bundle(canonical_json(said))
    put(layout, tampered(bundle), subject=there.model.digest)
    put(layout, bundle, subject=there.engine.digest)
    push(layout, there)

    changed, elsewhere = (cosign.check(one) for one in (there.model, there.engine))

    assert (changed.returncode, changed.stdout) == (1, "")
    assert "accepted signatures do not match threshold" in changed.stderr
    assert (elsewhere.returncode, elsewhere.stdout) == (1, "")
    assert "artifact digest does not match any digest in statement" in elsewhere.stderr
    put(layout, bundle, subject=there.model.digest)
    push(layout, there)
    assert payloads(cosign.check(there.model)) == [canonical_json(said)]


def test_a_statement_that_cosign_signed_is_evidence(
    layout: Layout, release: Release, cosign: Cosign
) -> None:
    """In its own bundle, about both digests of a release."""
    said, bundle = cosign.home / "said.json", cosign.home / "said.sigstore.json"
    said.write_bytes(canonical_json(statement(release, PASSING)))

    cosign.sign("attest-blob", "--statement", said, "--bundle", bundle)

    digest = put(layout, bundle.read_bytes(), subject=release.model.digest)
    assert verify(layout, digest, release, cosign.believed).verdict == PASSING


def test_what_cosign_attests_of_an_image_is_pulled_and_proves_no_release(
    layout: Layout, there: Release, cosign: Cosign
) -> None:
    """Its statement names the engine alone: signed by whom the fork believes, and yet refused."""
    said = cosign.home / "said.json"
    said.write_text(PASSING.model_dump_json(by_alias=True))
    what = ("--type", VERDICT_TYPE, "--predicate", said, "--allow-http-registry")

    cosign.sign("attest", f"{there.engine.name}@{there.engine.digest}", *what)

    (digest,) = pull(layout, there)
    bundle = layout.read(layout.manifest(digest)["layers"][0]["digest"])
    assert verify_bundle(bundle, cosign.believed, file=digest)[1] == {"ci"}
    with pytest.raises(FindingsError, match="of an unknown type"):
        open_attestation(layout, digest, there, cosign.believed)
