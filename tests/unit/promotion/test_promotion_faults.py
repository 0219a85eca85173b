"""What goes wrong with git, the remote or the machine leaves everything as it was."""

import shutil
import subprocess
from pathlib import Path

import pytest
from tests.unit.promotion.conftest import Fork

from tidegate.findings import CouldNotCheckError, FindingsError
from tidegate.manifests.render import build
from tidegate.promotion.promote import rollback

NEXT = "nothing was promoted"


def fault(forked: Fork) -> str:
    """The one line of a promotion to dev that could not be made and changed nothing."""
    request = forked.request()
    with forked.untouched(), pytest.raises(CouldNotCheckError) as raised:
        forked.promote(request)
    (finding,) = raised.value.findings
    assert "\n" not in str(finding)
    return str(finding)


@pytest.mark.parametrize(
    ("file", "prepare"),
    [
        pytest.param("README of mine.txt", [], id="untracked"),
        pytest.param("models/qwen3-8b/README.md", [], id="modified"),
        pytest.param("überblick.txt", ["add", "--all"], id="staged"),
    ],
)
def test_uncommitted_changes_are_refused_by_name(
    forked: Fork, file: str, prepare: list[str]
) -> None:
    """A promotion that left them behind would surprise whoever made them."""
    (forked.git.path / file).write_text("mine")
    if prepare:
        forked.git.run(*prepare)
    request = forked.request()

    with forked.untouched(), pytest.raises(FindingsError) as refused:
        forked.promote(request)

    assert str(refused.value.findings[0]) == (
        f"{file}: working tree: uncommitted changes; wanted a clean tree, found 1 changed - "
        "commit or stash them; nothing was promoted"
    )


def test_a_folder_that_is_no_checkout_is_told_so(forked: Fork) -> None:
    """A downloaded archive has no history to promote on."""
    shutil.rmtree(forked.git.path / ".git")

    with pytest.raises(CouldNotCheckError, match=r"not a checkout.* inside a clone of your fork"):
        forked.to_dev()


def test_a_machine_without_git_is_told_so(forked: Fork, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing tool is exit 2 and names itself."""
    request = forked.request()
    monkeypatch.setenv("PATH", "")

    with pytest.raises(CouldNotCheckError, match="No such file or directory: 'git'"):
        forked.promote(request)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(["remote", "remove", "origin"], "'origin' does not appear", id="no remote"),
        pytest.param(
            ["remote", "set-url", "origin", "/nowhere/remote.git"],
            "'/nowhere/remote.git' does not appear",
            id="no such repository",
        ),
        pytest.param(
            ["remote", "set-url", "origin", "http://127.0.0.1:1/remote.git"],
            "unable to access",
            id="unreachable",
        ),
    ],
)
def test_a_remote_that_does_not_answer_is_told_so(
    forked: Fork, change: list[str], says: str
) -> None:
    """Without the remote's tip there is nothing to promote on."""
    forked.git.run(*change)

    line = fault(forked)

    assert "git: cannot fetch; wanted success, found " in line
    assert says in line
    assert line.endswith("check `git remote -v` and your access")


def test_a_remote_without_main_is_told_so(forked: Fork) -> None:
    """An empty remote is no fork yet."""
    forked.remote.run("update-ref", "-d", "refs/heads/main")
    forked.git.run("fetch", "--quiet", "--prune")

    assert "git: cannot fetch" in fault(forked)


@pytest.mark.parametrize(
    "script", ["echo protected >&2; exit 1", "printf 'prot\\351g\\351' >&2; exit 1"]
)
def test_a_remote_that_refuses_is_told_with_its_own_words(forked: Fork, script: str) -> None:
    """A protected branch is exit 2; no commit and no checkout is left, here or there."""
    forked.refuse_pushes(script)

    line = fault(forked)

    assert "git: the remote refused the push; wanted success, found remote: prot" in line
    assert "pre-receive hook declined" in line
    assert NEXT in line
    assert forked.git.run("worktree", "list").count("\n") == 1


def test_a_refused_rollback_changes_nothing_either(running: Fork) -> None:
    """The second way to write goes through the same door."""
    running.to_dev("v2")
    running.refuse_pushes()

    with running.untouched(), pytest.raises(CouldNotCheckError, match="refused the push"):
        rollback(running.git, "generator", "dev", "slow")


def test_a_committer_without_a_name_is_told_in_one_line(
    forked: Fork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fresh pipeline has no identity; the line says what to set."""
    for key in ("user.name", "user.email"):
        forked.git.run("config", "--unset", key)
    forked.git.run("config", "user.useConfigOnly", "true")
    for key in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.delenv("EMAIL", raising=False)

    line = fault(forked)

    assert line == (
        f"{forked.git.path}: git: nobody to commit as; wanted user.name and user.email, "
        "found fatal: no email was given and auto-detection is disabled - "
        "set both with `git config`; nothing was committed"
    )


def test_a_hook_of_the_fork_may_refuse_the_commit(forked: Fork) -> None:
    """A fork's own checks run before the commit, and their words are kept."""
    forked.hook("pre-commit", "echo freeze until Monday >&2; exit 1")

    line = fault(forked)

    assert "git: cannot commit; wanted success, found freeze until Monday" in line


def test_a_promotion_that_is_stopped_in_the_middle_leaves_nothing(
    forked: Fork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The release was written to the throw-away checkout only; the next run works."""
    calls: list[Path] = []

    def stop(folder: Path, *, name: str) -> str:
        calls.append(folder)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return build(folder, name=name)

    monkeypatch.setattr("tidegate.promotion.promote.build", stop)
    request = forked.request()

    with forked.untouched(), pytest.raises(KeyboardInterrupt):
        forked.promote(request)

    assert not calls[0].exists()
    assert forked.promote(request).commit == forked.tip()


def test_a_promotion_that_was_killed_does_not_stop_the_next(forked: Fork) -> None:
    """Git still lists the checkout that a killed run used; the next run forgets it."""
    gone = forked.git.path.parent / "tree"
    forked.git.run("worktree", "add", "--quiet", "--detach", str(gone))
    shutil.rmtree(gone)

    done = forked.to_dev()

    assert forked.tip() == done.commit
    assert forked.worktrees() == 1


def test_a_disk_that_is_full_leaves_nothing(forked: Fork, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that could not be written is never committed."""
    request = forked.request()

    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)

    with forked.untouched(), pytest.raises(CouldNotCheckError, match="found No space left on dev"):
        forked.promote(request)


def test_the_variables_of_a_git_hook_lead_nowhere_else(
    forked: Fork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run inside another repository's hook, a promotion still works on the fork."""
    other = forked.git.path.parent / "other"
    subprocess.run(["git", "init", "--quiet", str(other)], check=True)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    monkeypatch.setenv("GIT_NAMESPACE", "other")

    done = forked.to_dev()

    assert forked.tip() == done.commit
    assert [path.name for path in other.iterdir()] == [".git"]


def test_a_tag_or_branch_called_as_the_remotes_main_misleads_nobody(running: Fork) -> None:
    """Refs are named in full: an old tag `origin/main` is not the tip."""
    first = running.git.run("rev-list", "--max-parents=0", "HEAD").strip()
    running.git.run("tag", "origin/main", first)
    running.git.run("branch", "origin/main", first)

    done = running.to_dev("v2")
    back = rollback(running.git, "generator", "dev", "slow")

    assert done.commit is not None
    assert back.release == running.store.release("v1")
    assert running.git.run("rev-parse", "HEAD").strip() == running.tip() == back.commit
