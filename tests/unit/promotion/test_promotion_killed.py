"""What is killed at any step is run again and ends as one commit."""

import signal
from pathlib import Path

import pytest
from tests.unit.promotion.conftest import Fork
from tests.unit.promotion.faulty import BACK, STEPS, Action, Kind, run_killed

from tidegate.manifests.release import Release
from tidegate.promotion.journal import FOLDER

DECIDE = ("after", "log")


def action(forked: Fork, kind: Kind) -> Action:
    """The action on dev's generator, which changes something on the fork of `ready`."""
    if kind != "promote":
        return Action(kind, "generator", "dev")
    request = forked.request("v4")
    assert isinstance(request.release, Release)
    return Action(kind, "generator", "dev", request.release, request.evidence)


def ready(forked: Fork, kind: Kind) -> Fork:
    """A fork whose dev ran v1, v2 and v3, with what must be there before the action."""
    for tag in ("v1", "v2", "v3"):
        forked.to_dev(tag)
    if kind == "undo":
        action(forked, "rollback").run(forked.git, forked.store.layout)
    return forked


def left_behind(forked: Fork) -> list[Path]:
    """Checkouts and ids of killed runs."""
    git = forked.git.path / ".git"
    return [*(git / "tidegate").glob("*"), *(git / FOLDER).glob("*")]


@pytest.mark.parametrize("kind", ["promote", *BACK])
def test_what_is_killed_at_any_step_is_one_commit_when_it_is_run_again(
    forked: Fork, kind: Kind
) -> None:
    """Exactly one, the same one, and nothing of the killed run is left."""
    wanted = action(ready(forked, kind), kind)
    first = forked.tip()
    for when, step in [*STEPS, DECIDE]:
        forked.remote.run("update-ref", "refs/heads/main", first)
        forked.git.run("fetch", "--quiet")
        forked.git.run("reset", "--quiet", "--hard", "origin/main")
        ended = run_killed(wanted, forked.git, forked.store.layout, when, step)
        assert ended == -signal.SIGKILL
        landed = forked.tip() if forked.tip() != first else None

        done = wanted.run(forked.git, forked.store.layout)

        assert done in {None, forked.tip()}
        assert landed in {None, forked.tip()}
        assert done or (landed and kind not in BACK)
        assert forked.remote.run("rev-parse", "main^").strip() == first
        assert forked.git.run("rev-parse", "HEAD").strip() == forked.tip()
        assert forked.worktrees() == 1
        assert left_behind(forked) == []
        assert forked.git.run("status", "--porcelain") == ""
