"""Git, as much of it as promotion needs, run as the `git` command.

Git's own configuration decides identity, signing and transport; nothing is forced, and no
history is rewritten.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path

from tidegate.findings import CouldNotCheckError, cannot_check, refuse

REMOTE = "origin"
BRANCH = "main"
# A remote that does not answer must not keep a pipeline for ever.
TIMEOUT_SECONDS = 120
# Set by git for its own hooks; they would turn every command here to another repository.
_LOCATION = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_WORK_TREE",
)

Needed = Callable[[str], bool]


class GitError(Exception):
    """A git command failed; the text is its error output in one line."""


def tracking(branch: str) -> str:
    """The ref that holds a branch as last fetched, in full: a tag may have its short name."""
    return f"refs/remotes/{REMOTE}/{branch}"


class Repository:
    """A checkout with a remote called `origin` whose branch `main` is the truth."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def run(
        self,
        *arguments: str,
        cwd: Path | None = None,
        given: str | None = None,
        errors: str = "replace",
    ) -> str:
        """Standard output of a git command; raises GitError.

        Args:
            arguments: the command without `git`.
            cwd: where to run it; the checkout if None.
            given: its standard input.
            errors: how bytes that are no UTF-8 are read, as old commits may have them.
        """
        environment = {key: value for key, value in os.environ.items() if key not in _LOCATION}
        # A question would wait for a person that a pipeline does not have.
        environment |= {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
        try:
            done = subprocess.run(
                ["git", *arguments],
                cwd=cwd or self.path,
                env=environment,
                input=given,
                capture_output=True,
                encoding="utf-8",
                errors=errors,
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

    def not_a_checkout(self, error: GitError) -> CouldNotCheckError:
        """The error line where there is no repository."""
        return self.fault("not a checkout", error, "run it inside a clone of your fork")

    def place(self) -> str:
        """Where origin is, without credentials; raises CouldNotCheckError where there is none."""
        try:
            url = self.run("remote", "get-url", REMOTE).strip()
        except GitError as error:
            raise self.fault("no origin", error, "name a remote called origin") from None
        scheme, found, rest = url.partition("://")
        host, slash, path = rest.partition("/")
        return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}" if found else url

    def require_clean(self) -> None:
        """Nothing for a checkout without changes.

        Raises:
            FindingsError: there are changes that a promotion would leave behind.
            CouldNotCheckError: this is no git checkout.
        """
        try:
            status = self.run("status", "--porcelain", "--no-renames", "-z")
        except GitError as error:
            raise self.not_a_checkout(error) from None
        changed = status.split("\0")[:-1]  # names as they are, not quoted for a terminal
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
            return self.run("rev-parse", "--verify", f"{tracking(BRANCH)}^{{commit}}").strip()
        except GitError as error:
            raise self.fault(
                "cannot fetch", error, "check `git remote -v` and your access"
            ) from None

    @contextmanager
    def worktree(self, commit: str, needed: Needed = lambda _: True) -> Iterator[Path]:
        """A throw-away checkout of `commit`, so that the caller's own files stay untouched.

        Args:
            commit: what to check out.
            needed: which files of it; the others are in the index and not on disk.
        """
        home = self.git_path("tidegate")
        home.mkdir(exist_ok=True)
        self._forget_killed_runs(home)
        path = Path(tempfile.mkdtemp(dir=home, prefix=f"{os.getpid()}-")) / "tree"
        try:
            self.run("worktree", "add", "--quiet", "--detach", "--no-checkout", str(path), commit)
            self._fill(path, needed)
            yield path
        finally:
            shutil.rmtree(path.parent, ignore_errors=True)
            with suppress(GitError):
                self.run("worktree", "prune")

    def _fill(self, tree: Path, needed: Needed) -> None:
        """Write the needed files of HEAD; the index knows the others and does not miss them."""
        self.run("read-tree", "HEAD", cwd=tree)
        # A name may be in any encoding; it goes back to git as it came.
        any_name = "surrogateescape"
        names = self.run("ls-files", "-z", cwd=tree, errors=any_name).split("\0")[:-1]
        for command, wanted in (("update-index --skip-worktree", False), ("checkout-index", True)):
            given = "".join(f"{name}\0" for name in names if needed(name) is wanted)
            self.run(*command.split(), "-z", "--stdin", cwd=tree, given=given, errors=any_name)

    def _forget_killed_runs(self, home: Path) -> None:
        """Remove the checkouts of processes that are no more."""
        import psutil  # noqa: PLC0415 - who only reads does without

        for left in home.glob("*-*"):
            if not psutil.pid_exists(int(left.name.partition("-")[0])):
                shutil.rmtree(left, ignore_errors=True)

    def git_path(self, name: str) -> Path:
        """A path among git's own files of this checkout."""
        return self._git_folder / name

    @cached_property
    def _git_folder(self) -> Path:
        return self.path / self.run("rev-parse", "--git-dir").strip()

    def commit(self, tree: Path, message: str, *files: str, new: Sequence[str] = ()) -> str:
        """Commit these files of a worktree, or all that changed; returns the commit.

        Args:
            tree: the worktree.
            message: of the commit.
            files: what to commit.
            new: those of them that git may not know yet.
        """
        if new:
            self.run("add", "--intent-to-add", "--", *new, cwd=tree)
        what = ("--only", "--", *files) if files else ("--all",)
        try:
            self.run("commit", "--quiet", f"--message={message}", *what, cwd=tree)
        except GitError:
            self._require_identity(tree)
            raise
        return self.run("rev-parse", "HEAD", cwd=tree).strip()

    def _require_identity(self, tree: Path) -> None:
        """Git's own message takes eight lines to say this."""
        try:
            for who in ("GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT"):
                self.run("var", who, cwd=tree)
        except GitError as error:
            raise cannot_check(
                self.path,
                "git",
                "nobody to commit as",
                wanted="user.name and user.email",
                found=str(error).rpartition("; ")[2],
                next_step="set both with `git config`; nothing was committed",
            ) from None

    def push(self, commit: str, branch: str) -> None:
        """Push without force; raises GitError."""
        self.run("push", "--quiet", REMOTE, f"{commit}:refs/heads/{branch}")

    def contains(self, ref: str, commit: str) -> bool:
        """Whether the history of `ref` has the commit; False where there is no such ref."""
        try:
            self.run("merge-base", "--is-ancestor", commit, ref)
        except GitError:
            return False
        return True

    def same_change(self, ref: str, commit: str) -> str | None:
        """The commit at `ref` if it makes the change that `commit` makes, on the same parent."""
        content = "{0}", "{0}^{{tree}}", "{0}^"
        try:
            theirs, *found = self.run("rev-parse", *(c.format(ref) for c in content)).split()
            _, *wanted = self.run("rev-parse", *(c.format(commit) for c in content)).split()
        except GitError:
            return None
        return theirs if found == wanted else None

    def fast_forward(self) -> None:
        """Bring the checkout to the fetched main where that loses nothing; else leave it."""
        try:
            if self.run("symbolic-ref", "--short", "HEAD").strip() == BRANCH:
                self.run("merge", "--quiet", "--ff-only", tracking(BRANCH))
        except GitError:
            return
