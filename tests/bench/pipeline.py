"""What a pull request waits for with `tidegate ci --base`, by what it changes, and each step of it.

The changes are made in a clone whose caches are warm: what is installed, trained and remembered
is there, as it is where a team works all day.
"""

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from math import inf
from pathlib import Path

from tests.bench.figures import Figures

ROOT = Path(__file__).parents[2]
OVERLAY = "overlays/dev/generator/kustomization.yaml"
PROMISED = {"one overlay": 60.0, "a document": 60.0, "code of a gate": 180.0, "code": 180.0}


def one_overlay(clone: Path) -> None:
    """A service of one environment and its golden file, as whoever tunes it changes both."""
    _append(clone / OVERLAY, "commonAnnotations: {example.com/changed: today}\n")
    run(clone, ".venv/bin/tidegate", "render", "--update")


def document(clone: Path) -> None:
    """A sentence of a guide."""
    _append(clone / "docs/how-to/README.md", "\nA sentence more.\n")


def code_of_a_gate(clone: Path) -> None:
    """A module of one layer, as most changes of code are."""
    _append(clone / "ci/tidegate/gates/latency.py", "\n\n# Changed.\n")


def code(clone: Path) -> None:
    """A module that every other one imports, so that nothing that code can break is left out."""
    _append(clone / "ci/tidegate/findings.py", "\n\n# Changed.\n")


CHANGES: dict[str, Callable[[Path], None]] = {
    "one overlay": one_overlay,
    "a document": document,
    "code of a gate": code_of_a_gate,
    "code": code,
}


def _append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def run(clone: Path, *command: str) -> None:
    """A command in the clone that must succeed."""
    subprocess.run(command, cwd=clone, check=True, capture_output=True)


def pipeline() -> Figures:
    """Four pull requests, one after the other, each from the same commit."""
    with tempfile.TemporaryDirectory(dir=ROOT.parent) as folder:
        clone = warm(Path(folder) / "tidegate")
        return [figure for what in CHANGES for figure in pull_request(clone, what)]


def warm(clone: Path) -> Path:
    """A clone of the last commit in which everything ran before that is remembered between runs."""
    run(ROOT, "git", "clone", "--quiet", str(ROOT), str(clone))
    run(clone, "git", "config", "user.name", "Bench")
    run(clone, "git", "config", "user.email", "bench@tidegate.invalid")
    for name in ("models", "oci", "keys", "cache"):
        if (ROOT / ".lab" / name).exists():
            shutil.copytree(ROOT / ".lab" / name, clone / ".lab" / name)
    run(clone, "scripts/setup")
    up, down = (["tidegate", "lab", word] for word in ("up", "down"))
    for command in (up, down, ["tidegate", "check"], ["mypy"]):
        run(clone, f".venv/bin/{command[0]}", *command[1:])
    run(clone, "git", "branch", "--move", "base")
    return clone


def pull_request(clone: Path, what: str) -> Figures:
    """Seconds until the verdict on one change, and of each command that ran for it."""
    run(clone, "git", "checkout", "--quiet", "-B", "change", "base")
    CHANGES[what](clone)
    run(clone, "git", "commit", "--quiet", "--all", "--message=feat: change")
    started = time.perf_counter()
    done = subprocess.run(
        [".venv/bin/tidegate", "ci", "--base", "base", "--here", "--json"],
        cwd=clone,
        check=True,
        capture_output=True,
        text=True,
    )
    seconds = time.perf_counter() - started
    steps = [one for one in json.loads(done.stdout) if one["outcome"] == "passed"]
    return [
        (f"tidegate ci --base, {what} changed", seconds, "s", PROMISED[what]),
        *((f"{what} changed: {one['name']}", one["seconds"], "s", inf) for one in steps),
    ]
