"""Digests name content: what was stored is what is read, whole or not at all."""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tidegate.findings import CouldNotCheckError
from tidegate.oci import CONFIG, EMPTY, LAYER, MANIFEST, Descriptor, Layout, pack_tar

DIGEST = f"sha256:{'0123456789abcdef' * 4}"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A layout that does not exist yet."""
    return Layout(tmp_path / "oci")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a file, a folder in it and a link."""
    root = tmp_path / "model"
    (root / "deep").mkdir(parents=True)
    (root / "config.json").write_text("{}")
    (root / "deep" / "weights").write_bytes(b"\x00\x01" * 600)
    (root / "link").symlink_to(root / "config.json")
    return root


def manifest(
    layout: Layout,
    *layers: Descriptor,
    kind: str = "test",
    annotations: dict[str, str] | None = None,
    subject: Descriptor | None = None,
    ref_name: str | None = None,
) -> str:
    """Store a manifest of some layers; returns its digest."""
    stored = layout.add_manifest(
        artifact_type=kind,
        config=layout.add_blob(b"{}", EMPTY),
        layers=list(layers),
        annotations=annotations or {},
        subject=subject,
        ref_name=ref_name,
    )
    return str(stored["digest"])


def test_a_packed_folder_depends_on_names_and_contents_alone(folder: Path, tmp_path: Path) -> None:
    """Times, modes, owners and the order of creation change nothing."""
    pack_tar(folder, tmp_path / "one.tar")
    os.utime(folder / "config.json", (1, 1))
    (folder / "config.json").chmod(0o600)
    (folder / "deep").chmod(0o700)

    pack_tar(folder, tmp_path / "two.tar")

    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    with tarfile.open(tmp_path / "one.tar") as tar:
        assert tar.getnames() == ["config.json", "deep", "deep/weights", "link"]
        assert {m.mode for m in tar if m.isfile()} == {0o644}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda f: (f / "config.json").write_text("[]"), id="another byte"),
        pytest.param(lambda f: (f / "config.json").rename(f / "c.json"), id="another name"),
        pytest.param(lambda f: (f / "more").touch(), id="one more file"),
        pytest.param(lambda f: (f / "empty").mkdir(), id="one more folder"),
        pytest.param(lambda f: (f / "deep" / "weights").unlink(), id="one file less"),
    ],
)
def test_any_other_content_is_another_digest(
    layout: Layout, folder: Path, change: Callable[[Path], object]
) -> None:
    """So a digest says exactly what is served."""
    (folder / "link").unlink()
    before = layout.add_folder(folder)

    change(folder)

    assert layout.add_folder(folder)["digest"] != before["digest"]


def test_a_blob_is_named_by_its_digest(layout: Layout) -> None:
    """Its descriptor says type, digest and size; the second time stores nothing."""
    stored = layout.add_blob(b"hello", CONFIG)
    again = layout.add_blob(b"hello", CONFIG)

    digest = hashlib.sha256(b"hello").hexdigest()
    assert stored == again == {"mediaType": CONFIG, "digest": f"sha256:{digest}", "size": 5}
    assert (layout.root / "blobs" / "sha256" / digest).read_bytes() == b"hello"
    assert layout.read(stored["digest"]) == b"hello"


def test_a_missing_blob_could_not_be_read(layout: Layout) -> None:
    """No store and no blob look the same: nothing can be said."""
    with pytest.raises(CouldNotCheckError, match="no such blob; wanted the blob, found no file"):
        layout.read(DIGEST)


def test_a_blob_that_is_not_what_its_name_says_could_not_be_read(layout: Layout) -> None:
    """One flipped bit is seen, and the line names both digests."""
    digest = layout.add_blob(b"hello", CONFIG)["digest"]
    path = next((layout.root / "blobs" / "sha256").iterdir())
    path.write_bytes(b"hellp")

    with pytest.raises(CouldNotCheckError) as refused:
        layout.read(digest)

    (finding,) = refused.value.findings
    assert finding.file == str(path)
    assert finding.wanted == digest
    assert finding.found == f"sha256:{hashlib.sha256(b'hellp').hexdigest()}"


def test_a_manifest_says_what_it_is_of(layout: Layout, folder: Path) -> None:
    """The layout is one that other tools read: version, index, types, annotations, subject."""
    layer = layout.add_folder(folder)
    subject = {"mediaType": MANIFEST, "digest": DIGEST, "size": 1}

    digest = manifest(layout, layer, annotations={"a": "b"}, subject=subject, ref_name="model")

    stored = layout.manifest(digest)
    assert (layer["mediaType"], stored["mediaType"]) == (LAYER, MANIFEST)
    assert (stored["schemaVersion"], stored["artifactType"]) == (2, "test")
    assert stored["layers"] == [layer]
    assert stored["annotations"] == {"a": "b"}
    assert stored["subject"] == subject
    assert json.loads((layout.root / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    (entry,) = json.loads((layout.root / "index.json").read_text())["manifests"]
    assert entry["digest"] == digest
    assert layout.find("model") == digest


def test_a_name_points_at_the_newest_manifest(layout: Layout) -> None:
    """The older one loses its place in the index; its blob stays for who knows its digest."""
    old = manifest(layout, annotations={"version": "1"}, ref_name="model")
    other = manifest(layout, annotations={"version": "1"}, ref_name="other")
    new = manifest(layout, annotations={"version": "2"}, ref_name="model")

    assert old == other  # the same content is the same manifest, listed once
    assert layout.find("model") == new
    assert layout.find("nobody") is None
    assert layout.manifest(old)["annotations"] == {"version": "1"}


def test_an_empty_store_lists_nothing(layout: Layout) -> None:
    """Looking at a store does not make it."""
    assert layout.manifests() == []
    assert layout.find("model") is None
    assert layout.referrers(DIGEST, "test") == []
    assert not layout.root.exists()


def test_referrers_are_found_by_subject_and_type_oldest_first(layout: Layout) -> None:
    """Statements about other artifacts, and other statements, do not count."""
    mine, other = (manifest(layout, annotations={"name": name}) for name in ("mine", "other"))

    def about(subject: str, number: str, kind: str) -> str:
        described = {"mediaType": MANIFEST, "digest": subject, "size": 1}
        note = {"number": number}
        return manifest(layout, kind=kind, annotations=note, subject=described)

    first = about(mine, "1", "verdict")
    about(other, "2", "verdict")
    about(mine, "3", "sbom")
    second = about(mine, "4", "verdict")

    assert layout.referrers(mine, "verdict") == [first, second]


def test_what_was_packed_is_what_is_unpacked(layout: Layout, folder: Path, tmp_path: Path) -> None:
    """Byte for byte; a link became what it led to."""
    digest = manifest(layout, layout.add_folder(folder))

    layout.unpack(digest, tmp_path / "serve" / "model")

    unpacked = tmp_path / "serve" / "model"
    assert (unpacked / "deep" / "weights").read_bytes() == b"\x00\x01" * 600
    assert (unpacked / "link").read_text() == "{}"
    assert not (unpacked / "link").is_symlink()
    assert [path.name for path in (tmp_path / "serve").iterdir()] == ["model"]


def test_a_tampered_layer_is_not_unpacked(layout: Layout, folder: Path, tmp_path: Path) -> None:
    """Nothing of it reaches the folder that would be served."""
    layer = layout.add_folder(folder)
    digest = manifest(layout, layer)
    path = layout.root / "blobs" / "sha256" / layer["digest"].removeprefix("sha256:")
    path.write_bytes(path.read_bytes().replace(b"\x00\x01", b"\x00\x02", 1))

    with pytest.raises(CouldNotCheckError, match="content does not match its name"):
        layout.unpack(digest, tmp_path / "serve" / "model")

    assert list((tmp_path / "serve").iterdir()) == []


def link(target: str) -> tarfile.TarInfo:
    """A symbolic link as a member of a layer."""
    member = tarfile.TarInfo("link")
    member.type, member.linkname = tarfile.SYMTYPE, target
    return member


@pytest.mark.parametrize(
    ("member", "found"),
    [
        (tarfile.TarInfo("../../escaped"), "a path outside"),
        (tarfile.TarInfo("/escaped"), "a path outside"),
        (link("/etc/passwd"), "a link or device"),
        (link("gone"), "a link or device"),
    ],
)
def test_a_layer_writes_files_and_folders_inside_its_folder_alone(
    member: tarfile.TarInfo, found: str, layout: Layout, tmp_path: Path
) -> None:
    """Anything else is refused, and nothing of the layer is left."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        tar.addfile(member)
    digest = manifest(layout, layout.add_blob(data.getvalue(), LAYER))

    with pytest.raises(CouldNotCheckError, match=f"is not unpacked; .* found {found}"):
        layout.unpack(digest, tmp_path / "serve" / "model")

    assert list((tmp_path / "serve").iterdir()) == []
    assert not (tmp_path / "escaped").exists()
