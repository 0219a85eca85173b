"""What scripts/test does not run stays able to run."""

import subprocess
import sys

from tests.conftest import ROOT


def test_every_test_of_the_long_suite_finds_its_fixtures() -> None:
    """They are set up in plan alone: a fixture that was renamed ends them before they begin."""
    plan = [sys.executable, "-m", "pytest", "-q", "--setup-plan", "-n", "0", "tests/e2e"]

    planned = subprocess.run(plan, cwd=ROOT, check=False, capture_output=True, text=True)

    assert planned.returncode == 0, planned.stdout[-2000:]
