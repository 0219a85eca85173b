"""Remembers what was worked out from files, by a digest of those files and of this code.

An entry is never out of date, because its name says what it was made from: an edit gives another
name. Nothing depends on an entry being there; one that cannot be read or written is made anew.
"""

import hashlib
import json
import os
import sys
import sysconfig
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from tidegate.oci import write_atomically

T = TypeVar("T")

KEPT_SECONDS = 30 * 24 * 3600


def folder() -> Path:
    """Where entries are: TIDEGATE_CACHE, or tidegate in the user's cache folder."""
    own = os.environ.get("TIDEGATE_CACHE")
    shared = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(own) if own else Path(shared) / "tidegate"


@cache
def code() -> str:
    """A digest of this package's code and data, and of Python and all that is installed in it."""
    root, total = Path(__file__).parent, hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            total.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    installed = Path(sysconfig.get_path("purelib")).glob("*.dist-info")
    total.update("\0".join([sys.version, *sorted(path.name for path in installed)]).encode())
    return total.hexdigest()


def read(what: str, key: str, kind: type[T]) -> T | None:
    """The value of `kind` that was remembered under a key, or None."""
    path = _path(what, key)
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        os.utime(path)
    except (OSError, ValueError):
        return None
    return value if isinstance(value, kind) else None


def write(what: str, key: str, value: Any) -> None:  # noqa: ANN401 - JSON
    """Remember a value; a folder that cannot be written keeps nothing."""
    try:
        write_atomically(_path(what, key), json.dumps(value).encode())
    except OSError:
        return


def _path(what: str, key: str) -> Path:
    name = hashlib.sha256(f"{what}\0{code()}\0{key}".encode()).hexdigest()
    return folder() / what / f"{name}.json"


def prune() -> None:
    """Forget what nobody asked for in a month."""
    for path in list(_entries()):
        try:
            if time.time() - path.stat().st_mtime > KEPT_SECONDS:
                path.unlink()
        except OSError:
            continue


def _entries() -> Iterator[Path]:
    return folder().glob("*/*.json")
