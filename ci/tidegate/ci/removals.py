"""What the commits of a change remove, held to the guard like the other steps."""

import time
from pathlib import Path

from tidegate.ci.run import Outcome, Result
from tidegate.findings import TidegateError
from tidegate.oci import write_atomically
from tidegate.promotion.git import Repository
from tidegate.promotion.guard import guard

REMOVALS = "check/removals"


def removals(root: Path, ref: str, results: Path) -> Result:
    """What the commits since `ref` remove without saying why, told as a command of the steps is.

    Args:
        root: the repository.
        ref: where the change left; its commits alone count, not what is not committed.
        results: the folder for the log.
    """
    started, log = time.monotonic(), results / f"{REMOVALS.replace('/', '-')}.log"
    try:
        findings, outcome = [*guard(Repository(root), f"{ref}..HEAD")], Outcome.FAILED
    except TidegateError as error:
        findings, outcome = [*error.findings], Outcome.BROKEN
    write_atomically(log, "".join(f"{finding}\n" for finding in findings).encode())
    if not findings:
        return Result(REMOVALS, Outcome.PASSED, time.monotonic() - started, log=log)
    return Result(REMOVALS, outcome, time.monotonic() - started, str(findings[0]), log)
