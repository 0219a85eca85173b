"""`tidegate wait` from git to the cluster's answers, to its exit code."""

import json

from tests.conftest import Cli, Ran
from tests.unit.rollout.conftest import Stub
from tests.unit.rollout.samples import OLD, application, operation

from tidegate.promotion.git import Repository

NAME = "production-west-generator"


def waited(cli: Cli, fork: Repository, *options: str) -> Ran:
    """Wait for the generator in production."""
    where = ("--env", "production", "--service", "generator", "--root", fork.path)
    return cli("wait", *where, "--interval", "0", *options)


def test_it_waits_until_argo_cd_reports_the_tip_of_main(
    fork: Repository, stub: Stub, cli: Cli
) -> None:
    """Changes are told beside the result, each once, and the result is one line."""
    tip = fork.run("rev-parse", "HEAD").strip()
    for revision, health in ((OLD, "Healthy"), (tip, "Progressing"), (tip, "Progressing")):
        stub.has(application(NAME, revision, health=health))
    stub.has(application(NAME, tip))

    ran = waited(cli, fork)

    assert ran == Ran(
        0,
        f"production is at {tip[:8]}, synced and healthy; Applications: 1\n",
        f"{NAME} at aaaaaaaa\n{NAME} Progressing\n{NAME} Synced, Healthy\n",
    )
    assert len(stub.asked) == 4


def test_a_failed_sync_exits_1_and_tells_machines_and_people_why(
    fork: Repository, stub: Stub, cli: Cli
) -> None:
    """The JSON has every Application; the finding says what to do."""
    tip = fork.run("rev-parse", "HEAD").strip()
    failed = operation("Failed", tip, "one object is not valid")
    stub.has(application(NAME, tip, sync="OutOfSync", operationState=failed))

    ran = waited(cli, fork, "--json")

    assert ran.code == 1
    assert json.loads(ran.out) == {
        "environment": "production",
        "commit": tip,
        "applications": [
            {
                "application": NAME,
                "revision": tip,
                "outcome": "failed",
                "reason": "sync Failed: one object is not valid",
            }
        ],
    }
    assert f"Application/{NAME}: sync failed; wanted {tip[:8]} Synced and Healthy" in ran.err


def test_a_cluster_that_is_not_the_environment_s_exits_2(
    fork: Repository, stub: Stub, cli: Cli
) -> None:
    """One line, at once."""
    stub.has(application("staging-west-generator"))

    ran = waited(cli, fork)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        "clusters/production-west: Application: no Application of the cluster is there; "
        f"wanted {NAME}, found 1 of other names - "
        "name its context by --context, or the clusters to wait for by --cluster\n"
    )
