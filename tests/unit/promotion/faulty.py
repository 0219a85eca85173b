"""Git commands of a promotion that fail, hang up, come late, or are the last ones of a process."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tidegate.findings import TidegateError
from tidegate.manifests.release import Release
from tidegate.oci import Layout
from tidegate.promotion import write
from tidegate.promotion.git import GitError, Repository
from tidegate.promotion.hold import hold, release_hold
from tidegate.promotion.journal import journaled
from tidegate.promotion.promote import Request, promote, rollback

# Fetch, checkout, decide, edit, commit, push, and before anybody was told.
STEPS = (
    ("after", "fetch"),
    ("after", "checkout-index"),
    ("after", "rev-parse"),
    ("before", "commit"),
    ("after", "commit"),
    ("before", "push"),
    ("after", "push"),
    ("before", "merge"),
)
BACK = (
    "rollback",
    "undo",
)  # asked for again, they say what was done, and not that nothing is to do
Kind = Literal["promote", "rollback", "undo", "hold", "release-hold"]
# A child of a small server, not of a test runner with threads.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload([__name__])


@dataclass(frozen=True)
class Action:
    """What a writer wants: one of the commands, as a pipeline would give it."""

    kind: Kind
    service: str
    environment: str
    release: Release | None = None
    evidence: str | None = None
    lift: bool = False

    def moves_what(self, other: "Action") -> bool:
        """Whether it is about the release of the unit that another action is about."""
        unit = (other.service, other.environment)
        return (self.service, self.environment) == unit and not self.kind.endswith("hold")

    def run(self, git: Repository, layout: Layout) -> str | None:
        """Do it; the commit, or None where nothing was to do."""
        unit = (git, self.service, self.environment)
        if self.kind == "hold":
            return hold(*unit, "audit").commit
        if self.kind == "release-hold":
            return release_hold(*unit, "audit").commit
        if self.kind in BACK:
            with journaled(git, self.kind, self.service, self.environment) as asked:
                return rollback(*unit, "slow", undo=self.kind == "undo", asked=asked).commit
        wanted = (self.service, self.environment, self.release, self.evidence)
        return promote(git, layout, Request(*wanted, despite_rollback=self.lift)).commit


@dataclass(frozen=True)
class Fault:
    """What becomes of the next git commands of one name, as often as `times`.

    refused: it fails and does nothing. unacknowledged: it does all, and fails then. behind: it
    succeeds and does nothing, as a fetch from a replica that has not caught up.
    """

    kind: Literal["refused", "unacknowledged", "behind"]
    step: Literal["fetch", "push"]
    times: int


class Faulty(Repository):
    """A checkout whose git commands meet a fault, or whose first push comes after something."""

    def __init__(
        self, path: Path, met: Fault | None = None, before_push: Callable[[], object] | None = None
    ) -> None:
        super().__init__(path)
        self.met = met
        self.left = met.times if met else 0
        self.before_push = before_push

    def run(self, *arguments: str, **options: Any) -> str:  # noqa: ANN401 - as it is called
        """As Repository's, where no fault is left."""
        if arguments[0] == "push" and self.before_push:
            happen, self.before_push = self.before_push, None
            happen()
        if self.met is None or arguments[0] != self.met.step or not self.left:
            return super().run(*arguments, **options)
        self.left -= 1
        if self.met.kind == "behind":
            return ""
        if self.met.kind == "unacknowledged":
            super().run(*arguments, **options)
        raise GitError("the remote end hung up unexpectedly")


class Deadly(Repository):
    """A checkout whose process is killed before or after a git command."""

    def __init__(self, path: Path, when: str, step: str) -> None:
        super().__init__(path)
        self.when, self.step = when, step

    def run(self, *arguments: str, **options: Any) -> str:  # noqa: ANN401 - as it is called
        """As Repository's, but for the last one."""
        if (self.when, self.step) == ("before", arguments[0]):
            os.kill(os.getpid(), signal.SIGKILL)
        done = super().run(*arguments, **options)
        if (self.when, self.step) == ("after", arguments[0]):
            os.kill(os.getpid(), signal.SIGKILL)
        return done


def run_killed(action: Action, git: Repository, layout: Layout, when: str, step: str) -> int | None:
    """Do it in a process that is killed there; its exit status, 0 where it never came there."""
    given = (action, Deadly(git.path, when, step), layout, dict(os.environ))
    child = _PROCESSES.Process(target=_alone, args=given)
    child.start()
    child.join()
    return child.exitcode


def _alone(action: Action, git: Repository, layout: Layout, environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    write._BACKOFF_SECONDS = 0  # noqa: SLF001 - as the tests' own process
    with suppress(TidegateError):
        action.run(git, layout)
