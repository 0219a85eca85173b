"""Evidence that does not prove the release, for whatever reason, is refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.evidence.conftest import Refusal
from tests.unit.evidence.samples import (
    ABSENT,
    PASSING,
    SIGNER,
    TRUSTED,
    artifact,
    forged,
    measured,
    put,
    verdict,
)

from tidegate.evidence.statement import store, verify
from tidegate.findings import CouldNotCheckError
from tidegate.manifests.release import Release
from tidegate.oci import Layout, canonical_json


def blob(layout: Layout, digest: str) -> Path:
    """The file of a blob."""
    return layout.root / "blobs" / "sha256" / digest.removeprefix("sha256:")


@pytest.mark.parametrize("digest", [ABSENT, "sha256:", "", "latest", "../../../index.json"])
def test_evidence_that_is_not_there_could_not_be_checked(
    digest: str, layout: Layout, release: Release
) -> None:
    """Exit 2: nothing was looked at, and a name that is no digest finds nothing."""
    with pytest.raises(CouldNotCheckError) as failed:
        verify(layout, digest, release, TRUSTED)

    assert failed.value.exit_code == 2


@pytest.mark.parametrize("part", ["manifest", "statement"])
@pytest.mark.parametrize("damage", ["one byte", "cut off", "removed", "swapped"])
def test_a_damaged_store_proves_nothing(
    part: str, damage: str, layout: Layout, release: Release
) -> None:
    """Every blob is read against its digest, so no byte can be changed, not even to good ones."""
    failing = store(layout, release, verdict(measured(0.1)), SIGNER)
    passing = store(layout, release, PASSING, SIGNER)
    manifests = [layout.manifest(evidence.digest) for evidence in (failing, passing)]
    digests = {
        "manifest": (failing.digest, passing.digest),
        "statement": tuple(manifest["layers"][0]["digest"] for manifest in manifests),
    }[part]
    path, other = (blob(layout, digest) for digest in digests)
    data = path.read_bytes()
    changed = {"one byte": data.replace(b"1", b"2", 1), "cut off": data[:-1]}
    if damage == "removed":
        path.unlink()
    else:
        path.write_bytes(changed.get(damage, other.read_bytes()))

    with pytest.raises(CouldNotCheckError, match=r"no such blob|content does not match its name"):
        verify(layout, failing.digest, release, TRUSTED)


def test_evidence_of_another_release_proves_nothing(
    layout: Layout, release: Release, refusal: Refusal
) -> None:
    """Neither the same engine with another model nor the same model with another engine."""
    others = [
        replace(release, engine=artifact(layout, "engine-2")),
        replace(release, model=artifact(layout, "model-2")),
        Release(engine=release.model, model=release.engine),
    ]
    for other in others:
        finding = refusal(store(layout, other, PASSING, SIGNER).digest)

        assert finding.what == "evidence of another release"
        assert str(release) == finding.wanted
        assert other.model.digest.removeprefix("sha256:") in finding.found


@pytest.mark.parametrize(
    "subjects",
    [
        lambda _: [],
        lambda s: s[:1],
        lambda s: s[1:],
        lambda s: s[::-1],
        lambda s: [*s, s[0]],
        lambda s: [s[0], s[1] | {"digest": s[1]["digest"] | {"sha512": "00"}}],
        lambda s: [s[0], {"name": s[1]["name"]}],
        lambda s: [s[0], "text"],
        lambda _: None,
        lambda s: s[0],
        lambda _: "text",
    ],
    ids=[
        "none",
        "engine only",
        "model only",
        "swapped",
        "a third",
        "more digests",
        "no digest",
        "text in it",
        "null",
        "no list",
        "text",
    ],
)
def test_subjects_must_be_the_engine_and_the_model(
    subjects: Callable[[list[Any]], object],
    layout: Layout,
    refusal: Refusal,
    good: dict[str, Any],
) -> None:
    """Exactly these two, in this order, in whatever form the others come."""
    digest = forged(layout, good, subject=subjects(good["subject"]))

    assert refusal(digest).what == "evidence of another release"


def test_a_tag_may_move_because_the_digests_count(layout: Layout, release: Release) -> None:
    """The same two artifacts under another name are the same release to the evidence."""
    stored = store(layout, release, PASSING, SIGNER)
    renamed = replace(release, model=replace(release.model, tag="v2", name="mirror.example/m"))

    assert verify(layout, stored.digest, renamed, TRUSTED).verdict == PASSING


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("predicateType", "https://slsa.dev/provenance/v1"),
        ("predicateType", "https://tidegate.dev/gate-verdict/v2"),
        ("predicateType", None),
        ("_type", "https://in-toto.io/Statement/v0.1"),
        ("_type", None),
    ],
)
def test_a_statement_of_another_type_is_no_verdict(
    field: str, value: str | None, layout: Layout, refusal: Refusal, good: dict[str, Any]
) -> None:
    """A newer version counts as another type: its numbers may mean something else."""
    finding = refusal(forged(layout, good, **{field: value}))

    wanted = {"not a gate verdict", "of an unknown type"}
    assert finding.what in wanted


def test_an_artifact_of_another_type_is_no_verdict(
    layout: Layout, release: Release, refusal: Refusal, good: dict[str, Any]
) -> None:
    """Its layer is not even read; the finding says what it is."""
    kind = "application/spdx+json"
    finding = refusal(put(layout, canonical_json(good), artifact_type=kind))

    assert (finding.what, finding.found) == ("not signed evidence", kind)
    assert refusal(release.model.digest).what == "not signed evidence"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"7", b"null", b'"text"', b"\xff\xfe"])
def test_a_layer_that_holds_no_statement_is_no_verdict(
    content: bytes, layout: Layout, refusal: Refusal
) -> None:
    """Neither bytes that are no JSON nor JSON that is no object, signed or not."""
    assert refusal(put(layout, content)).what == "not signed"
    assert refusal(put(layout, SIGNER.bundle(content))).what == "of an unknown type"


def test_a_manifest_without_a_layer_is_no_verdict(layout: Layout, refusal: Refusal) -> None:
    """There is nothing that it states, nor with two of them: which one counts?"""
    assert refusal(put(layout, b"", layers=0)).what == "not signed evidence"
    assert refusal(put(layout, b"", layers=2)).what == "not signed evidence"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"text", b"[]", b"{}", b'{"artifactType": []}'])
def test_a_blob_that_is_no_manifest_is_no_verdict(
    content: bytes, layout: Layout, refusal: Refusal
) -> None:
    """As when somebody names the digest of a layer."""
    digest = layout.add_blob(content, "text/plain")["digest"]

    assert refusal(digest).what == "not signed evidence"


@pytest.mark.parametrize(
    "predicate",
    [
        None,
        {},
        [],
        "pass",
        PASSING.as_dict(),
        PASSING.model_dump(mode="json", by_alias=True) | {"outcome": "pass"},
        PASSING.model_dump(mode="json", by_alias=True) | {"started": "today"},
    ],
    ids=["null", "empty", "list", "text", "with outcomes", "with an outcome", "without a time"],
)
def test_a_predicate_that_is_no_verdict_is_refused(
    predicate: object, layout: Layout, refusal: Refusal, good: dict[str, Any]
) -> None:
    """An outcome written beside the numbers is not believed but refused."""
    finding = refusal(forged(layout, good, predicate=predicate))

    assert finding.what == "not a verdict"
    assert finding.next_step == "run the gates again"
