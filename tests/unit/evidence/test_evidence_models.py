"""Model folders: what may be in one, and that every file of it is what was signed."""

import json
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.evidence.samples import OTHER_IDENTITY, artifact

from tidegate.catalog.policy import SignerIdentity
from tidegate.evidence.models import (
    attach_model_signature,
    check_model_folder,
    model_signatures,
    sign_folder,
    verify_folder,
)
from tidegate.evidence.signing import make_key
from tidegate.evidence.statement import attestations
from tidegate.findings import CouldNotCheckError, FindingsError
from tidegate.manifests.release import Release
from tidegate.oci import EMPTY, Layout, Reference


def safetensors(values: bytes = bytes(8)) -> bytes:
    """A file of one tensor."""
    header = {"w": {"dtype": "U8", "shape": [len(values)], "data_offsets": [0, len(values)]}}
    text = json.dumps(header | {"__metadata__": {"format": "pt"}}).encode()
    return struct.pack("<Q", len(text)) + text + values


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model folder as it should be."""
    root = tmp_path / "model"
    (root / "sub").mkdir(parents=True)
    (root / "model.safetensors").write_bytes(safetensors())
    (root / "config.json").write_text('{"model_type": "llama"}')
    (root / "sub" / "tokenizer.json").write_text("{}")
    return root


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key file."""
    path = tmp_path_factory.mktemp("keys") / "key.pem"
    make_key(path)
    return path


@pytest.fixture
def signers(key: Path) -> tuple[SignerIdentity, ...]:
    """A fork that believes the key."""
    from tidegate.evidence.signing import public_key_of  # noqa: PLC0415 - beside its only use

    return (SignerIdentity(name="ci", public_key=public_key_of(key)),)


def packed(layout: Layout, folder: Path) -> Reference:
    """The folder as a packed model."""
    descriptor = layout.add_manifest(
        artifact_type="application/vnd.tidegate.model.v1",
        config=layout.add_blob(b"{}", EMPTY),
        layers=[layout.add_folder(folder)],
        annotations={},
    )
    return Reference("registry.example/model", "v1", descriptor["digest"])


def test_safetensors_and_plain_data_are_a_model(folder: Path) -> None:
    """Nothing is wrong with weights, configuration and a tokenizer."""
    assert check_model_folder(folder, name="m") == []


def a_zip(path: Path) -> None:
    """What torch.save writes today."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.pkl", b"")


FAULTS: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "pickle": ("w.pkl", lambda p: p.write_bytes(pickle.dumps([])), "refused"),
    "pickle under another name": ("w.txt", lambda p: p.write_bytes(pickle.dumps([])), "refused"),
    "torch archive": ("extra.dat", a_zip, "refused"),
    "old weights": ("pytorch_model.bin", lambda p: p.write_bytes(b"x"), "refused"),
    "upper case": ("W.PT", lambda p: p.write_bytes(b"x"), "refused"),
    "code": ("modeling.py", lambda p: p.write_text("import os"), "refused"),
    "library": ("kernel.so", lambda p: p.write_bytes(b"\x7fELF"), "refused"),
    "remote code": (
        "config.json",
        lambda p: p.write_text('{"auto_map": {"AutoModel": "x.Y"}}'),
        "asks for remote code",
    ),
    "link": ("other.json", lambda p: p.symlink_to("/etc/passwd"), "a link"),
    "empty weights": ("w.safetensors", lambda p: p.write_bytes(b""), "not safetensors"),
    "a pickle that says safetensors": (
        "w.safetensors",
        lambda p: p.write_bytes(pickle.dumps(list(range(99)))),
        "refused",
    ),
    "more than the tensors": (
        "w.safetensors",
        lambda p: p.write_bytes(safetensors() + b"tail"),
        "not safetensors",
    ),
    "a header too long": (
        "w.safetensors",
        lambda p: p.write_bytes(struct.pack("<Q", 2**40) + b"{}"),
        "not safetensors",
    ),
    "a header of another shape": (
        "w.safetensors",
        lambda p: p.write_bytes(struct.pack("<Q", 2) + b"[]"),
        "not safetensors",
    ),
}


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_what_is_no_safetensors_or_could_run_is_refused(folder: Path, fault: str) -> None:
    """By name and by content, in one line that names the file."""
    name, make, what = FAULTS[fault]
    (folder / name).unlink(missing_ok=True)
    make(folder / name)

    (finding,) = check_model_folder(folder, name="m")

    assert (finding.file, finding.what) == (f"m/{name}", what)


def test_a_folder_without_weights_is_refused(folder: Path) -> None:
    """It could only be completed from elsewhere."""
    (folder / "model.safetensors").unlink()

    (finding,) = check_model_folder(folder, name="m")

    assert finding.what == "no weights"


@given(st.binary(max_size=80))
def test_no_bytes_break_the_reading_of_a_header(content: bytes) -> None:
    """Whatever a file holds, it is safetensors or it is told that it is not."""
    import tempfile  # noqa: PLC0415 - a folder for each example

    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "w.safetensors"
        path.write_bytes(content)

        assert {f.what for f in check_model_folder(path.parent, name="m")} <= {
            "not safetensors",
            "refused",
        }


CHANGES: dict[str, Callable[[Path], object]] = {
    "flipped": lambda m: (m / "model.safetensors").write_bytes(safetensors(bytes(7) + b"\1")),
    "added": lambda m: (m / "more.json").write_text("{}"),
    "added where git keeps its own": lambda m: (m / ".gitattributes").write_text("x"),
    "deleted": lambda m: (m / "config.json").unlink(),
    "renamed": lambda m: (m / "config.json").rename(m / "config2.json"),
}


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_any_change_of_a_folder_breaks_its_signature(
    folder: Path, key: Path, signers: tuple[SignerIdentity, ...], change: str
) -> None:
    """A bit of a weight, a file more, a file less, a file elsewhere."""
    signature = sign_folder(folder, key)
    assert verify_folder(folder, signature, signers, name="m") == "ci"

    CHANGES[change](folder)

    with pytest.raises(FindingsError, match="model is not what was signed"):
        verify_folder(folder, signature, signers, name="m")


def test_a_signature_by_another_key_is_refused(folder: Path, key: Path) -> None:
    """Nor is anybody believed where the role is empty."""
    signature = sign_folder(folder, key)

    for signers in ((OTHER_IDENTITY,), ()):
        with pytest.raises(FindingsError, match="model is not what was signed"):
            verify_folder(folder, signature, signers, name="m")


def test_a_packed_model_bears_its_signature(
    layout: Layout, folder: Path, key: Path, signers: tuple[SignerIdentity, ...]
) -> None:
    """It lies beside the model, is verified on the unpacked files, and is no statement of gates."""
    release = Release(artifact(layout, "engine"), packed(layout, folder))
    digest = attach_model_signature(layout, release.model.digest, key)

    good, others = model_signatures(layout, release, signers)
    nobody, reasons = model_signatures(layout, release, (OTHER_IDENTITY,))

    assert [(one.digest, one.signers) for one in good] == [(digest, frozenset({"ci"}))]
    assert (others, nobody, len(reasons)) == ([], [], 1)
    assert attestations(layout, release, signers) == ([], [])


def test_a_signature_of_another_model_does_not_count(
    layout: Layout, folder: Path, key: Path, signers: tuple[SignerIdentity, ...]
) -> None:
    """Copied beside a changed model, it says that the files differ."""
    first = packed(layout, folder)
    signed = attach_model_signature(layout, first.digest, key)
    (folder / "config.json").write_text('{"model_type": "other"}')
    second = packed(layout, folder)
    manifest = layout.manifest(signed)
    layout.add_manifest(
        artifact_type=manifest["artifactType"],
        config=manifest["config"],
        layers=manifest["layers"],
        annotations=manifest["annotations"],
        subject=manifest["subject"] | {"digest": second.digest},
    )

    good, others = model_signatures(layout, Release(first, second), signers)

    assert good == []
    assert "model is not what was signed" in str(others[0])


def test_a_model_that_could_run_code_is_never_signed(
    layout: Layout, folder: Path, key: Path
) -> None:
    """Nor does a signature that it bears count."""
    (folder / "evil.pkl").write_bytes(pickle.dumps([]))
    model = packed(layout, folder)

    with pytest.raises(FindingsError, match=r"evil.pkl: file: refused"):
        attach_model_signature(layout, model.digest, key)


def test_a_key_that_cannot_sign_models_is_told(folder: Path, tmp_path: Path) -> None:
    """Exit 2."""
    (tmp_path / "key.pem").write_text("nothing")

    with pytest.raises(CouldNotCheckError, match="cannot sign the model"):
        sign_folder(folder, tmp_path / "key.pem")
