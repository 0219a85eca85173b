"""The health checks that Argo CD runs in Lua, run in Lua."""

from typing import Any

import pytest
from lupa.lua51 import LuaRuntime
from tests.conftest import ROOT

SETTINGS = ROOT / "base" / "argocd" / "settings"


def health(kind: str, obj: dict[str, Any]) -> str:
    """What the check of a kind says of an object; Argo CD gives it as `obj`, in Lua 5.1."""
    lua = LuaRuntime(unpack_returned_tuples=True)
    lua.globals()["obj"] = lua.table_from(obj, recursive=True)
    result = lua.execute((SETTINGS / f"{kind}.lua").read_text())
    assert result["message"]
    return str(result["status"])


def condition(kind: str, status: str = "True") -> dict[str, str]:
    """A condition as controllers write them."""
    return {"type": kind, "status": status, "message": "said by the controller"}


def application(status: str = "Synced", health_status: str | None = "Healthy") -> dict[str, Any]:
    """An Application as an ApplicationSet reports it."""
    found: dict[str, Any] = {"name": "west-keda", "status": status}
    return found | ({"health": {"status": health_status}} if health_status else {})


UP_TO_DATE = condition("ResourcesUpToDate")


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        (None, "Progressing"),
        ({"conditions": [UP_TO_DATE]}, "Healthy"),
        ({"conditions": [UP_TO_DATE], "resources": [application()]}, "Healthy"),
        ({"conditions": [condition("ErrorOccurred"), UP_TO_DATE]}, "Degraded"),
        (
            {"conditions": [UP_TO_DATE], "resources": [application(), application("OutOfSync")]},
            "Progressing",
        ),
        (
            {"conditions": [UP_TO_DATE], "resources": [application(health_status=None)]},
            "Progressing",
        ),
        (
            {"conditions": [UP_TO_DATE], "resources": [application(health_status="Degraded")]},
            "Degraded",
        ),
    ],
    ids=["new", "generates nothing", "all well", "error", "not synced", "no health", "degraded"],
)
def test_a_sync_wave_waits_for_every_application(
    status: dict[str, Any] | None, wanted: str
) -> None:
    """An ApplicationSet is healthy when all its Applications are, not when they are written."""
    assert wanted == health("applicationset", {"status": status} if status else {})


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        (None, "Progressing"),
        ({"conditions": [condition("Available")], "readyReplicas": 2}, "Progressing"),
        (
            {"conditions": [condition("Available")], "readyReplicas": 2, "updatedReplicas": 2},
            "Healthy",
        ),
        (
            {
                "conditions": [condition("Available", "False")],
                "readyReplicas": 2,
                "updatedReplicas": 2,
            },
            "Progressing",
        ),
    ],
    ids=["new", "old revision", "all groups", "not available"],
)
def test_a_leader_worker_set_is_healthy_with_all_its_groups(
    status: dict[str, Any] | None, wanted: str
) -> None:
    """Every group is ready and of the present revision."""
    obj = {"spec": {"replicas": 2}} | ({"status": status} if status else {})

    assert wanted == health("leaderworkerset", obj)


@pytest.mark.parametrize(
    ("conditions", "wanted"),
    [
        ([], "Progressing"),
        ([condition("Accepted"), condition("ResolvedRefs")], "Healthy"),
        ([condition("Accepted", "False")], "Degraded"),
        ([condition("Accepted"), condition("ResolvedRefs", "False")], "Degraded"),
    ],
    ids=["unseen", "taken up", "refused", "picker missing"],
)
def test_a_pool_is_healthy_when_a_gateway_has_taken_it_up(
    conditions: list[dict[str, str]], wanted: str
) -> None:
    """One parent that refuses it, or that misses its picker, is a fault."""
    assert wanted == health("inferencepool", {"status": {"parents": [{"conditions": conditions}]}})
