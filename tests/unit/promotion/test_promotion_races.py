"""Two writers: both promotions land, one after the other, and nothing is forced."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.unit.promotion.conftest import ENVIRONMENTS, Fork

from tidegate.findings import CouldNotCheckError
from tidegate.promotion import write as module
from tidegate.promotion.git import GitError, Repository
from tidegate.promotion.promote import Request, promote, rollback


def first_push(monkeypatch: pytest.MonkeyPatch, before: Callable[[], object]) -> None:
    """Let something happen between the fetch and the first push."""
    push = Repository.push

    def later(self: Repository, commit: str, branch: str) -> None:
        monkeypatch.setattr(Repository, "push", push)
        before()
        push(self, commit, branch)

    monkeypatch.setattr(Repository, "push", later)


def merges(forked: Fork) -> str:
    """The merge commits of main: none in a linear history."""
    return forked.remote.run("log", "--merges", "--format=%H", "main")


def test_a_promotion_that_loses_the_race_is_made_again_on_the_new_tip(
    forked: Fork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both commits are kept, each with its author, and no checkout is left behind."""
    other = forked.clone("other")
    first_push(monkeypatch, lambda: other.to_dev("v1", "retriever"))

    done = forked.to_dev()

    authors = forked.remote.run("log", "--format=%an", "main").split()
    assert authors == ["Test", "other", "Test"]
    assert [record.service for record in forked.records()] == ["generator", "retriever"]
    assert forked.tip() == done.commit
    assert forked.changed(done.commit or "") == ["overlays/dev/generator/kustomization.yaml"]
    assert merges(forked) == ""
    assert forked.worktrees() == 1


def test_two_writers_of_one_file_both_count_and_the_later_one_stands(
    forked: Fork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second is computed from the first, so a rollback goes back to the first."""
    other = forked.clone("other")
    first_push(monkeypatch, lambda: other.to_dev("v1"))

    done = forked.to_dev("v2")
    back = rollback(forked.git, "generator", "dev", "v2 is slow")

    assert done.release == forked.store.release("v2")
    assert back.release == forked.store.release("v1")
    assert [record.author for record in forked.records()] == ["Test", "Test", "other"]
    assert merges(forked) == ""


def test_two_writers_of_one_release_make_one_commit(
    forked: Fork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slower one finds that the release runs already."""
    other = forked.clone("other")
    first_push(monkeypatch, lambda: other.to_dev("v1"))

    done = forked.to_dev("v1")

    assert done.commit is None
    assert [record.author for record in forked.records()] == ["other"]
    assert forked.git.run("rev-parse", "HEAD").strip() == forked.tip()


def test_a_race_that_takes_the_release_off_the_environment_before_is_decided_again(
    running: Fork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rollback of dev between fetch and push keeps the withdrawn release off staging."""
    running.to_dev("v2")
    other = running.clone("other")
    first_push(monkeypatch, lambda: rollback(other.git, "generator", "dev", "v2 is wrong"))

    done = running.promote(Request("generator", "staging"))

    assert done.commit is None
    assert done.release == running.store.release("v1")
    assert running.subjects()[0].startswith("rollback(dev): generator")


def test_a_promotion_that_loses_every_race_gives_up(
    forked: Fork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends after so many attempts, with exit 2, and without a commit of its own."""
    monkeypatch.setattr(module, "ATTEMPTS", 3)
    other = forked.clone("other")
    push = Repository.push
    pushed = []

    def never(self: Repository, commit: str, branch: str) -> None:
        pushed.append(commit)
        other.write("notes.txt", f"faster {len(pushed)}")
        push(self, commit, branch)

    monkeypatch.setattr(Repository, "push", never)

    with pytest.raises(CouldNotCheckError) as lost:
        forked.to_dev()

    assert str(lost.value.findings[0]).endswith(
        "push: lost every race; wanted a push that lands, found 3 lost - run it again"
    )
    assert len(set(pushed)) == 3
    assert set(forked.subjects()) == {"chore: by hand"}
    assert forked.worktrees() == 1


@pytest.mark.parametrize("moved", [False, True], ids=["at the tip", "with another one on top"])
def test_a_push_whose_acknowledgement_was_lost_has_landed(
    forked: Fork, monkeypatch: pytest.MonkeyPatch, *, moved: bool
) -> None:
    """What the remote has is a success, and is not promoted a second time."""
    other = forked.clone("other")
    push = Repository.push

    def lost(self: Repository, commit: str, branch: str) -> None:
        push(self, commit, branch)
        if moved:
            other.git.run("pull", "--quiet", "--ff-only")
            other.write("notes.txt", "on top")
        raise GitError("the remote end hung up unexpectedly")

    monkeypatch.setattr(Repository, "push", lost)

    done = forked.to_dev()

    assert [record.commit for record in forked.records()] == [done.commit]
    assert len(forked.subjects()) == 1 + moved


def test_pipelines_at_the_same_time_lose_no_promotion(running: Fork) -> None:
    """Three clones that promote three files at once make three commits in a line."""
    request = running.request("v2", "retriever")
    running.to_dev("v2", "reranker")
    running.to_dev("v2")
    wanted = [request, Request("reranker", "staging"), Request("generator", "staging")]
    clones = [running.clone(f"writer-{number}").git for number in range(len(wanted))]
    layouts = [running.store.layout] * len(wanted)

    with ThreadPoolExecutor(len(wanted)) as pool:
        done = list(pool.map(promote, clones, layouts, wanted))

    commits = running.remote.run("log", "-3", "--format=%H", "main").split()
    files = sorted(running.changed(commit)[0] for commit in commits)
    assert {one.commit for one in done} == set(commits)
    assert files == [
        "overlays/dev/retriever/kustomization.yaml",
        "overlays/staging/generator/kustomization.yaml",
        "overlays/staging/reranker/kustomization.yaml",
    ]
    assert merges(running) == ""
    assert len(running.subjects()) == len(ENVIRONMENTS) + 2 + len(wanted)
