"""When a promotion may happen: soak times, freezes, holds, and never an older release."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.unit.evidence.samples import IDENTITY, OTHER_IDENTITY, OTHER_SIGNER, SIGNER
from tests.unit.promotion.conftest import Fork, verdict
from tests.unit.promotion.files import policy_file, policy_text, signers_text

from tidegate.catalog.policy import EvidenceKind
from tidegate.evidence.kinds import utc_text
from tidegate.evidence.statement import attach
from tidegate.findings import CouldNotCheckError, FindingsError
from tidegate.promotion.history import Record, running_since
from tidegate.promotion.hold import hold, release_hold
from tidegate.promotion.promote import Request, promote, rollback

STAGING = Request("generator", "staging")
FREEZE = {
    "name": "weekend",
    "timeZone": "Europe/Berlin",
    "weekly": {
        "start": {"day": "friday", "time": "16:00"},
        "end": {"day": "monday", "time": "08:00"},
    },
}


def set_policy(
    forked: Fork,
    environment: str,
    *evidence: dict[str, Any],
    **spec: Any,  # noqa: ANN401 - any YAML
) -> None:
    """Give an environment another policy, by a commit."""
    forked.write(policy_file(environment), policy_text(environment, *evidence, **spec))


def refusals(forked: Fork, request: Request, now: datetime | None = None) -> list[str]:
    """What refuses a promotion that changes nothing."""
    with forked.untouched(), pytest.raises(FindingsError) as refused:
        promote(forked.git, forked.store.layout, request, now=now)
    return [finding.what for finding in refused.value.findings]


def test_a_release_soaks_before_it_goes_on(running: Fork) -> None:
    """From its commit on the environment before, to the minute."""
    set_policy(running, "staging", soakHours=24)
    running.to_dev("v2")
    since = running.records()[0].time

    early = refusals(running, STAGING, since + timedelta(hours=23, minutes=59))
    done = promote(running.git, running.store.layout, STAGING, now=since + timedelta(hours=24))

    assert early == ["too new on dev"]
    assert done.release == running.store.release("v2")


def test_a_promoter_whose_clock_is_slow_waits(running: Fork) -> None:
    """A release from the future has not soaked."""
    set_policy(running, "staging", soakHours=1)
    running.to_dev("v2")

    assert refusals(running, STAGING, datetime(2020, 1, 1, tzinfo=UTC)) == ["too new on dev"]


def test_a_committer_whose_clock_is_slow_cannot_shorten_the_soak(
    running: Fork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record is not earlier than the one before it, whatever its clock said."""
    set_policy(running, "staging", soakHours=1)
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2001-01-01T00:00:00Z")
    running.to_dev("v2")
    monkeypatch.delenv("GIT_COMMITTER_DATE")

    assert refusals(running, STAGING) == ["too new on dev"]


def test_a_release_that_came_back_soaks_again(running: Fork) -> None:
    """What counts is how long it has run without a change."""
    running.to_dev("v2")
    rollback(running.git, "generator", "dev", "slow")
    rollback(running.git, "generator", "dev", "it was not", undo=True)
    own: list[Record] = [r for r in running.records() if r.environment == "dev"]

    assert running_since(own, running.store.release("v2")) == own[0].time
    assert running_since(own, running.store.release("v1")) is None
    assert running_since([], running.store.release("v1")) is None


def test_nothing_is_promoted_in_a_freeze_but_rollbacks(running: Fork) -> None:
    """Going back is never frozen, nor is the environment next to it."""
    set_policy(running, "staging", freezes=[FREEZE])
    running.to_dev("v2")
    saturday = datetime(2026, 11, 28, 12, tzinfo=UTC)
    monday = datetime(2026, 11, 30, 7, tzinfo=UTC)

    frozen = refusals(running, STAGING, saturday)
    promote(running.git, running.store.layout, STAGING, now=monday)
    back = rollback(running.git, "generator", "staging", "slow")

    assert frozen == ["environment is frozen"]
    assert back.commit


def test_a_hold_is_a_commit_that_keeps_promotions_out(running: Fork) -> None:
    """One file says who, why and since when; ending it is a commit too."""
    running.to_dev("v2")

    held = hold(running.git, "generator", "staging", "load test\nuntil five")
    again = hold(running.git, "generator", "staging", "load test until five")
    out = refusals(running, STAGING)
    ended = release_hold(running.git, "generator", "staging", "done")
    done = running.promote(STAGING)

    file = "overlays/staging/generator/hold.yaml"
    assert running.changed(held.commit or "") == [file] == running.changed(ended.commit or "")
    assert again.commit is None
    assert out == ["unit is held"]
    assert done.commit
    assert not (running.git.path / file).exists()
    assert release_hold(running.git, "generator", "staging", "twice").commit is None


def test_a_hold_holds_one_unit_and_no_rollback(running: Fork) -> None:
    """Other services go on, and production can always go back."""
    running.to_dev("v2")
    running.along("staging", "production")
    hold(running.git, "generator", "production", "under observation")
    running.to_dev("v1", "retriever")

    assert rollback(running.git, "generator", "production", "slow").commit
    assert running.along("staging", service="retriever").commit


def test_a_hold_for_another_reason_is_not_overwritten(running: Fork) -> None:
    """Two people hold for two reasons; the second learns of the first."""
    hold(running.git, "generator", "staging", "load test")

    with running.untouched(), pytest.raises(FindingsError, match="found load test"):
        hold(running.git, "generator", "staging", "holiday")


def test_a_hold_that_cannot_be_read_holds(running: Fork) -> None:
    """A broken file is no permission."""
    running.to_dev("v2")
    running.write("overlays/staging/generator/hold.yaml", "reason: [")

    assert refusals(running, STAGING) == ["unreadable"]


def test_an_older_release_never_overwrites_a_newer_one(running: Fork) -> None:
    """Neither one that ran before nor one that was built before; both are told as superseded."""
    running.to_dev("v2")
    old = running.store.release("v0")
    early = verdict().model_copy(update={"started": "2024-01-01T11:59:59Z"})
    request = Request("generator", "dev", old, running.store.prove(old, early))

    ran_before = refusals(running, running.request("v1"))
    built_before = refusals(running, request)

    assert ran_before == built_before == ["superseded by a newer one"]


def test_staging_keeps_a_newer_release_than_dev_was_rolled_back_to(running: Fork) -> None:
    """Going back on dev does not pull staging back; its own rollback does."""
    running.to_dev("v2")
    running.along("staging")
    rollback(running.git, "generator", "dev", "slow")

    assert refusals(running, STAGING) == ["superseded by a newer one"]


def test_every_reason_is_told_at_once(running: Fork) -> None:
    """A person should come back once."""
    set_policy(running, "staging", soakHours=999, freezes=[FREEZE])
    running.to_dev("v2")
    hold(running.git, "generator", "staging", "load test")

    told = refusals(running, STAGING, datetime(2026, 11, 28, 12, tzinfo=UTC))

    assert told == ["unit is held", "environment is frozen", "too new on dev"]


def test_production_needs_an_approval_and_staging_proof(running: Fork) -> None:
    """A verdict on staging's live endpoint, and a person's yes by a key of another role."""
    signers = signers_text(pipeline=[IDENTITY], approver=[OTHER_IDENTITY])
    running.write("overlays/signers.yaml", signers)
    set_policy(
        running,
        "production",
        {"kind": "verdict", "signers": "pipeline", "endpoint": "staging"},
        {"kind": "approval", "signers": "approver"},
    )
    running.to_dev("v2")
    running.along("staging")
    request, release = Request("generator", "production"), running.store.release("v2")
    before = refusals(running, request)

    live = running.store.prove(release, verdict().model_copy(update={"environment": "staging"}))
    yes = {"environment": "production", "reason": "seen", "approved": utc_text(datetime.now(UTC))}
    layout = running.store.layout
    approval = attach(layout, release, EvidenceKind.APPROVAL, yes, OTHER_SIGNER)
    done = running.promote(request)

    record = running.records()[0]
    assert before == ["evidence is missing"] * 2
    assert done.release == release
    assert record.evidence == live
    assert record.proof == f"verdict={live} approval={approval}"


def test_an_environment_without_a_policy_takes_nothing(running: Fork) -> None:
    """Exit 2: nothing says what would be enough."""
    running.to_dev("v2")
    running.git.run("rm", "--quiet", policy_file("staging"))
    running.write("notes.txt", "no policy")

    with running.untouched(), pytest.raises(CouldNotCheckError, match=r"policy\.yaml"):
        running.promote(STAGING)


def test_a_fork_that_believes_nobody_promotes_nothing(forked: Fork) -> None:
    """As every fork starts."""
    forked.write("overlays/signers.yaml", signers_text(pipeline=[]))
    release = forked.store.release()
    evidence = forked.store.prove(release, verdict())

    told = refusals(forked, Request("generator", "dev", release, evidence))

    assert told == ["signed by nobody who is believed"]


def test_versions_follow_from_what_changed(running: Fork) -> None:
    """New weights are a minor version, another engine a patch, in every environment the same."""
    running.to_dev("v2")
    running.along("staging")
    old, new = running.store.release("v2"), running.store.release("v3")
    patched = type(old)(new.engine, old.model)
    evidence = running.store.prove(patched, verdict())

    running.promote(Request("generator", "dev", patched, evidence))

    told = [(r.environment, r.version) for r in running.records()]
    assert told == [
        ("dev", "1.1.1"),
        ("staging", "1.1.0"),
        ("dev", "1.1.0"),
        ("production", "1.0.0"),
        ("staging", "1.0.0"),
        ("dev", "1.0.0"),
    ]


def test_argo_cd_is_told_where_a_promotion_came_from(running: Fork) -> None:
    """The trailers of its source hydrator name the promotion to the environment before."""
    running.git.run("remote", "set-url", "origin", running.remote.path.as_uri())
    running.to_dev("v2")
    source = running.records()[0]

    running.along("staging")

    text = running.remote.run("log", "-1", "--format=%(trailers:only,unfold)", "main")
    told = dict(line.split(": ", 1) for line in text.splitlines() if line.startswith("Argocd"))
    assert told["Argocd-reference-commit-sha"] == source.commit
    assert told["Argocd-reference-commit-author"] == "Test <test@tidegate.invalid>"
    assert told["Argocd-reference-commit-subject"].startswith("promote(dev): generator")
    assert told["Argocd-reference-commit-repourl"] == running.remote.path.as_uri()
    assert datetime.fromisoformat(told["Argocd-reference-commit-date"]).tzinfo
    assert json.loads(told["Argocd-reference-commit-body"]).startswith("not given")


def test_a_signature_of_the_pipeline_is_no_approval(running: Fork) -> None:
    """One key for everything would make the second look worthless."""
    set_policy(
        running,
        "staging",
        {"kind": "verdict", "signers": "pipeline"},
        {"kind": "approval", "signers": "approver"},
    )
    running.to_dev("v2")
    yes = {"environment": "staging", "reason": "me", "approved": utc_text(datetime.now(UTC))}
    release = running.store.release("v2")
    attach(running.store.layout, release, EvidenceKind.APPROVAL, yes, SIGNER)

    assert refusals(running, STAGING) == ["evidence is missing"]
