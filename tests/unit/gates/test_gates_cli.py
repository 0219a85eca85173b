"""`tidegate gate run`: a verdict as a table or JSON, evidence of a named release, exit codes."""

import json
from pathlib import Path

import pytest
from tests.conftest import ROOT, Cli
from tests.unit.gates.conftest import Stub, as_json

from tidegate.catalog.policy import SignerIdentity
from tidegate.evidence.signing import make_key, public_key_of
from tidegate.evidence.statement import verify
from tidegate.findings import FindingsError
from tidegate.manifests.release import Release
from tidegate.oci import EMPTY, Layout, Reference

MODEL = "minilm"
OPTIONS = ("--model", MODEL, "--root", ROOT)


@pytest.fixture
def release(tmp_path: Path) -> Release:
    """A stored engine and a stored model."""
    layout = Layout(tmp_path / "oci")

    def stored(name: str) -> Reference:
        descriptor = layout.add_manifest(
            artifact_type="test",
            config=layout.add_blob(b"{}", EMPTY),
            layers=[],
            annotations={"name": name},
        )
        return Reference(f"registry.example/{name}", "v1", descriptor["digest"])

    return Release(stored("engine"), stored("model"))


def named(release: Release, store: Path) -> tuple[str | Path, ...]:
    """The options that name a release, its store and a new key beside it."""
    key = store.parent / "key.pem"
    make_key(key)
    engine, model = str(release.engine), str(release.model)
    options = ("--engine", engine, "--model-artifact", model, "--store", store)
    return (*options, "--signer", f"file:{key}")


def test_a_verdict_that_does_not_pass_is_exit_1_with_its_table(stub: Stub, cli: Cli) -> None:
    """The toy embedding finds few of the right documents; some wrong answers are shown."""
    stub.model = MODEL

    ran = cli("gate", "run", stub.url, *OPTIONS)

    assert ran.code == 1
    assert f"{MODEL}: fail 3/4" in ran.out
    assert [line.split()[-1] for line in ran.out.splitlines() if "/nearest" in line][:1] == ["fail"]
    assert "nearest is " in ran.out


def test_the_verdict_is_json_for_machines(stub: Stub, cli: Cli) -> None:
    """Each number with threshold, samples and outcome; no evidence without a release."""
    stub.model = MODEL

    told = json.loads(cli("gate", "run", stub.url, *OPTIONS, "--json").out)

    assert (told["model"], told["outcome"], told["evidence"]) == (MODEL, "fail", None)
    assert {"value", "threshold", "samples", "minSamples", "unit", "outcome"} <= set(
        told["measurements"][0]
    )


def test_a_verdict_on_a_release_is_stored_even_where_it_fails(
    stub: Stub, cli: Cli, release: Release, tmp_path: Path
) -> None:
    """The statement says what was found; it proves nothing to a promotion."""
    stub.model = MODEL
    store = tmp_path / "oci"

    told = json.loads(cli("gate", "run", stub.url, *OPTIONS, *named(release, store), "--json").out)

    public = public_key_of(tmp_path / "key.pem")
    signers = (SignerIdentity(name="ci", public_key=public),)
    with pytest.raises(FindingsError, match="retrieval/nearest: gate says fail"):
        verify(Layout(store), told["evidence"], release, signers)


def test_a_verdict_that_nobody_can_sign_is_not_measured(
    stub: Stub, cli: Cli, release: Release, tmp_path: Path
) -> None:
    """Exit 2 before the first request: minutes of gates are not lost for want of a key."""
    options = named(release, tmp_path / "oci")[:-1]

    ran = cli("gate", "run", stub.url, *OPTIONS, *options, "file:/nowhere/key.pem")

    assert (ran.code, ran.out) == (2, "")
    assert "signer: cannot sign" in ran.err


def test_an_endpoint_that_is_not_there_is_exit_2_and_leaves_no_evidence(
    cli: Cli, release: Release, tmp_path: Path
) -> None:
    """Nothing was measured, so nothing is stored."""
    store = tmp_path / "oci"
    before = (store / "index.json").read_bytes()

    ran = cli("gate", "run", "http://127.0.0.1:9", *OPTIONS, *named(release, store))

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("http://127.0.0.1:9: endpoint: cannot be reached; ")
    assert (store / "index.json").read_bytes() == before


def test_an_unknown_model_is_exit_2(stub: Stub, cli: Cli) -> None:
    """The line lists those that there are, and nothing was asked."""
    ran = cli("gate", "run", stub.url, "--model", "nobody", "--root", ROOT)

    assert ran.code == 2
    assert "models/nobody/model.yaml: model: unknown model; wanted one of bge-m3, " in ran.err
    assert stub.requests == []


def test_a_refused_token_is_a_fault_of_every_answer(
    stub: Stub, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key comes from the environment, so that no history keeps it."""
    stub.model = MODEL
    stub.overrides["/v1/embeddings"] = as_json({"error": "no"}, 401)
    monkeypatch.setenv("TIDEGATE_API_KEY", "s3cret")

    ran = cli("gate", "run", stub.url, *OPTIONS)

    assert ran.code == 1
    assert "HTTP 401" in ran.out
    assert "s3cret" not in ran.out + ran.err
    assert {headers.get("Authorization") for headers in stub.headers} == {"Bearer s3cret"}
