"""References and files: what is written is what is read, whole or not at all."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.oci import Reference, canonical_json, short, write_atomically

DIGEST = f"sha256:{'0123456789abcdef' * 4}"
NAMES = st.from_regex(
    r"[a-z0-9][a-z0-9._-]{0,9}(:[0-9]{1,5})?(/[a-z0-9][a-z0-9._-]{0,9}){1,3}", fullmatch=True
)
TAGS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)


@given(name=NAMES, tag=TAGS)
def test_a_reference_is_read_as_it_is_written(name: str, tag: str) -> None:
    """Registries may have ports, names may have many parts."""
    written = Reference(name, tag, DIGEST)

    assert Reference.parse(str(written)) == written


@pytest.mark.parametrize(
    "text",
    [
        "",
        "registry.example/engine",
        "registry.example/engine:v1",
        f"registry.example/engine@{DIGEST}",
        f"engine:v1@{DIGEST}",
        f"registry.example/engine:v1@{DIGEST[:-1]}",
        f"registry.example/engine:v1@{DIGEST.upper()}",
        f"registry.example/engine:v1@{DIGEST}\n",
        f"registry.example/Engine:v1@{DIGEST}",
        f"registry.example/engine:-v1@{DIGEST}",
        f"https://registry.example/engine:v1@{DIGEST}",
    ],
)
def test_anything_less_pinned_is_no_reference(text: str) -> None:
    """A tag alone can move, a digest alone tells people nothing."""
    with pytest.raises(ValueError, match="is not name:tag@sha256"):
        Reference.parse(text)


def test_people_compare_eight_digits() -> None:
    """The algorithm is always the same and is not shown."""
    assert short(DIGEST) == "01234567"


@given(st.dictionaries(st.text(), st.integers() | st.text()))
def test_one_value_is_one_byte_string(value: dict[str, int | str]) -> None:
    """Whatever the order in which its keys came."""
    backwards = dict(reversed(value.items()))

    assert canonical_json(value) == canonical_json(backwards)
    assert json.loads(canonical_json(value)) == value


def test_a_file_is_written_whole_and_readable_by_others(tmp_path: Path) -> None:
    """Its folder is made, its mode is that of any file, and no other file stays behind."""
    path = tmp_path / "new" / "file"

    write_atomically(path, b"one")
    write_atomically(path, b"two")

    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(path.parent.iterdir()) == [path]


def test_a_write_that_fails_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk may fill up in the middle."""
    path = tmp_path / "file"
    path.write_bytes(b"before")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fchmod", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"after")

    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]
