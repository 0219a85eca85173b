"""A remembered verdict is the verdict: 200 random edits, each checked warm and cold."""

import random
import shutil
from pathlib import Path

import pytest
from tests.conftest import ROOT

from tidegate.findings import TidegateError
from tidegate.policy.repository import inspect

EDITS, SEED = 200, 7
PARTS = ("models", "base", "policies", "exceptions", "overlays/dev", "clusters/dev-west")
EDITED = ("models", "base", "policies", "overlays")


def edit(root: Path, dice: random.Random) -> str:
    """Change, drop, double or move something in one file; returns what was done."""
    files = [p for part in EDITED for p in sorted((root / part).rglob("*.yaml"))]
    path = dice.choice(files)
    lines = path.read_text().splitlines(keepends=True)
    number = dice.randrange(len(lines)) if lines else 0
    kind = dice.choice(["number", "drop", "double", "comment", "file", "restore"])
    if kind == "number" and lines:
        lines[number] = "".join(str(int(c) ^ 1) if c.isdigit() else c for c in lines[number])
    elif kind == "drop" and lines:
        del lines[number]
    elif kind == "double" and lines:
        lines.insert(number, lines[number])
    elif kind == "comment":
        lines.append("# nothing\n")
    elif kind == "file":
        (path.parent / f"extra-{dice.randrange(9)}.yaml").write_text("a: 1\n")
    else:
        original = ROOT / path.relative_to(root)
        lines = original.read_text().splitlines(keepends=True) if original.is_file() else []
    path.write_text("".join(lines))
    return f"{kind} in line {number + 1} of {path.relative_to(root)}"


def verdict(root: Path) -> list[str]:
    """Everything that is said about a repository, whichever way the check ends."""
    try:
        return [str(one) for one in inspect(root).findings]
    except TidegateError as error:
        return [type(error).__name__, *map(str, error.findings)]


def restore(root: Path) -> None:
    """The repository as it is committed."""
    shutil.rmtree(root, ignore_errors=True)
    for part in PARTS:
        shutil.copytree(ROOT / part, root / part)


def test_warm_and_cold_verdicts_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is edited, what is remembered says what an empty cache would have said."""
    dice = random.Random(SEED)  # noqa: S311 - nothing secret
    root, done = tmp_path / "repository", list[str]()
    for number in range(EDITS):
        if number % 8 == 0:  # else everything would soon be broken in the same way
            restore(root)
        done.append(edit(root, dice))
        monkeypatch.setenv("TIDEGATE_CACHE", str(tmp_path / "warm"))
        warm = verdict(root)
        monkeypatch.setenv("TIDEGATE_CACHE", str(tmp_path / f"cold-{number}"))
        cold = verdict(root)
        shutil.rmtree(tmp_path / f"cold-{number}", ignore_errors=True)

        assert warm == cold, done[-8:]
