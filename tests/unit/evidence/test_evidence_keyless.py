"""Signatures by a certificate of ten minutes, which two logs must know of."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.unit.evidence.authority import IDENTITY, ISSUER, Authority, text
from tests.unit.evidence.samples import PASSING

from tidegate.catalog.policy import SignerIdentity
from tidegate.evidence.models import sign_folder, verify_folder
from tidegate.evidence.signing import make_key
from tidegate.evidence.statement import store, verify
from tidegate.evidence.trust import verify_bundle
from tidegate.findings import CouldNotCheckError, FindingsError
from tidegate.manifests.release import Release
from tidegate.oci import Layout

STATEMENT = b'{"_type":"https://in-toto.io/Statement/v1"}'
CI = (SignerIdentity(name="ci", identity=IDENTITY, issuer=ISSUER),)
Bundle = dict[str, Any]


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """Whom the fork believes."""
    found, file = Authority(), tmp_path / "trust.json"
    file.write_text(found.trust())
    monkeypatch.setenv("TIDEGATE_SIGSTORE_TRUST", str(file))
    return found


class Somebody:
    """Signs as whom the authority certifies."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority

    def bundle(self, said: bytes) -> bytes:
        """As sigstore's client makes it."""
        return json.dumps(self.authority.bundle(said)).encode()


def test_an_identity_of_the_role_is_believed(
    authority: Authority, layout: Layout, release: Release
) -> None:
    """Its verdict is evidence, as one that a key signed."""
    stored = store(layout, release, PASSING, Somebody(authority))

    assert verify(layout, stored.digest, release, CI).verdict == PASSING


def refused(bundle: Bundle, signers: tuple[SignerIdentity, ...] = CI) -> str:
    """Why a bundle is refused."""
    with pytest.raises(FindingsError) as failed:
        verify_bundle(json.dumps(bundle).encode(), signers, file="x")
    (finding,) = failed.value.findings
    assert finding.what == "signed by nobody who is believed"
    return finding.found


@pytest.mark.parametrize(
    ("identity", "issuer", "says"),
    [
        ("https://forge.invalid/lab/.ci/gates@fork", ISSUER, "SANs do not match"),
        (IDENTITY, "https://other.invalid", "OIDCIssuer does not match"),
    ],
    ids=["identity", "issuer"],
)
def test_another_identity_is_refused(
    authority: Authority, identity: str, issuer: str, says: str
) -> None:
    """Also where another issuer vouches for the same name."""
    good = authority.bundle(STATEMENT)
    other = SignerIdentity(name="other", identity=identity, issuer=issuer)

    assert says in refused(authority.bundle(STATEMENT, identity=identity, issuer=issuer))
    assert says in refused(good, (other,))
    assert verify_bundle(json.dumps(good).encode(), (other, *CI), file="x")[1] == {"ci"}


@pytest.mark.parametrize("minutes", [-1, 11])
def test_a_certificate_counts_for_its_ten_minutes(authority: Authority, minutes: int) -> None:
    """By the time that the log says, not by today's."""
    bundle = authority.bundle(STATEMENT, after=timedelta(minutes=minutes))

    assert "not valid at validation time" in refused(bundle)


def later(entry: Bundle) -> str:
    """A second after the log knew it."""
    return str(int(entry["integratedTime"]) + 1)


def the_entry(bundle: Bundle) -> Bundle:
    """What the log says of a bundle."""
    (entry,) = bundle["verificationMaterial"]["tlogEntries"]
    return dict(entry)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda entry, other: [entry | {"logId": other["logId"]}], "not found for log ID"),
        (lambda entry, _: [entry | {"integratedTime": "1"}], "not valid at validation time"),
        (lambda entry, _: [entry | {"integratedTime": later(entry)}], "invalid inclusion promise"),
        (lambda *_: [], "expected exactly one log entry"),
        (lambda entry, _: [entry, entry], "expected exactly one log entry"),
    ],
    ids=["of another log", "at another time", "a second later", "none", "two"],
)
def test_the_log_must_know_the_signature(
    authority: Authority, change: Callable[[Bundle, Bundle], list[Bundle]], says: str
) -> None:
    """At its time, and by the log that the fork believes."""
    bundle, other = authority.bundle(STATEMENT), Authority().bundle(STATEMENT)
    changed = {"tlogEntries": change(the_entry(bundle), the_entry(other))}

    assert says in refused(
        bundle | {"verificationMaterial": bundle["verificationMaterial"] | changed}
    )


def test_a_log_entry_proves_nothing_about_another_statement(authority: Authority) -> None:
    """It is true, of the same log, and at a time when the certificate counted."""
    bundle = authority.bundle(STATEMENT)
    other = {"tlogEntries": [the_entry(authority.bundle(b"{}"))]}
    changed = bundle | {"verificationMaterial": bundle["verificationMaterial"] | other}

    assert "payload hash does not match" in refused(changed)


def test_a_tampered_statement_is_refused(authority: Authority) -> None:
    """Its certificate and log entry are good, and not about this."""
    bundle = authority.bundle(STATEMENT)
    changed = bundle["dsseEnvelope"] | {"payload": text(STATEMENT + b" ")}

    assert "DSSE: invalid signature" in refused(bundle | {"dsseEnvelope": changed})


KEYS = ("root_key", "certificates_key", "entries_key")


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        (KEYS, "signature does not match"),
        (("root_key",), "signature does not match"),
        (("certificates_key",), "SCT verify failed"),
        (("entries_key",), "checkpoint: invalid signature"),
    ],
    ids=["all", "authority", "log of certificates", "log of signatures"],
)
def test_another_sigstore_is_refused(
    authority: Authority, keys: tuple[str, ...], says: str
) -> None:
    """Each of its three keys must be one that the fork believes."""
    own = {name: getattr(authority, name) for name in KEYS if name not in keys}

    assert says in refused(Authority(**own).bundle(STATEMENT))


def test_a_certificate_that_is_none_is_refused(authority: Authority) -> None:
    """As any bundle that Sigstore's client cannot read."""
    bundle = authority.bundle(STATEMENT)
    material = bundle["verificationMaterial"] | {"certificate": {"rawBytes": "AAAA"}}

    assert refused(bundle | {"verificationMaterial": material}).startswith("ci: ")


def test_a_model_is_checked_by_the_same_sigstore(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files, by the identity of the role; without a root of trust nothing can be said."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    make_key(tmp_path / "key.pem")
    by_key = json.loads(sign_folder(folder, tmp_path / "key.pem"))["dsseEnvelope"]
    signature = Somebody(authority).bundle(base64.b64decode(by_key["payload"]))
    other = SignerIdentity(name="other", identity="other", issuer=ISSUER)

    assert verify_folder(folder, signature, (other, *CI), name="model") == "ci"
    with pytest.raises(FindingsError, match="SANs do not match other"):
        verify_folder(folder, signature, (other,), name="model")
    (folder / "config.json").write_text("{ }")
    with pytest.raises(FindingsError, match=r"ci: .*[mM]ismatch"):
        verify_folder(folder, signature, CI, name="model")
    monkeypatch.setenv("TIDEGATE_SIGSTORE_TRUST", "/nowhere/trust.json")
    with pytest.raises(CouldNotCheckError, match=r"/nowhere/trust\.json: trust: no root of trust"):
        verify_folder(folder, signature, CI, name="model")
