"""`tidegate gate run` on a named release: the verdict is signed and stored."""

import json
from pathlib import Path

from tests.unit.gates.conftest import GateRun

from tidegate.catalog.policy import SignerIdentity
from tidegate.evidence.signing import make_key, public_key_of
from tidegate.evidence.statement import verify
from tidegate.manifests.release import Release
from tidegate.oci import EMPTY, Layout, Reference


def release_options(store: Path) -> tuple[Release, tuple[str | Path, ...]]:
    """A stored engine and model, and the options that name them, their store and a new key."""
    layout = Layout(store)
    engine, model = (
        Reference(
            f"registry.example/{name}",
            "v1",
            layout.add_manifest(
                artifact_type="test",
                config=layout.add_blob(b"{}", EMPTY),
                layers=[],
                annotations={"name": name},
            )["digest"],
        )
        for name in ("engine", "model")
    )
    make_key(store.parent / "key.pem")
    named = ("--engine", str(engine), "--model-artifact", str(model), "--store", store)
    return Release(engine, model), (*named, "--signer", f"file:{store.parent / 'key.pem'}")


def test_a_verdict_on_a_release_is_signed_and_stored(run: GateRun, tmp_path: Path) -> None:
    """With the environment whose endpoint was measured; the key's owner is believed."""
    release, options = release_options(tmp_path / "oci")

    told = json.loads(run(*options, "--environment", "staging", "--json").out)

    signers = (SignerIdentity(name="ci", public_key=public_key_of(tmp_path / "key.pem")),)
    evidence = verify(Layout(tmp_path / "oci"), told["evidence"], release, signers)
    assert evidence.verdict.environment == told["environment"] == "staging"


def test_a_verdict_that_nobody_can_sign_is_not_measured(run: GateRun, tmp_path: Path) -> None:
    """Exit 2 before the first request: minutes of gates are not lost for want of a key."""
    _, options = release_options(tmp_path / "oci")

    ran = run(*options[:-1], "file:/nowhere/key.pem")

    assert (ran.code, ran.out) == (2, "")
    assert "signer: cannot sign" in ran.err
