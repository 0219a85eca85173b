"""The pinned promtool, built on first use."""

import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from tests.conftest import ROOT


@cache
def promtool() -> str:
    """Where it is."""
    command = [str(ROOT / "scripts" / "tool"), "prometheus", "promtool"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


def run(*arguments: str | Path) -> str:
    """What promtool says; its exit status must be 0."""
    done = subprocess.run([promtool(), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def write(file: Path, data: dict[str, Any]) -> Path:
    """A file of rules or tests, written."""
    YAML(typ="safe", pure=True).dump(data, file)
    return file
