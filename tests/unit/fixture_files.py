"""One change to this repository a file: how it is read, and how it is made.

A fixture changes `file`: `replace` and `with`, or `write` for its whole content, or `copy` for a
folder like another, or `remove: true`. Where it is the kustomization of a unit, `set` and a list
to `remove` are patches there, by pointers that begin with a kind and a name: one unit is rendered
anew for them, and not all that share a base.
"""

import json
import shutil
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from tests.conftest import ROOT

from tidegate.policy.explain import rendered_object

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
    if pointers := _pointers(change):
        return next(filter(None, (_nowhere(root, change["file"], one) for one in pointers)), None)
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
    if pointers := _pointers(change):
        _patch(path, [_patched(root, change, pointer) for pointer in pointers])
    elif change.get("remove"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    elif "write" in change:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(change["write"])
    elif "copy" in change:
        shutil.copytree(root / change["copy"], path)
    else:
        path.write_text(path.read_text().replace(change["replace"], change["with"], 1))


def _pointers(change: Change) -> list[str]:
    removed = change.get("remove")
    return [*change.get("set", {}), *(removed if isinstance(removed, list) else [])]


def _nowhere(root: Path, file: str, pointer: str) -> str | None:
    """Why a pointer leads nowhere; what it sets may be new, but not what that is in."""
    kind, name, *steps, _ = pointer.split("/")
    value: Any = rendered_object(root, file, kind, name)
    for step in steps:
        key = step.replace("~1", "/")
        value = value[int(key)] if isinstance(value, list) else (value or {}).get(key)
    return None if value else f"has nothing at {pointer}"


def _patched(root: Path, change: Change, pointer: str) -> dict[str, Any]:
    """A pointer's entry in the patches of a kustomization."""
    kind, name, *steps = pointer.split("/")
    found = rendered_object(root, change["file"], kind, name)
    assert found is not None
    version = found["apiVersion"].split("/")[-1]
    operation: dict[str, Any] = {"op": "remove", "path": "/".join(["", *steps])}
    if pointer in change.get("set", {}):
        op = "replace" if steps[-1].isdigit() else "add"
        operation |= {"op": op, "value": change["set"][pointer]}
    target = {"version": version, "kind": kind, "name": name}
    return {"target": target, "patch": json.dumps([operation])}


def _patch(path: Path, patches: list[dict[str, Any]]) -> None:
    yaml = YAML()
    kustomization = yaml.load(path.read_text())
    kustomization["patches"] = [*kustomization.get("patches", []), *patches]
    yaml.dump(kustomization, path)
