"""Odd clones and odd machines: each has a stated outcome, and none loses a promotion."""

import os
import subprocess
from pathlib import Path

import pytest
from tests.unit.promotion.conftest import Fork
from tests.unit.promotion.files import write_hook

from tidegate.findings import CouldNotCheckError
from tidegate.promotion import git as git_module
from tidegate.promotion.git import Repository
from tidegate.promotion.promote import rollback


def test_a_shallow_clone_cannot_promote(running: Fork) -> None:
    """Half a history could hide a rollback; exit 2 says how to get the rest."""
    path = running.git.path.parent / "shallow"
    url = running.remote.path.as_uri()
    running.remote.run("clone", "--quiet", "--depth=1", url, str(path))
    shallow = Fork(Repository(path), running.remote, running.store)

    with running.untouched(), pytest.raises(CouldNotCheckError, match="fetch --unshallow"):
        shallow.to_dev("v2")


def test_a_locked_index_does_not_stop_a_promotion(forked: Fork) -> None:
    """It is made in a checkout of its own; only the caller's files do not follow."""
    head = forked.git.run("rev-parse", "HEAD")
    (forked.git.path / ".git" / "index.lock").touch()

    done = forked.to_dev()

    assert done.commit == forked.tip()
    assert forked.git.run("rev-parse", "HEAD") == head


def test_names_in_any_script_are_carried_along(forked: Fork) -> None:
    """Files that are not the promotion's own stay as they are, whatever they are called."""
    for name in ("models/qwen3-8b/日本 語.md", 'überblick "x".txt', "base/a\tb.txt"):
        forked.write(name, "x")

    done = forked.to_dev()

    assert forked.changed(done.commit or "") == ["overlays/dev/generator/kustomization.yaml"]
    assert forked.git.run("status", "--porcelain") == ""


def test_a_read_only_clone_cannot_promote(forked: Fork) -> None:
    """Exit 2, and the remote is as before."""
    if os.geteuid() == 0:
        place = forked.git.path / ".git" / "tidegate"
        place.write_text("a file where the folder would be")  # root may write anywhere
    else:
        (forked.git.path / ".git").chmod(0o500)
    tip = forked.tip()

    with pytest.raises(CouldNotCheckError, match=r"cannot (write|fetch)"):
        forked.to_dev()

    assert forked.tip() == tip


def test_a_remote_that_does_not_answer_in_time_is_given_up(
    forked: Fork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipeline does not wait for ever; nothing was promoted."""
    request = forked.request()
    slow = forked.git.path.parent / "slow"
    write_hook(slow, "sleep 5")
    forked.git.run("remote", "set-url", "origin", f"ext::{slow}")
    forked.git.run("config", "protocol.ext.allow", "always")
    monkeypatch.setattr(git_module, "TIMEOUT_SECONDS", 0.5)

    with pytest.raises(CouldNotCheckError, match=r"cannot fetch.*timed out"):
        forked.promote(request)


def test_a_mirror_that_is_behind_is_told_and_never_forced(forked: Fork) -> None:
    """What is fetched is older than what is pushed to: the push is refused, again and again."""
    mirror = forked.git.path.parent / "mirror.git"
    forked.remote.run("clone", "--quiet", "--mirror", str(forked.remote.path), str(mirror))
    forked.write("notes.txt", "newer than the mirror")
    tip = forked.tip()
    request = forked.request()
    forked.git.run("remote", "set-url", "origin", str(mirror))
    forked.git.run("remote", "set-url", "--push", "origin", str(forked.remote.path))

    with pytest.raises(CouldNotCheckError, match="the remote refused the push"):
        forked.promote(request)

    assert forked.tip() == tip


def test_a_lock_that_another_push_holds_is_waited_for(forked: Fork) -> None:
    """A refusal while the tip stands still may pass; it is tried again before it is told."""
    marker = forked.remote.path / "busy"
    marker.touch()
    forked.refuse_pushes(f"if [ -e '{marker}' ]; then rm '{marker}'; echo locked >&2; exit 1; fi")

    assert forked.to_dev().commit == forked.tip()


def test_a_commit_is_signed_where_git_is_told_to(forked: Fork, tmp_path: Path) -> None:
    """With a real SSH key, and git verifies it."""
    key = tmp_path / "id"
    made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
    subprocess.run(made, check=True)
    (tmp_path / "allowed").write_text(
        f"test@tidegate.invalid {key.with_suffix('.pub').read_text()}"
    )
    for name, value in {
        "gpg.format": "ssh",
        "user.signingKey": str(key),
        "commit.gpgSign": "true",
        "gpg.ssh.allowedSignersFile": str(tmp_path / "allowed"),
    }.items():
        forked.git.run("config", name, value)

    done = forked.to_dev()
    forked.to_dev("v2")
    back = rollback(forked.git, "generator", "dev", "slow")

    for commit in (done.commit, back.commit):
        forked.git.run("verify-commit", str(commit))
