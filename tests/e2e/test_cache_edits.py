"""A remembered verdict is the verdict: 200 random edits, each checked warm and cold."""

import hashlib
import random
import shutil
from pathlib import Path

import pytest
from tests.conftest import ROOT

from tidegate.findings import TidegateError
from tidegate.manifests import render
from tidegate.policy.repository import inspect

ROUNDS, EDITS = 25, 8  # else everything would soon be broken in the same way
PARTS = (
    *("models", "base", "policies", "exceptions", "overlays/dev", "clusters/dev-west"),
    *("ci/images", "docs/runbooks"),
)
EDITED = ("models", "base", "policies", "overlays", "clusters")
KINDS = ("number", "drop", "double", "comment", "copy", "new", "remove", "restore")


def edit(root: Path, dice: random.Random) -> str:
    """Change, copy, add, remove or restore one file; returns what was done."""
    files = [p for part in EDITED for p in sorted((root / part).rglob("*")) if p.is_file()]
    path, kind = dice.choice(files), dice.choice(KINDS)
    name, lines = path.relative_to(root), path.read_text().splitlines(keepends=True)
    number = dice.randrange(len(lines)) if lines else 0
    match kind:
        case "number" if lines:
            lines[number] = "".join(str(int(c) ^ 1) if c.isdigit() else c for c in lines[number])
        case "drop" | "double" if lines:
            lines[number : number + 1] = lines[number : number + 1] * (2 * (kind == "double"))
        case "comment":
            lines.append("# nothing\n")
        case "copy":
            same = [other for other in files if other.name == path.name]
            lines = [dice.choice(same).read_text()]
        case "new":
            path = path.parent / f"extra-{dice.randrange(9)}.yaml"
            lines = ["a: 1\n"]
        case "restore":
            original = ROOT / name
            lines = [original.read_text()] if original.is_file() else []
        case _:
            pass  # removed below, or a line of a file without any
    path.unlink(missing_ok=True)
    if kind != "remove":
        path.write_text("".join(lines))
    return f"{kind}, line {number + 1} of {name}"


def verdict(root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Everything that is said about a repository, whichever way the check ends."""
    monkeypatch.setenv("TIDEGATE_CACHE", str(cache))
    try:
        return [str(one) for one in inspect(root).findings]
    except TidegateError as error:
        return [type(error).__name__, *map(str, error.findings)]


def differing(seed: int, folder: Path, warm: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was edited until warm and cold differ, and how they do; nothing if they never do."""
    dice = random.Random(seed)  # noqa: S311 - nothing secret
    root, done = folder / "repository", list[str]()
    for part in PARTS:
        shutil.copytree(ROOT / part, root / part)
    for number in range(EDITS):
        done.append(edit(root, dice))
        remembered = set(verdict(root, warm, monkeypatch))
        anew = set(verdict(root, folder / f"cold-{number}", monkeypatch))
        if remembered != anew:
            return [*done, *sorted(remembered ^ anew)]
    return []


@pytest.fixture(autouse=True)
def _busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """That a rendering took too long is no difference."""
    monkeypatch.setattr(render, "RENDER_TIMEOUT_SECONDS", 900)


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that remembers all rounds, so that what comes back is not checked again."""
    return tmp_path_factory.mktemp("warm")


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_warm_and_cold_verdicts_are_the_same(
    seed: int, tmp_path: Path, warm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is edited, what is remembered says what an empty cache would have said."""
    assert differing(seed, tmp_path, warm, monkeypatch) == []


def test_a_cache_that_overlooks_what_is_referred_to_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison can fail: a key of a folder's own files is caught by such edits."""

    def own_files(folder: Path) -> str:
        files = sorted(path for path in folder.iterdir() if path.is_file())
        return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()

    monkeypatch.setattr(render, "fingerprints", lambda folders, _: [*map(own_files, folders)])
    rounds = [tmp_path / str(seed) for seed in range(ROUNDS)]

    assert any(differing(n, one, tmp_path / "warm", monkeypatch) for n, one in enumerate(rounds))
