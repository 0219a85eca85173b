"""A promotion for review: a branch of one commit, which a merge brings to main as it is."""

from dataclasses import replace

import pytest
from tests.unit.promotion.conftest import Fork

from tidegate.findings import CouldNotCheckError, FindingsError
from tidegate.oci import short
from tidegate.promotion.git import GitError, Repository
from tidegate.promotion.promote import Promotion, Request, merge


def opened(forked: Fork, tag: str = "v2") -> Promotion:
    """A promotion to dev on a branch."""
    return forked.promote(forked.request(tag, pull_request=True))


def refused_merge(forked: Fork, promotion: Promotion) -> str:
    """The one line that refuses a merge which changes nothing on the remote or in the files."""
    before = forked.remote.run("for-each-ref")
    with pytest.raises(FindingsError) as refused:
        merge(forked.git, promotion)
    assert forked.remote.run("for-each-ref") == before
    return str(refused.value.findings[0])


def test_a_pull_request_pushes_a_branch_and_nothing_else(forked: Fork) -> None:
    """Main and the caller's checkout stay as they are until somebody merges."""
    main, head = forked.tip(), forked.git.run("rev-parse", "HEAD")

    done = opened(forked)

    release = f"{short(done.release.engine.digest)}-{short(done.release.model.digest)}"
    assert done.branch == f"promote/dev/generator/{release}-{main[:8]}"
    assert forked.tip(done.branch) == done.commit
    assert forked.tip() == main == forked.remote.run("rev-parse", f"{done.branch}^").strip()
    assert forked.branches() == ["main", done.branch]
    assert forked.git.run("rev-parse", "HEAD") == head
    assert forked.git.run("branch", "--format=%(refname:short)").split() == ["main"]


def test_a_merge_brings_the_very_commit_to_main_and_deletes_the_branch(forked: Fork) -> None:
    """What was reviewed is what runs: no merge commit, no other digest."""
    done = opened(forked)

    merged = merge(forked.git, done)

    assert merged == replace(done, branch="main")
    assert forked.tip() == done.commit
    assert forked.branches() == ["main"]
    assert [record.commit for record in forked.records()] == [done.commit]
    assert forked.git.run("rev-parse", "HEAD").strip() == done.commit


def test_a_merge_after_main_has_moved_is_refused_and_promoting_again_helps(forked: Fork) -> None:
    """The reviewed commit is never merged as text; the next step in the line works."""
    first = opened(forked)
    forked.write("notes.txt", "moved")

    line = refused_merge(forked, first)
    second = opened(forked)
    merge(forked.git, second)

    assert line == (
        f"{first.branch}: branch: cannot be merged; wanted a fast-forward of main, "
        "found main has moved - promote again; the branch is computed from the new tip"
    )
    assert forked.tip() == second.commit
    assert forked.branches() == ["main", first.branch]


def test_asking_twice_for_one_pull_request_gives_the_branch_that_is_there(
    forked: Fork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A retried pipeline ends as the first run did, with the first run's commit."""
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-11-24T12:00:00Z")
    first = opened(forked)
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-11-24T12:00:01Z")

    second = opened(forked)

    assert second == first
    assert forked.branches() == ["main", first.branch]


def test_a_branch_that_a_reviewer_changed_is_not_overwritten(forked: Fork) -> None:
    """A second request for it is refused by the remote, without force."""
    done = opened(forked)
    other = forked.clone("reviewer")
    other.git.run("switch", "--quiet", done.branch)
    (other.git.path / "notes.txt").write_text("a remark")
    other.git.run("add", "--all")
    other.git.run("commit", "--quiet", "--message=docs: remark")
    other.git.run("push", "--quiet", "origin", done.branch)
    theirs = forked.tip(done.branch)

    with pytest.raises(CouldNotCheckError, match="the remote refused the push"):
        forked.promote(replace(forked.request("v2", pull_request=True), reason="again"))

    assert forked.tip(done.branch) == theirs


def test_a_pull_request_whose_main_moved_meanwhile_is_opened_all_the_same(
    forked: Fork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A branch cannot lose a race for main; merging it is what is refused."""
    other = forked.clone("other")
    push = Repository.push

    def later(self: Repository, commit: str, branch: str) -> None:
        monkeypatch.undo()
        other.write("notes.txt", "faster")
        push(self, commit, branch)

    monkeypatch.setattr(Repository, "push", later)

    done = opened(forked)

    assert forked.tip(done.branch) == done.commit
    assert "main has moved" in refused_merge(forked, done)


def test_only_main_decides_what_the_environment_before_runs(running: Fork) -> None:
    """An open pull request to staging is nothing that production could take."""
    running.to_dev("v2")
    running.promote(Request("generator", "staging", pull_request=True))

    done = running.promote(Request("generator", "production"))

    assert done.commit is None
    assert done.release == running.store.release("v1")


def test_a_promotion_without_a_branch_has_nothing_to_merge(forked: Fork) -> None:
    """Main is never taken for the branch to delete."""
    done = forked.to_dev()
    nothing = forked.to_dev()
    forked.remote.run("config", "receive.denyDeleteCurrent", "ignore")

    assert merge(forked.git, done) == done
    assert merge(forked.git, nothing) == nothing
    assert forked.tip() == done.commit


def test_merging_what_a_forge_has_merged_and_deleted_is_harmless(forked: Fork) -> None:
    """Main may even have gone on since."""
    done = opened(forked)
    merge(forked.git, done)
    forked.write("notes.txt", "later")
    before = forked.remote.run("for-each-ref")

    merged = merge(forked.git, done)

    assert merged.branch == "main"
    assert forked.remote.run("for-each-ref") == before


def test_a_merge_whose_acknowledgement_was_lost_is_merged(
    forked: Fork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tip of main decides, not the connection."""
    done = opened(forked)
    push = Repository.push

    def lost(self: Repository, commit: str, branch: str) -> None:
        push(self, commit, branch)
        raise GitError("the remote end hung up unexpectedly")

    monkeypatch.setattr(Repository, "push", lost)

    merged = merge(forked.git, done)

    assert merged.branch == "main"
    assert forked.tip() == done.commit
    assert forked.branches() == ["main"]


def test_a_merge_that_the_remote_refuses_cannot_be_done(forked: Fork) -> None:
    """Main is as before and the branch is still there for somebody who may."""
    done = opened(forked)
    forked.refuse_pushes()

    with (
        forked.untouched(),
        pytest.raises(CouldNotCheckError, match=r"the remote refused the push.*is protected"),
    ):
        merge(forked.git, done)
