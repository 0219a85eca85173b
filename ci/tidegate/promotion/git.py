"""Git, as much of it as promotion needs, run as the `git` command.

Git's own configuration decides identity, signing and transport; nothing is forced, and no
history is rewritten.
"""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tidegate.findings import CouldNotCheckError, cannot_check, refuse

REMOTE = "origin"
BRANCH = "main"
# A remote that does not answer must not keep a pipeline for ever.
TIMEOUT_SECONDS = 120


class GitError(Exception):
    """A git command failed; the text is its last line of error output."""


class Repository:
    """A checkout with a remote called `origin` whose branch `main` is the truth."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def run(self, *arguments: str, cwd: Path | None = None) -> str:
        """Standard output of a git command; raises GitError."""
        # A question would wait for a person that a pipeline does not have.
        environment = os.environ | {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
        try:
            done = subprocess.run(
                ["git", *arguments],
                cwd=cwd or self.path,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=TIMEOUT_SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise GitError(str(error)) from error
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            raise GitError("; ".join(lines) or f"exit {done.returncode}")
        return done.stdout

    def fault(self, what: str, error: GitError, next_step: str) -> CouldNotCheckError:
        """The error line for a git command that failed."""
        return cannot_check(
            self.path, "git", what, wanted="success", found=str(error), next_step=next_step
        )

    def require_clean(self) -> None:
        """Nothing for a checkout without changes.

        Raises:
            FindingsError: there are changes that a promotion would leave behind.
            CouldNotCheckError: this is no git checkout.
        """
        try:
            changed = self.run("status", "--porcelain").splitlines()
        except GitError as error:
            raise self.fault(
                "not a checkout", error, "run it inside a clone of your fork"
            ) from None
        if changed:
            raise refuse(
                changed[0][3:],
                "working tree",
                "uncommitted changes",
                wanted="a clean tree",
                found=f"{len(changed)} changed",
                next_step="commit or stash them; nothing was promoted",
            )

    def fetch(self) -> str:
        """The tip of the remote's main branch, fetched; raises CouldNotCheckError."""
        try:
            self.run("fetch", "--quiet", "--prune", REMOTE)
            return self.run("rev-parse", "--verify", f"{REMOTE}/{BRANCH}^{{commit}}").strip()
        except GitError as error:
            raise self.fault(
                "cannot fetch", error, "check `git remote -v` and your access"
            ) from None

    @contextmanager
    def worktree(self, commit: str) -> Iterator[Path]:
        """A throw-away checkout of `commit`, so that the caller's own files stay untouched."""
        with tempfile.TemporaryDirectory(prefix="tidegate-") as temporary:
            path = Path(temporary) / "tree"
            self.run("worktree", "prune")  # what a killed run left
            self.run("worktree", "add", "--quiet", "--detach", str(path), commit)
            try:
                yield path
            finally:
                self.run("worktree", "remove", "--force", str(path))

    def commit(self, tree: Path, message: str) -> str:
        """Commit everything that changed in a worktree; returns the commit."""
        self.run("commit", "--quiet", "--all", f"--message={message}", cwd=tree)
        return self.run("rev-parse", "HEAD", cwd=tree).strip()

    def push(self, commit: str, branch: str) -> None:
        """Push without force; raises GitError."""
        self.run("push", "--quiet", REMOTE, f"{commit}:refs/heads/{branch}")

    def contains(self, branch: str, commit: str) -> bool:
        """Whether the fetched remote branch has the commit."""
        try:
            self.run("merge-base", "--is-ancestor", commit, f"{REMOTE}/{branch}")
        except GitError:
            return False
        return True

    def fast_forward(self) -> None:
        """Bring the checkout to the fetched main where that loses nothing; else leave it."""
        try:
            if self.run("symbolic-ref", "--short", "HEAD").strip() == BRANCH:
                self.run("merge", "--quiet", "--ff-only", f"{REMOTE}/{BRANCH}")
        except GitError:
            return
