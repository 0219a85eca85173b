"""A promotion that is killed at any step is run again and ends as one commit."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.promotion.conftest import Fork

from tidegate.manifests.release import Release

# Runs a promotion to dev and kills itself before or after the git command that is named.
HELPER = """
import os, signal, sys
from pathlib import Path
from tidegate.manifests.release import Release
from tidegate.oci import Layout, Reference
from tidegate.promotion.git import Repository
from tidegate.promotion.promote import Request, promote

folder, when, step, engine, model, evidence = sys.argv[1:]
run = Repository.run

def killed(self, *arguments, **options):
    if arguments[0] == step and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    done = run(self, *arguments, **options)
    if arguments[0] == step and when == "after":
        os.kill(os.getpid(), signal.SIGKILL)
    return done

Repository.run = killed
release = Release(Reference.parse(engine), Reference.parse(model))
layout = Layout(Path(folder) / "store")
request = Request("generator", "dev", release, evidence)
promote(Repository(Path(folder) / "repository"), layout, request)
"""
# Fetch, checkout, decide, edit, commit, push, and before anybody was told.
STEPS = [
    ("after", "fetch"),
    ("after", "checkout-index"),
    ("after", "log"),
    ("before", "commit"),
    ("after", "commit"),
    ("before", "push"),
    ("after", "push"),
    ("before", "merge"),
]


def run_killed(forked: Fork, when: str, step: str) -> int:
    """Promote in a process that is killed there; returns its exit status."""
    request = forked.request()
    assert isinstance(request.release, Release)
    names = [str(request.release.engine), str(request.release.model), str(request.evidence)]
    command = [sys.executable, "-c", HELPER, str(forked.git.path.parent), when, step, *names]
    return subprocess.run(command, check=False, capture_output=True).returncode


def left_behind(forked: Fork) -> list[Path]:
    """Checkouts of killed runs."""
    return list((forked.git.path / ".git" / "tidegate").glob("*"))


@pytest.mark.parametrize(("when", "step"), STEPS)
def test_a_promotion_killed_at_any_step_is_one_commit_when_it_is_run_again(
    forked: Fork, when: str, step: str
) -> None:
    """Exactly one, with the same release, and nothing of the killed run is left."""
    assert run_killed(forked, when, step) == -signal.SIGKILL

    done = forked.to_dev()

    (record,) = forked.records()
    assert len(forked.subjects()) == 1
    assert record.commit == forked.tip()
    assert record.release == done.release == forked.store.release()
    assert forked.worktrees() == 1
    assert left_behind(forked) == []
    assert forked.git.run("status", "--porcelain") == ""
