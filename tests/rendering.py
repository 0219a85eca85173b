"""Renders what has not changed once, so that a test pays for the folder that it breaks."""

import hashlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

# A word that begins with a slash is a place in an object, as patches name them.
_WORD = re.compile(r"(?<![\w./-])[\w.][\w./-]*")


def folders(start: Path) -> Iterator[Path]:
    """The folder and every folder that its kustomizations name, at any depth.

    Kustomize reads files from these alone: a file outside its kustomization's folder is refused.
    """
    seen: set[Path] = set()
    waiting = [start.resolve()]
    while waiting:
        folder = waiting.pop()
        if folder in seen:
            continue
        seen.add(folder)
        yield folder
        file = folder / "kustomization.yaml"
        text = file.read_text(errors="replace") if file.is_file() else ""
        waiting += [
            (folder / word).resolve()
            for word in _WORD.findall(text)
            if word != "." and (folder / word).is_dir()
        ]


def key(folder: Path) -> str:
    """A digest of everything that the folder renders from, wherever the repository lies."""
    digest = hashlib.sha256()
    for one in sorted(folders(folder)):
        for file in sorted(path for path in one.rglob("*") if path.is_file()):
            digest.update(f"{os.path.relpath(file, folder.resolve())}\0".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def remembering(build: Callable[..., str]) -> Callable[..., str]:
    """`build`, but what this kubectl rendered once is not rendered again; faults are."""
    known: dict[tuple[str, str], str] = {}

    def built(folder: Path, *, name: str) -> str:
        one = (sys.executable, key(folder))
        if one not in known:
            known[one] = build(folder, name=name)
        return known[one]

    return built
