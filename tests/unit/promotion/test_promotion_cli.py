"""The commands promote, rollback and status: what they print and how they end."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from tests.conftest import Cli, Ran
from tests.unit.promotion.conftest import ENVIRONMENTS, MODELS, Fork

from tidegate.cli import release as release_module
from tidegate.cli.app import INTERRUPTED
from tidegate.cli.output import console
from tidegate.oci import short

Tidegate = Callable[..., Ran]


@pytest.fixture
def tidegate(cli: Cli, running: Fork, monkeypatch: pytest.MonkeyPatch) -> Tidegate:
    """Runs a command in a folder of the fork, on its store, on a wide terminal."""
    monkeypatch.setattr(console, "_width", None)  # else what COLUMNS was when it was imported
    monkeypatch.chdir(running.git.path / "models")
    monkeypatch.setenv("TIDEGATE_STORE", str(running.store.layout.root))
    return cli


def named(running: Fork, tag: str) -> list[str]:
    """The options that name a proven release."""
    release, evidence = running.store.proven(tag)
    names = ["--engine", str(release.engine), "--model-artifact", str(release.model)]
    return [*names, "--evidence", evidence]


def test_promote_says_branch_commit_and_release(running: Fork, tidegate: Tidegate) -> None:
    """One line for people, exit 0."""
    ran = tidegate("promote", "generator", "--to", "dev", *named(running, "v2"))

    release = running.store.release("v2")
    assert ran == Ran(0, f"main: {running.tip()[:8]} generator {release}\n", "")
    assert running.records()[0].reason == "the gates pass"


def test_promote_is_json_for_machines(running: Fork, tidegate: Tidegate) -> None:
    """The whole commit and the whole references, and the branch of a pull request."""
    tidegate("promote", "generator", "--to", "dev", *named(running, "v2"), "--reason", "faster")

    options = ("--pull-request", "--json")
    ran = tidegate("promote", "generator", "--to", "staging", *options)

    done = json.loads(ran.out)
    assert ran.code == 0
    assert done == {
        "environment": "staging",
        "service": "generator",
        "commit": running.tip(done["branch"]),
        "branch": done["branch"],
        "release": running.store.release("v2").as_dict(),
        "pull_request": None,
        "earlier": False,
    }
    assert done["branch"].startswith("promote/staging/generator/")
    assert running.records()[0].reason == "faster"


def test_promote_says_what_runs_already(running: Fork, tidegate: Tidegate) -> None:
    """Nothing to do is exit 0 and no commit."""
    with running.untouched():
        ran = tidegate("promote", "generator", "--to", "staging")
        machine = tidegate("promote", "generator", "--to", "staging", "--json")

    release = running.store.release("v1")
    assert ran == Ran(0, f"staging runs generator {release} already\n", "")
    assert json.loads(machine.out)["commit"] is None


def test_a_refused_promotion_is_one_finding_and_exit_1(running: Fork, tidegate: Tidegate) -> None:
    """The finding stands on standard error alone."""
    with running.untouched():
        ran = tidegate("promote", "retriever", "--to", "staging")

    assert (ran.code, ran.out) == (1, "")
    assert ran.err == (
        "overlays/staging/retriever/kustomization.yaml: release: not what dev runs; "
        "wanted a release on dev, found never promoted - promote it to dev first\n"
    )


def test_a_promotion_that_git_cannot_make_is_exit_2(running: Fork, tidegate: Tidegate) -> None:
    """A remote that refuses is no verdict on the release."""
    running.refuse_pushes()

    with running.untouched():
        ran = tidegate("promote", "generator", "--to", "dev", *named(running, "v2"))

    assert (ran.code, ran.out) == (2, "")
    assert "the remote refused the push" in ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize("by", ["form", "version"])
def test_a_release_on_record_is_named_as_it_is_read(
    running: Fork, tidegate: Tidegate, by: str
) -> None:
    """By its short form or its version; here to bring back what was rolled back."""
    running.to_dev("v2")
    tidegate("rollback", "generator", "--env", "dev")
    release = running.store.release("v2")
    name = str(release) if by == "form" else "1.1.0"

    ran = tidegate("promote", "generator", "--to", "dev", "--release", name, "--despite-rollback")

    assert ran == Ran(0, f"main: {running.tip()[:8]} generator {release}\n", "")


def test_a_release_that_is_not_on_record_is_refused(running: Fork, tidegate: Tidegate) -> None:
    """One line and exit 1; so is one that is named in both ways."""
    with running.untouched():
        unknown = tidegate("promote", "generator", "--to", "dev", "--release", "9.9.9")
        both = tidegate(
            *("promote", "generator", "--to", "dev", "--release", "1.0.0"), *named(running, "v2")
        )

    assert unknown.code == both.code == 1
    assert unknown.err == (
        "command line: RELEASE: no such release; wanted one on record, found 9.9.9 "
        "- see `tidegate history`, or name it by digests\n"
    )
    assert both.err.startswith("command line: --release: named twice; ")


@pytest.mark.parametrize("missing", ["--engine", "--model-artifact"])
def test_half_a_release_is_refused(running: Fork, tidegate: Tidegate, missing: str) -> None:
    """An engine without a model, or a model without an engine, is never completed by guess."""
    options = named(running, "v2")
    at = options.index(missing)

    with running.untouched():
        ran = tidegate("promote", "generator", "--to", "dev", *options[:at], *options[at + 2 :])

    assert ran.code == 1
    assert ran.err.startswith("command line: --engine and --model-artifact: not a release; ")


def test_the_store_of_the_repository_is_the_default(
    running: Fork, tidegate: Tidegate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without --store the line names .lab/oci of the fork."""
    monkeypatch.delenv("TIDEGATE_STORE")

    ran = tidegate("promote", "generator", "--to", "dev", *named(running, "v2"))

    assert ran.code == 2
    assert ran.err.startswith(f"{running.git.path / '.lab' / 'oci'}: ")


def test_rollback_says_branch_commit_and_release(
    running: Fork, tidegate: Tidegate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line for people, all of it for machines, with no store at all."""
    monkeypatch.setenv("TIDEGATE_STORE", "/nowhere")
    running.to_dev("v2")

    ran = tidegate("rollback", "generator", "--env", "dev")
    reason = running.records()[0].reason
    options = ("--undo", "--reason", "no", "--json")
    machine = tidegate("rollback", "generator", "--env", "dev", *options)

    old, new = running.store.release("v1"), running.store.release("v2")
    first, second = running.records()[1], running.records()[0]
    assert ran == Ran(0, f"main: {first.commit[:8]} generator {old}\n", "")
    assert reason == "rolled back by hand"
    assert json.loads(machine.out) == {
        "environment": "dev",
        "service": "generator",
        "commit": second.commit,
        "branch": "main",
        "release": new.as_dict(),
        "pull_request": None,
        "earlier": False,
    }


def test_a_rollback_that_told_nobody_says_what_it_did(
    running: Fork, tidegate: Tidegate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped before its line was out, and run again; --undo and the next one are new requests."""
    running.to_dev("v2")
    with monkeypatch.context() as patched:
        patched.setattr(release_module, "_tell", Mock(side_effect=KeyboardInterrupt))
        assert tidegate("rollback", "generator", "--env", "dev").code == INTERRUPTED
    tip = running.tip()

    again = tidegate("rollback", "generator", "--env", "dev")
    undone = tidegate("rollback", "generator", "--env", "dev", "--undo")

    old, new = running.store.release("v1"), running.store.release("v2")
    line = f"main: {tip[:8]} generator {old}, by an earlier run of this request\n"
    assert again == Ran(0, line, "")
    assert undone == Ran(0, f"main: {running.tip()[:8]} generator {new}\n", "")


@pytest.mark.parametrize("variable", [False, True])
def test_a_request_that_is_named_is_done_once(
    running: Fork, tidegate: Tidegate, monkeypatch: pytest.MonkeyPatch, *, variable: bool
) -> None:
    """By the option or its variable, for both commands; what is no id is refused."""
    if variable:
        monkeypatch.setenv("TIDEGATE_REQUEST", "run-7")
    name = [] if variable else ["--request", "run-7"]
    commands = (
        ["promote", "generator", "--to", "dev", *named(running, "v2"), *name, "--json"],
        ["rollback", "generator", "--env", "dev", *name, "--json"],
    )

    first = [json.loads(tidegate(*command).out) for command in commands]
    again = [json.loads(tidegate(*command).out) for command in commands]
    refused = tidegate("rollback", "generator", "--env", "dev", "--request", "a b")

    assert again == [one | {"earlier": True} for one in first]
    assert [record.request for record in running.records()[:2]] == ["run-7"] * 2
    assert (refused.code, refused.err.split(";")[0]) == (1, "command line: --request: not an id")


def test_a_refused_rollback_is_one_finding_and_exit_1(running: Fork, tidegate: Tidegate) -> None:
    """The first release has nothing before it."""
    with running.untouched():
        ran = tidegate("rollback", "generator", "--env", "production")

    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert "release: nothing to go back to; " in ran.err


def test_status_is_a_row_for_each_unit(running: Fork, tidegate: Tidegate) -> None:
    """In the order in which releases travel, with release, time and evidence where proven."""
    running.replace("overlays/staging/generator/kustomization.yaml", "newTag: v1", "newTag: v0")
    release, evidence = running.store.proven("v1")

    ran = tidegate("status")

    title, _, _, *rows = [line.split() for line in ran.out.splitlines() if line.strip()]
    assert ran.code == 0
    assert title == ["What", "runs", "where"]
    assert [row[:2] for row in rows] == [
        [environment, service] for environment in ENVIRONMENTS for service in sorted(MODELS)
    ]
    assert rows[0][2:4] == [MODELS["generator"], str(release)]
    assert rows[0][-2:] == [short(evidence), "1/1"]
    assert rows[1][3:] == ["never", "promoted", "-", "-"]
    assert rows[3][3:] == [str(release), "-", "-"]


def test_status_shows_the_log_where_asked(running: Fork, tidegate: Tidegate) -> None:
    """The newest promotion comes first."""
    ran = tidegate("status", "--log")

    _, log = ran.out.split("Promotion log")
    rows = [line.split() for line in log.splitlines() if " promote " in line]
    assert {row[-1] for row in rows} == {"Test"}
    assert [row[0] for row in rows] == [record.commit[:8] for record in running.records()]
    assert [row[-6] for row in rows] == list(reversed(ENVIRONMENTS))


@pytest.mark.parametrize("log", [False, True])
def test_status_is_json_for_machines(running: Fork, tidegate: Tidegate, *, log: bool) -> None:
    """Every standing with its state, and the log where asked."""
    ran = tidegate("status", "--json", *(["--log"] if log else []))

    told: dict[str, Any] = json.loads(ran.out)
    assert ran.code == 0
    assert told["status"] == [found.as_dict() for found in running.standings().values()]
    assert told["log"] == ([record.as_dict() for record in running.records()] if log else None)


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_status_tells_of_a_unit_that_it_cannot_read(
    running: Fork, tidegate: Tidegate, options: list[str]
) -> None:
    """A unit that is missing from the table is a finding and exit 1, not silence."""
    running.replace("overlays/dev/generator/kustomization.yaml", "newTag: v1", "newTag: []")

    ran = tidegate("status", *options)

    assert ran.code == 1
    assert "retriever" in ran.out
    assert ran.err.startswith("overlays/dev/generator/kustomization.yaml: images: not a release; ")


def test_status_outside_git_is_exit_2(cli: Cli, repository: Path) -> None:
    """No history is no proof that nothing was promoted."""
    ran = cli("status", "--root", repository)

    assert (ran.code, ran.out) == (2, "")
    assert "git: no history" in ran.err
