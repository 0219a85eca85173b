"""The pinned Go tools, built on first use."""

import subprocess
from functools import cache

from tests.conftest import ROOT
from tests.e2e.conftest import impossible


@cache
def tool(family: str, name: str) -> str:
    """Where it is."""
    command = [str(ROOT / "scripts" / "tool"), family, name]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        impossible(f"tools/{family} cannot be built", "allow the Go module proxy, or its mirror")
    return done.stdout.strip()
