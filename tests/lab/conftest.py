"""The real lab: one engine and one set of trained models for all tests, in a clone of its own."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from tidegate.cli.reporter import TerminalReporter
from tidegate.lab.demo import prepare
from tidegate.lab.paths import Lab

ROOT = Path(__file__).parents[2]
COMMAND_SECONDS = 600


@dataclass(frozen=True)
class Clone:
    """A copy of this repository as a fresh clone has it, sharing the installed parts."""

    root: Path

    @property
    def lab(self) -> Lab:
        """The clone's own lab."""
        return Lab(self.root)

    def environment(self) -> dict[str, str]:
        """Variables of a machine that knows nothing of the person."""
        home = self.root.parent / "home"
        home.mkdir(exist_ok=True)
        # What tests remember is kept with them; the first check of all is measured elsewhere.
        known = ("PATH", "LANG", "TIDEGATE_CACHE")
        kept = {key: os.environ[key] for key in known if key in os.environ}
        return kept | {"HOME": str(home), "COLUMNS": "120"}

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """A command line as a person types it, in the clone."""
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self.root,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_SECONDS,
        )

    def reset(self) -> None:
        """Forget every change to tracked files; the lab and what is installed stay."""
        self.run("git checkout --quiet . && git clean --quiet --force -d")


@pytest.fixture(scope="session")
def prepared() -> Lab:
    """This repository's lab with its engine installed and its models trained and packed."""
    lab = Lab(ROOT)
    # The clone shares .venv and must find nothing to install there.
    subprocess.run(["scripts/setup"], cwd=ROOT, check=True)
    with lab.locked():
        prepare(lab, TerminalReporter(Console(stderr=True)), reuse=True)
    return lab


@pytest.fixture(scope="session")
def clone(prepared: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """A fresh clone; engine, trained models and tools are linked, not installed again."""
    made = Clone(tmp_path_factory.mktemp("lab") / "tidegate")
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for file in files.splitlines():
        if (ROOT / file).is_file():
            (made.root / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / file, made.root / file)
    (made.root / ".lab").mkdir()
    for part in (".venv", ".lab/venv", ".lab/models"):
        (made.root / part).symlink_to(prepared.root / part)
    done = made.run(
        "git init --quiet --initial-branch=main && git config user.name Reader && "
        "git config user.email reader@tidegate.invalid && git add --all && "
        "git commit --quiet --message 'feat: clone'"
    )
    assert done.returncode == 0, done.stderr
    yield made
    made.run("scripts/tidegate lab down")
