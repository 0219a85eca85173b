"""What is signed about a release beside its verdict, on the command line and from a checkout."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Cli
from tests.unit.promotion.conftest import Fork, Store

from tidegate.catalog.policy import Requirement, SignerIdentity
from tidegate.evidence.kinds import FAULTS
from tidegate.evidence.statement import Attestation, attestations
from tidegate.manifests.release import Release

BASE = f"registry.example/python:3.11@sha256:{'c' * 64}"
BUILDER = "https://ci.example/builder"


@pytest.fixture
def signer(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> SignerIdentity:
    """A key of a file, which every command signs with."""
    key = tmp_path / "key.pem"
    monkeypatch.setenv("TIDEGATE_SIGNER", f"file:{key}")
    return SignerIdentity(name="ci", public_key=cli("evidence", "key", key).out)


def words(forked: Fork, release: Release) -> list[str | Path]:
    """The release, the store and the checkout as options."""
    named = ["--engine", str(release.engine), "--model-artifact", str(release.model)]
    return [*named, "--store", forked.store.layout.root, "--root", forked.git.path]


def signed(store: Store, release: Release, signer: SignerIdentity) -> list[Attestation]:
    """What the key said about the release."""
    return attestations(store.layout, release, (signer,))[0]


def faults(one: Attestation, **wanted: Any) -> list[str]:  # noqa: ANN401 - fields of a requirement
    """Why it would not be enough."""
    asked = Requirement(kind=one.kind, signers="pipeline", **wanted)
    return [fault.what for fault in FAULTS[one.kind](one.digest, one.predicate, asked)]


def test_provenance_names_the_commit_the_base_and_the_builder(
    forked: Fork, signer: SignerIdentity, cli: Cli
) -> None:
    """And not the credentials that the remote's address may have."""
    release = forked.store.release()
    forked.git.run("remote", "set-url", "origin", "https://bot:secret@git.example/team/fork.git")

    ran = cli(
        *("evidence", "provenance", "--base", BASE, "--builder", BUILDER),
        *words(forked, release),
    )

    (one,) = signed(forked.store, release, signer)
    assert (ran.code, ran.out.strip()) == (0, one.digest)
    assert faults(one, builders=(BUILDER,)) == []
    assert faults(one, builders=("https://other.example",)) == ["not built as it must be"]
    assert "secret" not in json.dumps(one.predicate)
    assert one.predicate["buildDefinition"]["resolvedDependencies"] == [
        {
            "uri": "git+https://git.example/team/fork.git",
            "digest": {"gitCommit": forked.git.run("rev-parse", "HEAD").strip()},
        },
        {"uri": "docker://registry.example/python:3.11", "digest": {"sha256": "c" * 64}},
    ]


def test_provenance_of_what_no_commit_holds_is_refused(
    forked: Fork, signer: SignerIdentity, cli: Cli
) -> None:
    """Nor is a base by tag what an image was built from."""
    release = forked.store.release()
    command = ("evidence", "provenance", "--builder", BUILDER, *words(forked, release))

    by_tag = cli(*command, "--base", "registry.example/python:3.11")
    (forked.git.path / "base" / "new.txt").touch()
    changed = cli(*command, "--base", BASE)

    assert by_tag.err.startswith("command line: --base: not by digest; ")
    assert (by_tag.code, changed.code) == (1, 1)
    assert "base/new.txt" in changed.err
    assert signed(forked.store, release, signer) == []


def test_a_file_that_is_not_there_is_one_line(
    forked: Fork, signer: SignerIdentity, cli: Cli
) -> None:
    """A scanner that failed leaves none."""
    release = forked.store.release()

    ran = cli("evidence", "add", "scan", "missing.json", *words(forked, release))

    assert ran.code == 2
    assert ran.err.startswith("missing.json: file: unreadable; wanted a JSON object, found ")
    assert signed(forked.store, release, signer) == []
