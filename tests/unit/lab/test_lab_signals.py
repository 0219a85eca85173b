"""What the lab starts heeds signals, whatever its parent ignores."""

import os
import signal
from pathlib import Path

import pytest
from tests.unit.lab.conftest import eventually

from tidegate.lab.process import exit_code, spawn

pytestmark = pytest.mark.usefixtures("left")


def test_a_command_heeds_sigterm_though_its_parent_ignores_it(tmp_path: Path) -> None:
    """Who cleans up ignores a second signal; what it started must still end at its first."""
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        pid = spawn(["/bin/sleep", "600"], tmp_path / "sleep.log")
    finally:
        signal.signal(signal.SIGTERM, before)

    os.kill(pid, signal.SIGTERM)

    eventually(lambda: exit_code(pid) == -signal.SIGTERM)
