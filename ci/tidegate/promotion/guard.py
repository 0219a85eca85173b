"""The guard on every commit: what it would remove from an environment, and whether it says so.

Both sides are rendered, so it does not matter which file makes an object disappear. The limit is
the one that stood before the commit: no commit raises its own.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

from tidegate.catalog.load import ENVIRONMENT, EXAMPLES, PROFILE, load
from tidegate.findings import Finding, FindingsError
from tidegate.manifests.render import build
from tidegate.promotion.git import GitError, Repository

ALLOW = "Tidegate-Allow-Removal"
# Their removal deletes data, or everything inside.
_PRECIOUS = {"Namespace", "PersistentVolumeClaim", "CustomResourceDefinition"}

# Kustomize ends generated names with a hash of their content: another content is no removal.
_GENERATED = {"ConfigMap", "Secret"}
_SHARED = {ENVIRONMENT, PROFILE}
_HASH = re.compile(r"-[bcdfghkmt2456789]{10}$")


@dataclass(frozen=True, order=True, slots=True)
class Piece:
    """An object of a unit, by the names that a cluster knows it under."""

    environment: str
    unit: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Side:
    """What a commit renders to, and how many objects each environment lets a commit remove."""

    units: frozenset[str]
    pieces: frozenset[Piece]
    limits: dict[str, int]


def guard(repository: Repository, ref: str = "HEAD") -> list[Finding]:
    """What the commits of a ref remove without saying so.

    Args:
        repository: a clone of the fork.
        ref: a commit, compared with its first parent, or a range `A..B` of them.

    Raises:
        CouldNotCheckError: there is no such commit.
    """
    span = ("--first-parent", ref) if ".." in ref else ("--max-count=1", ref)
    try:
        listed = repository.run("rev-list", "--parents", *span, "--").splitlines()
        pairs = [line.split() for line in reversed(listed)]
        return [
            fault
            for commit, *parents in pairs
            if parents and not _allowed(repository, commit)
            for fault in _check(repository, parents[0], commit)
        ]
    except GitError as error:
        raise repository.fault("no such commit", error, "name a commit or a range") from None


def _allowed(repository: Repository, commit: str) -> bool:
    """A trailer with a reason; an empty one gives none."""
    form = f"--format=%(trailers:key={ALLOW},valueonly)"
    return bool(repository.run("log", "-1", "--no-show-signature", form, commit).strip())


def _check(repository: Repository, before: str, after: str) -> Iterator[Finding]:
    changed = repository.run("diff", "--name-only", "--no-renames", "-z", before, after).split("\0")
    places = _places([name for name in changed if name])
    if not places:
        return
    old, new = (_side(repository, commit, places) for commit in (before, after))
    gone = sorted(old.pieces - new.pieces)
    step = f"say why in a trailer: {ALLOW}: <reason>"
    for unit in sorted(old.units - new.units):
        yield Finding(unit, after[:8], "whole unit removed", "the unit", "none", step)
    for piece in gone:
        if piece.kind in _PRECIOUS:
            what = f"{piece.kind} removed"
            yield Finding(piece.unit, after[:8], what, piece.name, "none", step)
    for environment, limit in sorted(old.limits.items()):
        lost = [piece for piece in gone if piece.environment == environment]
        if len(lost) > limit:
            names = ", ".join(f"{piece.kind}/{piece.name}" for piece in lost[:5])
            found = f"{len(lost)}: {names}"
            file = f"overlays/{environment}"
            yield Finding(file, after[:8], "objects removed", f"at most {limit}", found, step)


def _places(changed: list[str]) -> set[str]:
    """The overlay folders that changed files can touch; everything where they are shared."""
    shared = [name for name in changed if name.startswith(("base/", "models/"))]
    overlays = [name for name in changed if name.startswith("overlays/")]
    if shared:
        return {"overlays"}
    return {_place(Path(name).parts) for name in overlays}


def _place(parts: tuple[str, ...]) -> str:
    """The unit of a file, or its whole environment where units share the file."""
    whole = len(parts) <= 3 or parts[2] in _SHARED  # noqa: PLR2004 - overlays/<environment>/<service>/file
    return "/".join(parts[:2] if whole else parts[:3])


def _side(repository: Repository, commit: str, places: set[str]) -> Side:
    with repository.worktree(commit, lambda name: not name.startswith("tests/")) as tree:
        catalog, _ = load(tree)
        limits = {name: p.spec.max_removed_objects for name, p in catalog.policies.items()}
        folders = [
            folder
            for folder in _folders(tree)
            if any(folder.relative_to(tree).is_relative_to(place) for place in places)
        ]
        names = {folder: folder.relative_to(tree).as_posix() for folder in folders}
        known = dict.fromkeys((f.parent.name for f in _folders(tree)), 0)
        return Side(
            units=frozenset(names.values()),
            pieces=frozenset(piece for f, name in names.items() for piece in _pieces(f, name)),
            limits=known | limits,
        )


def _folders(tree: Path) -> list[Path]:
    """What is rendered on its own in an environment; examples run nowhere."""
    found = sorted((tree / "overlays").glob("*/*/"))
    return [f for f in found if f.name not in _SHARED and f.parent.name != EXAMPLES]


def _pieces(folder: Path, name: str) -> Iterator[Piece]:
    try:
        text = build(folder, name=name)
    except FindingsError:
        return  # nothing is applied from it; `tidegate check` says so
    for one in YAML(typ="safe", pure=True).load_all(text):
        if one:
            plain = _HASH.sub("", one["metadata"]["name"]) if one["kind"] in _GENERATED else None
            yield Piece(folder.parent.name, name, one["kind"], plain or one["metadata"]["name"])
