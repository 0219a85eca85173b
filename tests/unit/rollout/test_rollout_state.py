"""What one Application's object says of a commit."""

import pytest
from tests.unit.rollout.samples import ARRIVED, LATER, OLD, Application, application, operation

from tidegate.rollout.state import Outcome, judge

NAME = "west-generator"
REFUSED = "admission webhook denied\n  the request"
UNHEALTHY = [
    {"kind": "Service", "name": "generator", "health": {"status": "Healthy"}},
    {"kind": "ConfigMap", "name": "engine"},
    {
        "kind": "Deployment",
        "name": "generator",
        "health": {"status": "Degraded", "message": "exceeded its\nprogress deadline"},
    },
]


def said(one: Application | None) -> tuple[Outcome, str]:
    """The outcome and its reason."""
    state = judge(NAME, one, ARRIVED.__contains__)
    assert state.application == NAME
    return state.outcome, state.reason


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(application(), id="the commit"),
        pytest.param(application(revision=LATER), id="a later one that contains it"),
        pytest.param(application(operationState=None), id="nothing had to be synced"),
        pytest.param(
            application(operationState=operation("Failed", OLD)), id="an older sync failed"
        ),
    ],
)
def test_an_application_arrives(one: Application) -> None:
    """Synced and healthy at a revision that has the commit."""
    assert said(one) == (Outcome.ARRIVED, "Synced, Healthy")


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (None, "no such Application"),
        ({"metadata": {"name": NAME}}, "at no commit; not compared; health unknown"),
        (application(revision=OLD), "at aaaaaaaa"),
        (application(sync="OutOfSync"), "OutOfSync"),
        (application(health="Progressing"), "Progressing"),
        (application() | {"operation": {"sync": {}}}, "sync requested"),
        (application(operationState=operation("Running")), "sync Running"),
        (
            application(operationState=operation("Running", message="Retrying\nattempt #1")),
            "sync Running: Retrying attempt #1",
        ),
        (application(reconciledAt="2026-01-01T12:00:04Z"), "sync ended, not compared since"),
        (
            application(health="Degraded", resources=UNHEALTHY),
            "Degraded: Deployment/generator Degraded exceeded its progress deadline",
        ),
        (
            application(
                revision="",
                sync="Unknown",
                conditions=[
                    {"type": "ComparisonError", "message": "kustomize build failed"},
                    {"type": "OrphanedResourceWarning", "message": "1 orphan"},
                ],
            ),
            "at no commit; Unknown; ComparisonError: kustomize build failed",
        ),
    ],
)
def test_an_application_is_waited_for_and_says_why(one: Application | None, reason: str) -> None:
    """All that is missing, and nothing else."""
    assert said(one) == (Outcome.WAITING, reason)


@pytest.mark.parametrize("phase", ["Failed", "Error"])
def test_a_sync_to_the_commit_that_failed_is_final(phase: str) -> None:
    """Even where all is synced and healthy: a hook after it may be what failed."""
    one = application(operationState=operation(phase, message=REFUSED))

    assert said(one) == (Outcome.FAILED, f"sync {phase}: admission webhook denied the request")


def test_a_sync_that_failed_before_it_had_a_result_is_known_by_what_was_asked() -> None:
    """The revision stands in the operation alone where nothing could be compared."""
    failed = operation("Error", message="no such host")
    del failed["syncResult"]
    asked = {"operation": {"sync": {"revision": LATER}}}

    assert said(application(operationState=failed | asked))[0] is Outcome.FAILED
