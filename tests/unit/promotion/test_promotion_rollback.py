"""A rollback is a promotion of what ran before: one commit forward, from git alone."""

import shutil

import pytest
from tests.unit.promotion.conftest import Fork

from tidegate.findings import FindingsError
from tidegate.promotion.promote import Promotion, Request, rollback

FILE = "overlays/dev/generator/kustomization.yaml"


def roll_back(forked: Fork, environment: str = "dev", reason: str = "slow") -> Promotion:
    """Roll the generator back."""
    return rollback(forked.git, "generator", environment, reason)


def test_a_rollback_is_one_commit_forward_to_the_release_before(running: Fork) -> None:
    """It changes the one file, keeps the evidence of that release, and says why."""
    old = running.records()[-1]
    running.to_dev("v2")
    before = running.tip()

    done = roll_back(running, reason="answers take twice as long")

    record = running.records()[0]
    assert done.commit == running.tip() == record.commit
    assert running.remote.run("rev-parse", "main^").strip() == before
    assert running.changed(running.tip()) == [FILE]
    assert done.release == running.store.release("v1")
    assert (record.action, record.reason) == ("rollback", "answers take twice as long")
    assert (record.release, record.evidence, record.gates) == (
        old.release,
        old.evidence,
        old.gates,
    )
    assert running.subjects()[0] == f"rollback(dev): generator {done.release}"
    assert running.standings()["dev/generator"].state == "proven"


def test_a_rollback_gives_back_the_very_file(running: Fork) -> None:
    """There and back again is no difference."""
    before = (running.git.path / FILE).read_bytes()
    running.to_dev("v2")

    roll_back(running)

    assert (running.git.path / FILE).read_bytes() == before


def test_rolling_back_twice_goes_further_back(running: Fork) -> None:
    """What was just found bad is never the good one, however often the button is pressed."""
    running.to_dev("v2")
    running.to_dev("v3")

    releases = [roll_back(running).release for _ in range(2)]

    assert releases == [running.store.release(tag) for tag in ("v2", "v1")]
    with running.untouched(), pytest.raises(FindingsError, match="only releases that were rolled"):
        roll_back(running)


def test_rolling_back_a_rollback_returns_to_what_was_left(running: Fork) -> None:
    """It lifts the mark, so that the release may travel and be rolled back again."""
    before = (running.git.path / FILE).read_bytes()
    running.to_dev("v2")
    after = (running.git.path / FILE).read_bytes()
    roll_back(running)

    undone = rollback(running.git, "generator", "dev", "it was the network", undo=True)

    record = running.records()[0]
    assert undone.release == running.store.release("v2") == record.release
    assert (record.action, record.bad) == ("undo", None)
    assert (running.git.path / FILE).read_bytes() == after
    assert running.promote(Request("generator", "staging")).release == undone.release
    assert roll_back(running).release == running.store.release("v1")
    assert (running.git.path / FILE).read_bytes() == before


def test_only_a_rollback_can_be_undone(running: Fork) -> None:
    """After a promotion there is nothing that somebody took away."""
    with running.untouched(), pytest.raises(FindingsError, match="no rollback to undo"):
        rollback(running.git, "generator", "dev", "why not", undo=True)


def test_automation_does_not_bring_back_what_was_rolled_back(running: Fork) -> None:
    """Staging still runs it; production keeps it out until somebody says otherwise."""
    running.to_dev("v2")
    running.along("staging", "production")
    bad = roll_back(running, "production", "answers in the wrong language")

    with running.untouched(), pytest.raises(FindingsError) as refused:
        running.promote(Request("generator", "production"))
    lifted = running.promote(Request("generator", "production", despite_rollback=True))

    (finding,) = refused.value.findings
    assert finding.what == "was rolled back"
    assert f"by {(bad.commit or '')[:8]}: answers in the wrong language" in finding.found
    assert lifted.release == running.store.release("v2")
    assert running.promote(Request("generator", "production")).commit is None


@pytest.mark.parametrize(
    ("service", "found"),
    [("generator", "1 promotion of the present release"), ("retriever", "none")],
)
def test_with_nothing_to_go_back_to_it_is_refused(running: Fork, service: str, found: str) -> None:
    """The first release of a service has none before it, and no other service's counts."""
    running.to_dev("v2")
    with running.untouched(), pytest.raises(FindingsError) as refused:
        rollback(running.git, service, "staging", "slow")

    assert str(refused.value.findings[0]) == (
        f"overlays/staging/{service}/kustomization.yaml: release: nothing to go back to; "
        f"wanted an earlier promotion on record, found {found} - "
        "promote a release that passes, or `rollback --undo` the last rollback"
    )


def test_a_rollback_needs_no_store(running: Fork) -> None:
    """When production burns, git is enough."""
    running.to_dev("v2")
    running.along("staging", "production")
    shutil.rmtree(running.store.layout.root)

    done = roll_back(running, "production")

    assert done.release == running.standings()["production/generator"].unit.release
    assert running.standings()["staging/generator"].unit.release != done.release
    assert not running.store.layout.root.exists()


def test_a_rollback_leaves_the_other_services_and_environments(running: Fork) -> None:
    """Promotions of others in between are neither undone nor gone back to."""
    running.to_dev("v2")
    running.to_dev("v1", "retriever")
    running.along("staging")
    others = {name: str(s.unit.release) for name, s in running.standings().items()}

    done = roll_back(running)

    now = {name: str(s.unit.release) for name, s in running.standings().items()}
    assert done.release == running.store.release("v1")
    assert now == others | {"dev/generator": str(done.release)}


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(("newTag: v2", "newTag: by-hand"), id="another release"),
        pytest.param(("images:", "images: []\nconfigurations:"), id="no release"),
    ],
)
def test_a_release_edited_by_hand_goes_back_to_the_last_on_record(
    running: Fork, broken: tuple[str, str]
) -> None:
    """What nobody proved is left for the newest release that somebody did."""
    running.to_dev("v2")
    text = (running.git.path / FILE).read_text()
    kept = text[: text.index("images:")] if "[]" in broken[1] else text.replace(*broken)
    running.write(FILE, kept)

    done = roll_back(running)

    assert done.release == running.store.release("v2")
    assert running.standings()["dev/generator"].state == "proven"


def test_a_withdrawn_release_goes_no_further(running: Fork) -> None:
    """After a rollback of dev, staging is offered what dev runs now."""
    running.to_dev("v2")
    roll_back(running)
    withdrawn, evidence = running.store.proven("v2")

    with running.untouched(), pytest.raises(FindingsError, match="not what dev runs"):
        running.promote(Request("generator", "staging", withdrawn, evidence))
