"""Waits until clusters have made a commit true, or says why they have not."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from time import monotonic, sleep

from tidegate.findings import CouldNotCheckError, Finding, cannot_check, refuse
from tidegate.manifests.objects import Object
from tidegate.oci import short
from tidegate.promotion.git import BRANCH, REMOTE, GitError, Repository
from tidegate.rollout.applications import Clusters
from tidegate.rollout.state import Outcome, Reaches, State, judge

Read = Callable[[], Mapping[str, Object]]
Tell = Callable[[Sequence[State]], None]

_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


def commit_of(repository: Repository, name: str | None) -> str:
    """The commit to wait for, in full: the tip of the remote's main if none is named.

    Raises:
        FindingsError: it is not on main, so no cluster will ever have it.
        CouldNotCheckError: the remote cannot be fetched.
    """
    tip = repository.fetch()
    try:
        wanted = ("rev-parse", "--verify", "--end-of-options", f"{name or tip}^{{commit}}")
        commit = repository.run(*wanted).strip()
    except GitError:
        commit = ""
    if not commit or not repository.contains(tip, commit):
        raise refuse(
            repository.path,
            "commit",
            "not on the branch that clusters follow",
            wanted=f"a commit of {REMOTE}/{BRANCH}",
            found=str(name),
            next_step="merge it first, or correct the name",
        )
    return commit


def reaching(repository: Repository, commit: str) -> Reaches:
    """Says of a revision whether its history has the commit; what is new to it is fetched.

    What it returns raises CouldNotCheckError.
    """

    @cache
    def reaches(revision: str) -> bool:
        if not _COMMIT.fullmatch(revision):
            return False
        if not repository.contains(revision, revision):
            repository.fetch()
        return repository.contains(revision, commit)

    return reaches


def wait(
    wanted: Clusters,
    read: Read,
    reaches: Reaches,
    *,
    timeout: float,
    interval: float,
    tell: Tell = lambda _: None,
) -> list[State]:
    """The last state of each Application: all arrived, one failed, or the time is over.

    A cluster that stops answering on the way is asked again until the time is over.

    Args:
        wanted: the Applications of each cluster.
        read: the Applications that there are, by name.
        reaches: says of a revision whether it has the wanted commit.
        timeout: seconds to wait; 0 looks once.
        interval: seconds between two looks.
        tell: is given every look.

    Raises:
        CouldNotCheckError: the clusters cannot be read at first or in the end, or those that
            were read are not the environment's.
    """
    names = [name for applications in wanted.values() for name in applications]

    def look(found: Mapping[str, Object]) -> list[State]:
        states = [judge(name, found.get(name), reaches) for name in names]
        tell(states)
        return states

    ends = monotonic() + timeout
    found = read()
    _require_clusters(wanted, found)
    states, lost = look(found), None
    while not _decided(states) and monotonic() < ends:
        sleep(interval)
        try:
            states, lost = look(read()), None
        except CouldNotCheckError as error:
            lost = error
    if lost:
        raise lost
    return states


def _decided(states: Sequence[State]) -> bool:
    outcomes = {state.outcome for state in states}
    return Outcome.FAILED in outcomes or outcomes == {Outcome.ARRIVED}


def _require_clusters(wanted: Clusters, found: Mapping[str, Object]) -> None:
    """A cluster without a single one of its Applications is not among those that were read."""
    absent = [name for name, applications in wanted.items() if not applications.keys() & found]
    if absent:
        raise cannot_check(
            f"clusters/{absent[0]}",
            "Application",
            "no Application of the cluster is there",
            wanted=", ".join(wanted[absent[0]]),
            found=f"{len(found)} of other names",
            next_step="name its context by --context, or the clusters to wait for by --cluster",
        )


def shortfalls(states: Sequence[State], wanted: Clusters, commit: str) -> list[Finding]:
    """A finding for each Application that has not arrived, or for each that failed, if any did."""
    worst = Outcome.FAILED if any(s.outcome is Outcome.FAILED for s in states) else Outcome.WAITING
    folders = {name: folder for each in wanted.values() for name, folder in each.items()}
    return [
        Finding(
            folders[state.application],
            f"Application/{state.application}",
            "sync failed" if worst is Outcome.FAILED else "not there in time",
            f"{short(commit)} Synced and Healthy",
            state.reason,
            f"read `argocd app get {state.application}`; docs/runbooks/application-out-of-sync.md",
        )
        for state in states
        if state.outcome is worst
    ]
