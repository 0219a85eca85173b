"""A release, and the two `images:` entries of one kustomization that hold it.

An engine and a model are set by the same Kustomize transformer, so that a promotion changes one
file. A fork that never promoted has no entries: the base's names are not valid image references
and cannot run.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from tidegate.findings import refuse
from tidegate.oci import Reference, canonical_json, short

ENGINE = "REPLACE_ME-engine"
MODEL = "REPLACE_ME-model"


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


def _yaml() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def read_release(kustomization: Mapping[str, Any], *, file: str) -> Release | None:
    """The release in a parsed kustomization; None where none was ever promoted.

    Raises:
        FindingsError: there are entries, but not exactly one pinned engine and one pinned model.
    """
    entries = kustomization.get("images") or []
    if not entries:
        return None
    try:
        found = {entry["name"]: _reference(entry) for entry in entries}
        release = Release(found.pop(ENGINE), found.pop(MODEL))
    except (KeyError, TypeError, ValueError) as error:
        raise refuse(
            file,
            "images",
            "not a release",
            wanted=f"{ENGINE} and {MODEL}, each with newName, newTag and digest",
            found=str(error),
            next_step="let `tidegate promote` or `tidegate rollback` write it",
        ) from None
    return release


def _reference(entry: Mapping[str, str]) -> Reference:
    return Reference.parse(f"{entry['newName']}:{entry['newTag']}@{entry['digest']}")


def with_release(text: str, release: Release) -> str:
    """The text of a kustomization with this release and no other change.

    Comments, order and quoting stay; a promotion's diff is the lines of the two entries.
    """
    document = _load(text)
    entries = {entry["name"]: entry for entry in document.get("images") or ()}
    for name, reference in ((ENGINE, release.engine), (MODEL, release.model)):
        entry = entries.setdefault(name, CommentedMap(name=name))
        entry["newName"] = reference.name
        entry["newTag"] = reference.tag
        entry["digest"] = reference.digest
    if not document.get("images"):
        document["images"] = CommentedSeq(entries.values())
    return _dump(document)


def _load(text: str) -> CommentedMap:
    document: CommentedMap = _yaml().load(text)
    return document


def _dump(document: CommentedMap) -> str:
    out = io.StringIO()
    _yaml().dump(document, out)
    return out.getvalue()


def with_components(text: str, components: list[str]) -> str:
    """The text of a kustomization with these components and no other change."""
    document = _load(text)
    document["components"] = CommentedSeq(components)
    return _dump(document)


def read_kustomization(path: Path) -> dict[str, Any]:
    """A kustomization as plain data; a file that is no mapping reads as empty."""
    data = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    return data if isinstance(data, dict) else {}
