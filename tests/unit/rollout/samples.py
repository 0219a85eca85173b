"""Applications as Argo CD 3.6 writes them."""

from typing import Any

COMMIT, LATER, OLD = "c" * 40, "d" * 40, "a" * 40
ARRIVED = frozenset({COMMIT, LATER})
Application = dict[str, Any]


def application(
    name: str = "west-generator",
    revision: str = COMMIT,
    *,
    sync: str = "Synced",
    health: str = "Healthy",
    **more: object,
) -> Application:
    """One that has arrived, but for what is named; `more` is added to its status."""
    status = {
        "sync": {"status": sync, "revision": revision},
        "health": {"status": health},
        "reconciledAt": "2026-01-01T12:00:05Z",
        "operationState": operation("Succeeded", revision),
    }
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": "argocd"},
        "status": status | more,
    }


def operation(phase: str, revision: str = COMMIT, message: str = "") -> dict[str, Any]:
    """The last sync; one that runs has no end."""
    ended = {} if phase == "Running" else {"finishedAt": "2026-01-01T12:00:05Z"}
    return {
        "phase": phase,
        "message": message,
        "syncResult": {"revision": revision},
        "startedAt": "2026-01-01T12:00:00Z",
    } | ended
