"""Waiting: when it ends, with what, and what happens when a cluster goes away on the way."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, repeat

import pytest
from tests.unit.rollout.samples import ARRIVED, COMMIT, OLD, Application, application, operation

from tidegate.findings import CouldNotCheckError, FindingsError, cannot_check
from tidegate.manifests.objects import Object
from tidegate.promotion.git import Repository
from tidegate.rollout import wait as module
from tidegate.rollout.state import Outcome, State
from tidegate.rollout.wait import commit_of, reaching, shortfalls, wait

GENERATOR, RETRIEVER = "west-generator", "west-retriever"
WANTED = {
    "west": {GENERATOR: "overlays/dev/generator", RETRIEVER: "overlays/dev/retriever"},
}
AGES = 3600.0
BEFORE = application(GENERATOR, OLD)
AFTER = application(GENERATOR)
SECOND = application(RETRIEVER)
GONE = cannot_check("present context", "api", "gone", wanted="x", found="y", next_step="z")

Look = Sequence[Application] | CouldNotCheckError


def clusters(*looks: Look) -> Callable[[], Mapping[str, Object]]:
    """Clusters that answer so, one look after the other, and then as in the last."""
    left: Iterator[Look] = chain(looks, repeat(looks[-1]))

    def read() -> Mapping[str, Object]:
        look = next(left)
        if isinstance(look, CouldNotCheckError):
            raise look
        return {one["metadata"]["name"]: one for one in look}

    return read


def waited(*looks: Look, timeout: float = AGES, told: list[str] | None = None) -> list[State]:
    """The end of a wait without pauses."""

    def tell(states: Sequence[State]) -> None:
        if told is not None:
            told.append(", ".join(state.outcome for state in states))

    return wait(
        WANTED,
        clusters(*looks),
        ARRIVED.__contains__,
        timeout=timeout,
        interval=0,
        tell=tell,
    )


def test_it_ends_when_the_last_application_has_arrived() -> None:
    """Every look is told; an Application that is yet to be made is waited for."""
    told: list[str] = []

    states = waited([BEFORE], [AFTER], [AFTER, SECOND], told=told)

    assert told == ["waiting, waiting", "arrived, waiting", "arrived, arrived"]
    assert shortfalls(states, WANTED, COMMIT) == []


def test_a_failed_sync_ends_it_at_once_and_is_the_only_thing_told() -> None:
    """What others still wait for is not why."""
    failed = application(GENERATOR, operationState=operation("Failed", message="denied"))

    states = waited([BEFORE], [failed])

    (found,) = shortfalls(states, WANTED, COMMIT)
    assert (found.file, found.object, found.what, found.found) == (
        "overlays/dev/generator",
        f"Application/{GENERATOR}",
        "sync failed",
        "sync Failed: denied",
    )


def test_when_the_time_is_over_each_tells_its_last_state() -> None:
    """What has arrived is no finding."""
    states = waited([BEFORE, SECOND], timeout=0)

    (found,) = shortfalls(states, WANTED, COMMIT)
    assert str(found) == (
        f"overlays/dev/generator: Application/{GENERATOR}: not there in time; "
        "wanted cccccccc Synced and Healthy, found at aaaaaaaa - "
        f"read `argocd app get {GENERATOR}`; docs/runbooks/application-out-of-sync.md"
    )


def test_a_cluster_that_goes_away_on_the_way_is_asked_again() -> None:
    """An API server that restarts ends no wait."""
    states = waited([BEFORE, SECOND], GONE, GONE, [AFTER, SECOND])

    assert {state.outcome for state in states} == {Outcome.ARRIVED}


def test_a_cluster_that_does_not_come_back_could_not_be_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is known of it in the end, so no old state is told as its last."""
    seconds = iter([0.0, 0.0, AGES])  # when it begins, and before each further look
    monkeypatch.setattr(module, "monotonic", lambda: next(seconds))

    with pytest.raises(CouldNotCheckError, match="gone"):
        waited([BEFORE, SECOND], GONE)


def test_a_cluster_that_never_answers_is_not_waited_for() -> None:
    """A wrong context is told at once."""
    with pytest.raises(CouldNotCheckError, match="gone"):
        waited(GONE, [AFTER, SECOND])


@pytest.mark.parametrize(("others", "found"), [([], "0"), ([application("x")], "1")])
def test_another_cluster_is_not_waited_for(others: list[Application], found: str) -> None:
    """None of the environment's Applications is there: this is not its Argo CD."""
    with pytest.raises(
        CouldNotCheckError,
        match=f"of the cluster is there; wanted {GENERATOR}, .*, found {found} of other names - ",
    ):
        waited(others)


def commit(git: Repository, *, push: bool = True) -> str:
    """A new commit on the checkout's main."""
    git.run("commit", "--quiet", "--allow-empty", "--message=chore: next")
    if push:
        git.run("push", "--quiet", "origin", "main")
    return git.run("rev-parse", "HEAD").strip()


def test_the_commit_is_the_tip_of_main_or_the_one_named(fork: Repository) -> None:
    """Named as git names commits."""
    first = fork.run("rev-parse", "HEAD").strip()
    tip = commit(fork)

    assert commit_of(fork, None) == tip
    assert commit_of(fork, first[:12]) == first
    for name in (commit(fork, push=False), "nonexistent", "--all"):
        with pytest.raises(FindingsError, match=f"wanted a commit of origin/main, found {name}"):
            commit_of(fork, name)


def test_what_a_cluster_runs_is_fetched_and_compared_by_ancestry(fork: Repository) -> None:
    """A later commit has it, an earlier one does not, and no other text is given to git."""
    first = fork.run("rev-parse", "HEAD").strip()
    wanted = commit(fork)
    later = fork.run("commit-tree", "HEAD^{tree}", "-p", wanted, "-m", "later").strip()
    fork.run("push", "--quiet", "origin", f"{later}:refs/heads/main")
    clone = Repository(fork.path.parent / "clone")
    fork.run("clone", "--quiet", "--depth=1", f"file://{fork.path}", str(clone.path))
    clone.run("remote", "set-url", "origin", str(fork.path.parent / "remote.git"))

    reaches = reaching(clone, wanted)

    assert [reaches(one) for one in (later, wanted, first)] == [True, True, False]
    assert [reaches(one) for one in ("", "main", "--all", "f" * 40)] == [False] * 4
