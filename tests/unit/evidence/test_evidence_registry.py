"""Evidence travels next to its image, and is worth after the way what it was worth before."""

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from tests.conftest import Cli
from tests.unit.evidence.registry import OciRegistry, Rounds, digest_of, serving
from tests.unit.evidence.samples import PASSING, SIGNER, TRUSTED

from tidegate.evidence import referrers as module
from tidegate.evidence.referrers import pull, push
from tidegate.evidence.statement import store, stored, verify
from tidegate.findings import CouldNotCheckError
from tidegate.manifests.release import Release
from tidegate.oci import EMPTY, INDEX, Layout


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[OciRegistry]:
    """An empty registry, and nobody's user."""
    monkeypatch.setattr(module, "_PAUSE_SECONDS", 0)
    for key in ("USER", "PASSWORD"):
        monkeypatch.delenv(f"TIDEGATE_REGISTRY_{key}", raising=False)
    with serving() as found:
        yield found


@pytest.fixture
def proven(layout: Layout, release: Release, registry: OciRegistry) -> Release:
    """A release with two verdicts, whose artifacts' manifests are in the registry."""
    for reference in (release.engine, release.model):
        registry.put_manifest(reference.digest, layout.read(reference.digest))
    for minute in (1, 2):
        said = PASSING.model_copy(update={"started": f"2024-01-01T12:0{minute}:00Z"})
        store(layout, release, said, SIGNER)
    host = registry.host
    return Release(
        replace(release.engine, name=f"{host}/lab/engine"),
        replace(release.model, name=f"{host}/lab/model"),
    )


@pytest.mark.parametrize("referrers", [True, False], ids=["referrers", "fall-back tag"])
def test_what_was_pushed_proves_in_another_store(
    layout: Layout, proven: Release, registry: OciRegistry, tmp_path: Path, *, referrers: bool
) -> None:
    """All of it, with its signature, whether the registry lists referrers or not; once."""
    registry.referrers = referrers

    assert len(push(layout, proven)) == 4
    registry.writes.clear()
    assert push(layout, proven) == []
    assert registry.writes == []

    other = Layout(tmp_path / "other")
    assert len(pull(other, proven)) == 4
    assert pull(other, proven) == []
    assert sorted(stored(other, proven)) == sorted(stored(layout, proven))
    newest = stored(layout, proven)[-1]
    assert verify(other, newest, proven, TRUSTED) == verify(layout, newest, proven, TRUSTED)
    tags = [name for name in registry.manifests if not name.startswith("sha256:")]
    assert len(tags) == (0 if referrers else 2)


def test_an_image_for_several_platforms_has_evidence_too(
    layout: Layout, proven: Release, registry: OciRegistry, tmp_path: Path
) -> None:
    """Its digest is that of an index, which comes with the evidence as it is."""
    image = layout.adopt(json.dumps({"mediaType": INDEX, "manifests": []}).encode())
    engine = replace(proven.engine, digest=image["digest"])
    registry.put_manifest(engine.digest, layout.read(engine.digest))
    several = Release(engine, proven.model)
    store(layout, several, PASSING, SIGNER)
    push(layout, several)
    other = Layout(tmp_path / "other")

    pull(other, several)

    assert other.manifest(engine.digest)["mediaType"] == INDEX
    assert verify(other, stored(other, several)[-1], several, TRUSTED).release == several


def test_the_commands_say_how_much_went(
    repository: Path, layout: Layout, proven: Release, tmp_path: Path, cli: Cli
) -> None:
    """Both take a release by its digests, and a store."""
    named = ("--engine", f"{proven.engine}", "--model-artifact", f"{proven.model}")
    other = ("--root", repository, "--store", tmp_path / "other")

    pushed = cli("evidence", "push", *named, "--root", repository, "--store", layout.root)
    pulled = cli("evidence", "pull", *named, *other)

    assert (pushed.code, pushed.out) == (0, f"{proven}: pushed 4\n")
    assert (pulled.code, pulled.out) == (0, f"{proven}: pulled 4\n")


@pytest.fixture
def packed(layout: Layout, proven: Release, registry: OciRegistry, tmp_path: Path) -> Release:
    """The release with a packed model of two files, all of which is in the registry."""
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("config.json", "model.safetensors"):
        (folder / name).write_bytes(name.encode() * 100_000)
    config, layer = layout.add_blob(b"{}", EMPTY), layout.add_folder(folder)
    made = layout.add_manifest(artifact_type="m", config=config, layers=[layer], annotations={})
    model = replace(proven.model, digest=made["digest"])
    registry.put_manifest(model.digest, layout.read(model.digest))
    registry.blobs |= {one["digest"]: layout.read(one["digest"]) for one in (config, layer)}
    return Release(proven.engine, model)


def test_the_model_comes_too_where_a_policy_asks_for_its_signature(
    repository: Path, layout: Layout, packed: Release, tmp_path: Path, cli: Cli
) -> None:
    """Its files as they were packed, and once."""
    other = Layout(tmp_path / "other")
    assert pull(other, packed) == []
    assert not other.has(layout.manifest(packed.model.digest)["layers"][0]["digest"])

    named = ("--engine", f"{packed.engine}", "--model-artifact", f"{packed.model}")
    to = ("--root", repository, "--store", other.root)
    ran = cli("evidence", "pull", *named, *to, "--with-model")
    assert (ran.code, ran.out) == (0, f"{packed}: pulled 2\n")
    assert pull(other, packed, with_model=True) == []

    other.unpack(packed.model.digest, tmp_path / "unpacked")
    names = {path.name: path.read_bytes() for path in (tmp_path / "unpacked").iterdir()}
    assert names == {path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()}


@pytest.mark.parametrize("fault", ["another byte", "gone"])
def test_half_a_model_or_another_one_is_none(
    layout: Layout, packed: Release, registry: OciRegistry, tmp_path: Path, fault: str
) -> None:
    """Exit 2, and the store holds nothing of it."""
    other = Layout(tmp_path / "other")
    pull(other, packed)
    (layer,) = (one["digest"] for one in layout.manifest(packed.model.digest)["layers"])
    if fault == "another byte":
        registry.blobs[layer] += b"x"
    else:
        del registry.blobs[layer]

    with pytest.raises(CouldNotCheckError, match=r"blobs/sha256:.*found (sha256:|HTTP 404)"):
        pull(other, packed, with_model=True)

    assert not other.has(layer)
    assert [path.name for path in other.root.iterdir() if path.name.startswith(".")] == []


def test_evidence_of_two_stores_meets_in_the_registry(
    layout: Layout, proven: Release, registry: OciRegistry, tmp_path: Path
) -> None:
    """Also under the tag: a push adds to the list."""
    registry.referrers = False
    push(layout, proven)
    other = Layout(tmp_path / "other")
    pull(other, proven)
    said = PASSING.model_copy(update={"started": "2024-01-01T12:09:00Z"})
    added = store(other, proven, said, SIGNER)

    assert len(push(other, proven)) == 2
    assert len(pull(layout, proven)) == 2
    assert added.digest in stored(layout, proven)


def test_an_entry_that_a_race_lost_comes_back_with_the_next_push(
    layout: Layout, proven: Release, registry: OciRegistry
) -> None:
    """Another list was written over ours under the tag; the manifests themselves are there."""
    registry.referrers = False
    tag = proven.engine.digest.replace(":", "-")
    pushed = push(layout, proven)
    index = json.loads(registry.manifests[tag])
    registry.manifests[tag] = json.dumps(index | {"manifests": index["manifests"][1:]}).encode()

    assert push(layout, proven) == pushed[:1]

    listed = json.loads(registry.manifests[tag])["manifests"]
    assert {one["digest"] for one in listed} == set(pushed[:2])


def writer(folder: Path, proven: Release, minute: int) -> Layout:
    """A store of its own with one verdict on a release, made in this minute."""
    other = Layout(folder)
    pull(other, proven)
    said = PASSING.model_copy(update={"started": f"2024-01-01T13:0{minute}:00Z"})
    store(other, proven, said, SIGNER)
    return other


def test_writers_of_one_tag_lose_nothing(
    proven: Release, registry: OciRegistry, tmp_path: Path
) -> None:
    """Four at once in the worst order: who is overwritten sees it and writes again."""
    registry.referrers = False
    writers = [writer(tmp_path / f"{n}", proven, n) for n in range(4)]
    tags = [one.digest.replace(":", "-") for one in (proven.engine, proven.model)]
    registry.rounds = {tag: Rounds(len(writers)) for tag in tags}

    with ThreadPoolExecutor(len(writers)) as pool:
        pushed = list(pool.map(push, writers, [proven] * len(writers)))

    for number, tag in enumerate(tags):
        listed = [one["digest"] for one in json.loads(registry.manifests[tag])["manifests"]]
        assert sorted(listed) == sorted(digests[number] for digests in pushed)
        assert registry.rounds[tag].writes == 4 + 3 + 2 + 1


def test_a_list_that_keeps_nothing_is_told(
    layout: Layout, proven: Release, registry: OciRegistry
) -> None:
    """After so many writes it is exit 2, and never a push that says it is done."""
    registry.referrers, registry.forgetful = False, True

    with pytest.raises(CouldNotCheckError, match="wanted 2 of ours, found 2 missing after 8 wri"):
        push(layout, proven)


def test_who_may_push_is_asked_for_by_token(
    layout: Layout, proven: Release, registry: OciRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the user and password of two variables; without them it is exit 2."""
    registry.user = base64.b64encode(b"ada:secret").decode()
    with pytest.raises(CouldNotCheckError, match=r"found HTTP 401 - .*TIDEGATE_REGISTRY_USER"):
        push(layout, proven)

    monkeypatch.setenv("TIDEGATE_REGISTRY_USER", "ada")
    monkeypatch.setenv("TIDEGATE_REGISTRY_PASSWORD", "secret")

    assert len(push(layout, proven)) == 4


@pytest.mark.parametrize("kind", ["blobs", "manifests"])
def test_what_is_not_what_its_digest_says_is_not_taken(
    layout: Layout, proven: Release, registry: OciRegistry, tmp_path: Path, kind: str
) -> None:
    """Neither a manifest nor the bundle in it; the store holds nothing of it."""
    push(layout, proven)
    held = getattr(registry, kind)
    for digest in stored(layout, proven):
        name = digest if kind == "manifests" else layout.manifest(digest)["layers"][0]["digest"]
        held[name] += b" "
    other = Layout(tmp_path / "other")

    with pytest.raises(CouldNotCheckError, match=r"wanted sha256:[0-9a-f]*, found sha256:"):
        pull(other, proven)

    assert stored(other, proven) == []


@pytest.mark.parametrize("status", [401, 403, 429, 500])
def test_a_registry_that_refuses_is_told(
    layout: Layout, proven: Release, registry: OciRegistry, status: int
) -> None:
    """In one line, for both ways."""
    registry.status = status
    for way in (push, pull):
        with pytest.raises(
            CouldNotCheckError, match=f"wanted an answer of 200, found HTTP {status}"
        ):
            way(layout, proven)


@pytest.mark.parametrize(
    "content", [b"no json", b"[]", b'{"manifests": [{}]}', b'{"manifests": 1}']
)
def test_a_list_that_is_none_is_never_an_empty_one(
    layout: Layout, proven: Release, registry: OciRegistry, content: bytes
) -> None:
    """It would be written over, and what it held be lost."""
    registry.referrers = False
    tag = proven.engine.digest.replace(":", "-")
    registry.manifests[tag] = content

    with pytest.raises(CouldNotCheckError, match="wanted an index of manifests, found something"):
        push(layout, proven)

    assert registry.manifests[tag] == content


def test_a_registry_that_is_not_there_is_told(
    layout: Layout, proven: Release, tmp_path: Path
) -> None:
    """Nothing is pulled, and nothing is believed."""
    nowhere = replace(proven, engine=replace(proven.engine, name="127.0.0.1:1/lab/engine"))
    with pytest.raises(CouldNotCheckError, match=r"127\.0\.0\.1:1/lab/engine: .* found .*refused"):
        pull(Layout(tmp_path / "other"), nowhere)
    assert digest_of(layout.read(proven.engine.digest)) == proven.engine.digest
