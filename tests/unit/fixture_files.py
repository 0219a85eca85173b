"""One change to this repository a file: how it is read, and how it is made.

A fixture changes `file`: `replace` and `with`, or `write` for its whole content, or `copy` for a
folder like another, or `remove`.
"""

import shutil
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from tests.conftest import ROOT

Change = dict[str, Any]


def files(kind: str) -> list[Path]:
    """The fixtures of a folder, so that a new file is a new test."""
    return sorted((ROOT / "tests" / "fixtures" / kind).glob("*.yaml"))


def read(path: Path) -> Change:
    """A fixture as data."""
    data: Change = YAML(typ="safe").load(path.read_text())
    return data


def obstacle(change: Change, root: Path) -> str | None:
    """Why a fixture would change nothing in a repository, or not what it means to."""
    path = root / change["file"]
    if "copy" in change:
        return _copied(root / change["copy"], path)
    if "write" in change:
        return "holds that already" if _text(path) == change["write"] else None
    if change.get("remove"):
        return None if path.exists() else "is not there"
    return None if change["replace"] in _text(path) else "does not hold what is replaced"


def _copied(source: Path, target: Path) -> str | None:
    if target.exists():
        return "is there already"
    return None if source.is_dir() else "is a copy of nothing"


def _text(path: Path) -> str:
    return path.read_text() if path.is_file() else ""


def apply(change: Change, root: Path) -> None:
    """Make the fixture's one change in a repository."""
    assert obstacle(change, root) is None
    path = root / change["file"]
    if change.get("remove"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    elif "write" in change:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(change["write"])
    elif "copy" in change:
        shutil.copytree(root / change["copy"], path)
    else:
        path.write_text(path.read_text().replace(change["replace"], change["with"], 1))
