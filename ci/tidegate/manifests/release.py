"""A release, and the two `images:` entries of one kustomization that hold it.

An engine and a model are set by the same Kustomize transformer, so that a promotion changes one
file. A fork that never promoted has no entries: the base's names are not valid image references
and cannot run.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from tidegate.catalog.reading import document
from tidegate.findings import FindingsError, refuse
from tidegate.oci import Reference, canonical_json, short

ENGINE = "REPLACE_ME-engine"
MODEL = "REPLACE_ME-model"

# Tags that some YAML reader takes for a number, a date, a truth value or nothing.
_AMBIGUOUS = re.compile(r"[0-9_].*|y|n|yes|no|on|off|true|false|null", re.IGNORECASE)
_SCALAR = re.compile(r"'[^']*'|\"[^\"]*\"|[^\s,}]+")


@dataclass(frozen=True, slots=True)
class Release:
    """What a service runs: an engine image and a model artifact, both by digest."""

    engine: Reference
    model: Reference

    def __str__(self) -> str:
        return f"{short(self.engine.digest)}+{short(self.model.digest)}"

    def as_dict(self) -> dict[str, str]:
        """The release as JSON-ready data."""
        return {"engine": str(self.engine), "model": str(self.model)}

    @classmethod
    def from_dict(cls, data: Mapping[str, str]) -> "Release":
        """The inverse of `as_dict`; raises ValueError or KeyError."""
        return cls(Reference.parse(data["engine"]), Reference.parse(data["model"]))

    def to_line(self) -> str:
        """The release in one line, as a commit trailer holds it."""
        return canonical_json(self.as_dict()).decode()


def read_release(kustomization: Mapping[str, Any], *, file: str) -> Release | None:
    """The release in a parsed kustomization; None where none was ever promoted.

    Raises:
        FindingsError: there are entries, but not exactly one pinned engine and one pinned model.
    """
    entries = kustomization.get("images") or []
    if not entries:
        return None
    try:
        found = {entry["name"]: _reference(entry) for entry in _two(entries)}
        release = Release(found[ENGINE], found[MODEL])
    except (KeyError, TypeError, ValueError) as error:
        raise refuse(
            file,
            "images",
            "not a release",
            wanted=f"{ENGINE} and {MODEL}, each with newName, newTag and digest",
            found=str(error),
            next_step="remove `images:`; `tidegate promote` and `tidegate rollback` write it",
        ) from None
    return release


def _two(entries: list[Mapping[str, str]]) -> list[Mapping[str, str]]:
    """The entries, if there is no third: Kustomize would let it change the two."""
    if len(entries) > len((ENGINE, MODEL)):
        raise ValueError(", ".join(str(entry["name"]) for entry in entries))
    return entries


def _reference(entry: Mapping[str, str]) -> Reference:
    return Reference.parse(f"{entry['newName']}:{entry['newTag']}@{entry['digest']}")


def with_release(text: str, release: Release) -> str:
    """The text of a kustomization with this release and no other change.

    Comments, order and quoting stay; a promotion's diff is the lines of the two entries.
    """
    document = _load(text)
    try:
        whole = read_release(document, file="images") is not None
    except FindingsError:
        whole = False
    if not whole:
        pins = [(ENGINE, release.engine), (MODEL, release.model)]
        return _with_block(text, "images", [line for pin in pins for line in _entry_lines(*pin)])
    entries = {entry["name"]: entry for entry in document["images"]}
    places = [
        (entries[name].lc.value(key), value)
        for name, reference in ((ENGINE, release.engine), (MODEL, release.model))
        for key, value in _values(reference)
    ]
    lines = text.splitlines(keepends=True)
    for (line, column), value in sorted(places, reverse=True):  # a line's last value first
        lines[line] = _with_scalar(lines[line], column, value)
    return "".join(lines)


def _values(reference: Reference) -> Iterator[tuple[str, str]]:
    yield from (("newName", reference.name), ("newTag", reference.tag))
    yield "digest", reference.digest


def _entry_lines(name: str, reference: Reference) -> Iterator[str]:
    yield f"  - name: {name}"
    for key, value in _values(reference):
        yield f"    {key}: {_quoted(value)}"


def _quoted(value: str) -> str:
    return f'"{value}"' if _AMBIGUOUS.fullmatch(value) else value


def _with_scalar(line: str, column: int, value: str) -> str:
    """The line with another value at the column, in the same quotes."""
    old = _SCALAR.match(line, column)
    if old is None:
        raise AssertionError(f"no value at {column} of {line!r}")
    quote = old[0][0] if old[0][0] in "\"'" else ""
    new = f"{quote}{value}{quote}" if quote else _quoted(value)
    return line[:column] + new + line[old.end() :]


def _with_block(text: str, key: str, block: list[str]) -> str:
    """The text with these lines as the value of a top-level key, at its place or at the end."""
    document = _load(text)
    lines = text.partition("\n...")[0].splitlines()
    starts = sorted(document.lc.key(other)[0] for other in document)
    start = end = len(lines)
    if key in document:
        start = document.lc.key(key)[0]
        end = next((other for other in starts if other > start), len(lines))
    while end > start + 1 and (not lines[end - 1].strip() or lines[end - 1].startswith("#")):
        end -= 1  # what stands before the next key belongs to that key
    return "\n".join([*lines[:start], f"{key}:", *block, *lines[end:], ""])


def _load(text: str) -> CommentedMap:
    document: CommentedMap = YAML().load(text)
    return document


def with_components(text: str, components: list[str]) -> str:
    """The text of a kustomization with these components and no other change."""
    return _with_block(text, "components", [f"  - {component}" for component in components])


def read_kustomization(path: Path) -> dict[str, Any]:
    """A kustomization as plain data; a file that is no mapping reads as empty."""
    data = document(path.read_text(encoding="utf-8"))
    return data if isinstance(data, dict) else {}
