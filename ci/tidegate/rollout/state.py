"""How far one Application is on its way to a commit."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from tidegate.manifests.objects import Object, dig
from tidegate.oci import short

Reaches = Callable[[str], bool]
"""Whether a revision is the wanted commit or a later one that contains it."""


class Outcome(StrEnum):
    """Where an Application stands; only a sync that failed never comes right by waiting."""

    ARRIVED = "arrived"
    WAITING = "waiting"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class State:
    """What Argo CD says of an Application."""

    application: str
    revision: str
    outcome: Outcome
    reason: str


def judge(name: str, application: Object | None, reaches: Reaches) -> State:
    """The state of an Application as its object tells it; None for one that is not there.

    It has arrived when Argo CD compared it with the wanted commit, found it synced and healthy,
    and has looked again since its last sync ended: what it says before that is of before. This
    is what `argocd app wait` waits for.

    What is degraded is waited for: an autoscaler without its first metric is, too.
    """
    if application is None:
        return State(name, "", Outcome.WAITING, "no such Application")
    revision = str(dig(application, "status", "sync", "revision") or "")
    if failure := _failure(application, reaches):
        return State(name, revision, Outcome.FAILED, failure)
    if missing := list(_missing(application, revision, reaches)):
        reason = "; ".join([*missing, *_complaints(application)])
        return State(name, revision, Outcome.WAITING, reason)
    return State(name, revision, Outcome.ARRIVED, "Synced, Healthy")


def _failure(application: Object, reaches: Reaches) -> str | None:
    """Why the sync to the commit failed; Argo CD does not begin it again by itself.

    While it has retries left, the phase is Running.
    """
    operation = dig(application, "status", "operationState") or {}
    revision = dig(operation, "syncResult", "revision") or dig(
        operation, "operation", "sync", "revision"
    )
    if operation.get("phase") in {"Failed", "Error"} and reaches(str(revision or "")):
        return f"sync {operation['phase']}: {_line(operation.get('message'))}"
    return None


def _missing(application: Object, revision: str, reaches: Reaches) -> Iterator[str]:
    """What is not as wanted yet."""
    if not reaches(revision):
        yield f"at {short(revision) or 'no commit'}"
    if syncing := _syncing(application):
        yield syncing
    if (sync := dig(application, "status", "sync", "status")) != "Synced":
        yield str(sync or "not compared")
    if (health := dig(application, "status", "health", "status")) != "Healthy":
        yield ": ".join([str(health or "health unknown"), *_unhealthy(application)])


def _syncing(application: Object) -> str | None:
    """The sync that runs, or that ended after Argo CD last looked."""
    status = application.get("status") or {}
    operation = status.get("operationState")
    if "operation" in application:
        return "sync requested"
    if not operation:
        return None
    if "finishedAt" not in operation:
        return f"sync {operation.get('phase')}: {_line(operation.get('message'))}".rstrip(": ")
    # Both as Kubernetes writes a time, in UTC to the second.
    if (status.get("reconciledAt") or "") < operation["finishedAt"]:
        return "sync ended, not compared since"
    return None


def _unhealthy(application: Object) -> Iterator[str]:
    """The objects that are not healthy, where Argo CD keeps them in the Application."""
    found = [
        f"{one['kind']}/{one['name']} {one['health']['status']} "
        f"{_line(one['health'].get('message'))}".strip()
        for one in dig(application, "status", "resources") or []
        if dig(one, "health", "status") not in {None, "Healthy"}
    ]
    if found:
        yield ", ".join(found)


def _complaints(application: Object) -> list[str]:
    """What Argo CD could not do, such as render the commit."""
    conditions = dig(application, "status", "conditions") or []
    return [
        f"{one['type']}: {_line(one.get('message'))}"
        for one in conditions
        if one["type"].endswith("Error")
    ]


def _line(text: str | None) -> str:
    return " ".join((text or "").split())
