"""Which files a folder is rendered from, and the folders that nothing else renders.

A kustomization names files and folders under many keys and more may come. So every string in it
that leads to something is taken as a reference: one too many costs a render, one too few a lie.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from yaml import YAMLError

from tidegate.machine_yaml import read_all

NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
# What these keys name is part of the result, wherever it is; other strings may be no paths.
_LISTS = ("resources", "components", "bases")
_REMOTE = ("http://", "https://")
# Where rendered folders live.
_PLACES = ("base", "clusters", "models", "overlays", "policies")

Step = tuple[set[Path], set[Path]]
"""The files that a folder adds to what is read, and the folders that it leads to."""
Links = Mapping[Path, set[Path]]
"""What each folder with a kustomization leads to, resolved."""
NO_LINKS: Links = MappingProxyType({})


def kustomization_of(folder: Path) -> Path | None:
    """A folder's kustomization file, if it has one."""
    return next((folder / name for name in NAMES if (folder / name).is_file()), None)


def _step(
    folder: Path, links: Links = NO_LINKS, real: Callable[[str], str] = os.path.realpath
) -> Step:
    paths = links.get(folder)
    if paths is None:
        if kustomization_of(folder) is None:
            return {path for path in folder.rglob("*") if path.is_file()}, set()
        paths = references(folder, real)
    folders = {path for path in paths if path.is_dir()}
    # All files of the folder, so that a second kustomization or a new file counts.
    with os.scandir(folder) as entries:
        files = {Path(entry.path) for entry in entries if entry.is_file()}
    return files | paths - folders, folders


def _digest(file: Path) -> bytes:
    return hashlib.sha256(file.read_bytes()).digest()


def reached(folder: Path, step: Callable[[Path], Step] = _step) -> set[Path]:
    """Every file that rendering a folder may read, resolved; what is not here among them.

    Raises:
        OSError, UnicodeDecodeError, YAMLError: a kustomization cannot be read.
    """
    found = set[Path]()
    waiting, seen = [folder.resolve()], set[Path]()
    while waiting:
        place = waiting.pop()
        if place not in seen:
            seen.add(place)
            files, folders = step(place)
            found |= files
            waiting += folders
    return found


def references(folder: Path, real: Callable[[str], str] = os.path.realpath) -> set[Path]:
    """What a folder's kustomization leads to, resolved: files, other folders, what is not here.

    Args:
        folder: one with a kustomization.
        real: follows links.
    """
    file, place = kustomization_of(folder), str(folder)
    names, listed = _names(file.read_text(encoding="utf-8")) if file else (set(), set())
    found = set[str]()
    for name in names:
        # As Kustomize does: `..` is taken from the text before any link is followed.
        path = os.path.normpath(os.path.join(place, name))  # noqa: PTH118 - as in _once
        if name in listed or name.startswith(_REMOTE) or os.path.lexists(path):
            found.add(real(path))
    return {Path(path) for path in found - {real(place)}}


def _once() -> Callable[[str], str]:
    """As `os.path.realpath`, but each folder on the way is looked at once."""

    @cache
    def real(path: str) -> str:
        parent, name = os.path.split(path)
        if name in {"", ".", ".."} or os.path.islink(path):  # noqa: PTH114 - thousands of paths
            return os.path.realpath(path)
        return os.path.join(real(parent), name)  # noqa: PTH118 - which are text here

    return real


@cache
def _names(kustomization: str) -> tuple[set[str], set[str]]:
    """What in a kustomization may be a path, and what of it must be one.

    Most are read once for each folder that they are part of.
    """
    data = _parsed(kustomization)
    names = {part for text in _strings(data) for part in (text, text.rpartition("=")[2])}
    listed = {text for key in _LISTS for text in _strings(data.get(key))}
    return {name for name in names if _may_be_path(name)}, listed


def _may_be_path(text: str) -> bool:
    """Whether a file system can be asked for it: scripts and long texts are no paths."""
    if not 0 < len(text) < _LONGEST_PATH or {"\n", "\0"} & set(text):
        return False
    return all(len(name.encode(errors="replace")) <= _LONGEST_NAME for name in text.split("/"))


_LONGEST_PATH = 1024
_LONGEST_NAME = 255  # bytes


def read_file(file: Path) -> dict[str, Any]:
    """A kustomization's data, to read only; the fast reader will do, as only strings matter."""
    return _parsed(file.read_text(encoding="utf-8"))


@cache
def _parsed(text: str) -> dict[str, Any]:
    data = next(read_all(text), None)
    return data if isinstance(data, dict) else {}


def _strings(value: Any) -> Iterator[str]:  # noqa: ANN401 - YAML
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one)


def fingerprint(
    folder: Path,
    step: Callable[[Path], Step] = _step,
    digest: Callable[[Path], bytes] = _digest,
) -> str | None:
    """A digest of all that a folder is rendered from; None where that cannot be told or had."""
    root, total = str(folder.resolve()), hashlib.sha256()
    try:
        paths = {str(path): path for path in reached(folder, step)}
        start = len(os.path.commonpath([root, *paths]))
        total.update(root[start:].encode())
        for name in sorted(paths):
            total.update(f"\0{name[start:]}\0".encode() + digest(paths[name]))
    except (OSError, UnicodeDecodeError, YAMLError):
        return None
    return total.hexdigest()


def fingerprints(folders: Iterable[Path], links: Links = NO_LINKS) -> list[str | None]:
    """As `fingerprint` for each folder, but what several are rendered from is read once.

    Args:
        folders: what is rendered.
        links: those that were followed already; others are followed here.
    """
    step = cache(partial(_step, links=links, real=_once()))
    digest = cache(_digest)
    return [fingerprint(folder, step, digest) for folder in folders]


def find_links(root: Path) -> Links:
    """What each folder with a kustomization leads to; unreadable ones are left out.

    Rendering says what is wrong with those.
    """
    found: dict[Path, set[Path]] = {}
    real = _once()
    for place in _PLACES:
        for folder, _, files in os.walk(root / place):
            if not set(NAMES).isdisjoint(files):
                with suppress(OSError, UnicodeDecodeError, YAMLError):
                    found[Path(real(folder))] = references(Path(folder), real)
    return found


def find_roots(root: Path, links: Links) -> list[str]:
    """Folders that render on their own: kustomizations that no other one leads to."""
    used = {path for paths in links.values() for path in paths}
    whole = [folder for folder in sorted(links) if folder not in used and not _component(folder)]
    return [folder.relative_to(root.resolve()).as_posix() for folder in whole]


def _component(folder: Path) -> bool:
    file = kustomization_of(folder)
    return file is None or read_file(file).get("kind") == "Component"


def find_unused(root: Path, links: Links, folders: Iterable[str]) -> list[str]:
    """Folders of base/ that rendering none of these folders reads."""
    used, waiting = set[Path](), [(root / folder).resolve() for folder in folders]
    while waiting:
        folder = waiting.pop()
        if folder not in used:
            used.add(folder)
            waiting += links.get(folder, ())
    base = (root / "base").resolve()
    left = (one for one in links if one.is_relative_to(base) and one not in used)
    return sorted(one.relative_to(root.resolve()).as_posix() for one in left)
