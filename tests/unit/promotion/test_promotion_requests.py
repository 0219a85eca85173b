"""A request makes one commit, however often and wherever it is run; the next makes another."""

import os
import time
from pathlib import Path
from typing import Any

import pytest
from tests.unit.promotion.conftest import Fork
from tests.unit.promotion.faulty import Action, Fault, Faulty, run_killed

from tidegate.findings import CouldNotCheckError, FindingsError
from tidegate.promotion.git import GitError, Repository
from tidegate.promotion.journal import FOLDER, FORGET_SECONDS, Asked, journaled, named
from tidegate.promotion.promote import Promotion, Request, rollback

BACK = Action("rollback", "generator", "dev")
UNIT = ("generator", "dev")


@pytest.fixture
def third(running: Fork) -> Fork:
    """A fork whose dev ran v1 and v2, and runs v3."""
    running.to_dev("v2")
    running.to_dev("v3")
    return running


def roll_back(forked: Fork, request: str) -> Promotion:
    """Roll back by a request that the caller names."""
    return rollback(forked.git, *UNIT, "slow", asked=named(request))


def kill(forked: Fork) -> str:
    """A rollback that landed and told nobody; its commit."""
    assert run_killed(BACK, forked.git, forked.store.layout, "after", "push")
    return forked.tip()


def runs(forked: Fork, tag: str) -> bool:
    """Whether dev's last commit put this there."""
    return forked.clone(f"reader-{tag}").records()[0].release == forked.store.release(tag)


def test_after_the_killed_one_was_told_the_next_goes_further_back(third: Fork) -> None:
    """Run again, it says what was done; and then it is a new request."""
    landed = kill(third)

    commits = [BACK.run(third.git, third.store.layout) for _ in range(2)]

    assert commits == [landed, third.tip()]
    assert runs(third, "v1")


def test_a_rollback_elsewhere_is_another_request(third: Fork) -> None:
    """What was killed on dev keeps nobody from staging."""
    third.along("staging")
    kill(third)

    done = Action("rollback", "generator", "staging").run(third.git, third.store.layout)

    assert done == third.tip()
    assert third.records()[0].environment == "staging"


@pytest.mark.parametrize("by_hand", [False, True], ids=["promotion", "by hand"])
def test_where_more_has_changed_since_it_is_refused_once(third: Fork, *, by_hand: bool) -> None:
    """Nobody can tell whether what runs now is meant; said again, it is."""
    landed = kill(third)
    if by_hand:
        third.git.run("pull", "--quiet", "--ff-only")
        third.replace("overlays/dev/generator/kustomization.yaml", "newTag: v2", "newTag: v2-hot")
    else:
        third.clone("other").to_dev("v4")

    with pytest.raises(FindingsError) as refused:
        BACK.run(third.git, third.store.layout)
    done = BACK.run(third.git, third.store.layout)

    (finding,) = refused.value.findings
    assert finding.what == "a killed run did it, and more has changed since"
    assert finding.wanted == f"{landed[:8]} as the last change"
    assert done == third.tip()


def test_a_run_that_was_killed_long_ago_is_forgotten(third: Fork) -> None:
    """The same words are then a new request; nobody waits days to run a command again."""
    kill(third)
    (left,) = (third.git.path / ".git" / FOLDER).iterdir()
    long_ago = time.time() - FORGET_SECONDS - 1
    os.utime(left, (long_ago, long_ago))

    BACK.run(third.git, third.store.layout)

    assert runs(third, "v1")


def test_a_run_that_is_tried_again_and_again_is_not_forgotten(third: Fork) -> None:
    """The time counts from the last try, or an outage would make a second rollback of one."""
    landed = kill(third)
    (left,) = (third.git.path / ".git" / FOLDER).iterdir()
    a_while_ago = time.time() - FORGET_SECONDS + 60
    os.utime(left, (a_while_ago, a_while_ago))
    down = Faulty(third.git.path, Fault("refused", "fetch", 9))

    with pytest.raises(CouldNotCheckError, match="cannot fetch"):
        BACK.run(down, third.store.layout)

    assert time.time() - left.stat().st_mtime < FORGET_SECONDS / 2
    assert BACK.run(third.git, third.store.layout) == landed == third.tip()


def test_what_is_left_half_written_counts_as_nothing(third: Fork) -> None:
    """An id is whole or none: the request is a new one."""
    kill(third)
    (left,) = (third.git.path / ".git" / FOLDER).iterdir()
    left.write_bytes(b"\0\xff")

    BACK.run(third.git, third.store.layout)

    assert runs(third, "v1")


def test_a_request_with_a_name_is_done_once_from_any_clone(third: Fork) -> None:
    """By its commit alone, whatever came after; another name goes further back."""
    first = roll_back(third, "run-7")
    third.clone("other").to_dev("v4")

    again = roll_back(third.clone("retry"), "run-7")
    another = roll_back(third.clone("next"), "run-8")

    assert (again.commit, again.earlier) == (first.commit, True)
    assert again.release == first.release == third.store.release("v2")
    assert (another.commit, another.earlier) == (third.tip(), False)
    assert not list(third.git.path.glob(f".git/{FOLDER}/*"))


def test_a_pipeline_that_promotes_and_rolls_back_makes_both(third: Fork) -> None:
    """The name is that of its run; each action, unit and release is one of its own."""
    asked = named("run-7")
    release, evidence = third.store.proven("v4")
    promoted = third.promote(Request("generator", "dev", release, evidence, asked=asked))
    back = roll_back(third, "run-7")
    undone = rollback(third.git, *UNIT, "it was the network", undo=True, asked=asked)
    staged = third.promote(Request("generator", "staging", asked=asked))
    release, evidence = third.store.proven("v5")
    newer = third.promote(Request("generator", "dev", release, evidence, asked=asked))

    steps = (promoted, back, undone, staged, newer)
    assert len({one.commit for one in steps}) == len(steps)
    assert not any(one.earlier for one in steps)


def test_a_promotion_that_is_retried_is_not_told_that_it_is_too_old(third: Fork) -> None:
    """Its request has landed, though a newer release and a rollback came after it."""
    release, evidence = third.store.proven("v4")
    request = Request("generator", "dev", release, evidence, asked=named("run-7"))
    first = third.promote(request)
    third.to_dev("v5")
    roll_back(third, "run-8")
    tip = third.tip()

    again = third.clone("retry").promote(request)

    assert (again.commit, again.earlier) == (first.commit, True)
    assert third.tip() == tip


def test_a_push_that_landed_unseen_is_seen_by_the_next_attempt(
    third: Fork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is lost and what is fetched then is old: within one run too it goes back once."""
    run = Repository.run
    lost: list[str] = []

    def unseen(self: Repository, *arguments: str, **options: Any) -> str:  # noqa: ANN401 - as it is called
        if arguments[0] == "fetch" and lost == ["push"]:
            lost.append("fetch")
            return ""
        done = run(self, *arguments, **options)
        if arguments[0] == "push" and not lost:
            lost.append("push")
            raise GitError("the remote end hung up unexpectedly")
        return done

    monkeypatch.setattr(Repository, "run", unseen)

    done = rollback(third.git, *UNIT, "slow")

    assert lost == ["push", "fetch"]
    assert (done.commit, done.release) == (third.tip(), third.store.release("v2"))


@pytest.mark.parametrize("request_id", ["", "-x", "a b", "x" * 129, "a\nTidegate-Bad: x", "é"])
def test_what_would_be_no_trailer_is_no_id(request_id: str) -> None:
    """It ends up in a commit's message, a line of its own."""
    with pytest.raises(FindingsError, match="--request: not an id"):
        named(request_id)


def test_what_a_run_could_not_say_is_kept_and_what_it_said_is_not(forked: Fork) -> None:
    """A refusal is an answer, and so is the end."""

    def request(error: Exception | None = None) -> Asked:
        with journaled(forked.git, "rollback", *UNIT) as asked:
            if error:
                raise error
        return asked

    refusal, unknown = FindingsError([]), CouldNotCheckError([])
    with pytest.raises(FindingsError):
        request(refusal)
    first = request()
    with pytest.raises(CouldNotCheckError):
        request(unknown)
    resumed, new = request(), request()

    assert [one.resumed for one in (first, resumed, new)] == [False, True, False]
    assert len({one.id for one in (first, resumed, new)}) == 3


def test_without_a_place_for_the_id_nothing_is_begun(forked: Fork, tmp_path: Path) -> None:
    """Exit 2: it could not be known again; so is a folder that is no checkout."""
    (forked.git.path / ".git" / FOLDER).write_text("a file where the folder would be")

    with forked.untouched(), pytest.raises(CouldNotCheckError, match="cannot write"):
        BACK.run(forked.git, forked.store.layout)
    with pytest.raises(CouldNotCheckError, match="not a checkout"):
        BACK.run(Repository(tmp_path), forked.store.layout)
