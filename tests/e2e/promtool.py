"""The pinned promtool and what it reads."""

import subprocess
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from tests.e2e.tools import tool


def run(*arguments: str | Path) -> str:
    """What promtool says; its exit status must be 0."""
    done = subprocess.run(
        [tool("prometheus", "promtool"), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def write(file: Path, data: dict[str, Any]) -> Path:
    """A file of rules or tests, written."""
    YAML(typ="safe", pure=True).dump(data, file)
    return file
