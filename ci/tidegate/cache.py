"""Remembers what was worked out from files, by a digest of those files and of what did it.

An entry is never out of date, because its key says what it was made from and by which `code`: an
edit of either gives another key. Nothing depends on an entry being there; one that cannot be read
or written is made anew.
"""

import hashlib
import json
import os
import sys
import sysconfig
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from tidegate.oci import write_atomically

T = TypeVar("T")

_DAY_SECONDS = 24 * 3600
KEPT_SECONDS = 30 * _DAY_SECONDS


def folder() -> Path:
    """Where entries are: TIDEGATE_CACHE, or tidegate in the user's cache folder."""
    own = os.environ.get("TIDEGATE_CACHE")
    shared = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(own) if own else Path(shared) / "tidegate"


@cache
def code(*patterns: str) -> str:
    """A digest of what makes a value, for its key: code, Python and all that is installed in it.

    Args:
        patterns: of the files of this package that make it; all of them where none is named.
    """
    root, total = Path(__file__).parent, hashlib.sha256()
    for path in sorted({path for one in patterns or ["**/*"] for path in root.glob(one)}):
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
    """Remember a value that JSON can tell; a folder that cannot be written keeps nothing."""
    text = told(value)
    if text is not None:
        with suppress(OSError):
            write_atomically(_path(what, key), text.encode())


def told(value: object) -> str | None:
    """A value as JSON; None where JSON would tell another one, as of dates and numbered keys."""
    try:
        text = json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return None
    return text if json.loads(text) == value else None


def _path(what: str, key: str) -> Path:
    name = hashlib.sha256(f"{what}\0{key}".encode()).hexdigest()
    return folder() / what / f"{name}.json"


def prune() -> None:
    """Forget what nobody asked for in a month; at most once a day, as there may be many entries."""
    stamp = folder() / "pruned"
    with suppress(OSError):
        if _age_seconds(stamp) < _DAY_SECONDS:
            return
    with suppress(OSError):
        write_atomically(stamp, b"")
    for path in list(folder().glob("*/*.json")):
        with suppress(OSError):
            if _age_seconds(path) > KEPT_SECONDS:
                path.unlink()


def _age_seconds(path: Path) -> float:
    return time.time() - path.stat().st_mtime
