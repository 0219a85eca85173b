"""What this repository's own policies ask of a verdict, for every model that it ships."""

from typing import Any, Literal

import pytest
from tests.conftest import ROOT
from tests.unit.evidence.proving import proven, refused, search
from tests.unit.evidence.samples import STARTED, measured, verdict

from tidegate.catalog.gates import FULL_ALONE
from tidegate.catalog.load import ModelFolder, load_valid
from tidegate.catalog.policy import EvidenceKind
from tidegate.evidence.proof import Search, prove
from tidegate.gates.judge import judge
from tidegate.gates.record import Run
from tidegate.gates.verdict import Verdict
from tidegate.manifests.release import Release
from tidegate.oci import Layout

CATALOG = load_valid(ROOT)
ASKING = ("staging", "production")


def passing(
    model: ModelFolder, suite: Literal["smoke", "full"], leave_out: str | None = None
) -> Verdict:
    """A verdict that passes with each gate that a suite has for a model, but one."""
    nothing = Run(model=model.name, started=STARTED, suite=suite)
    gates = {m.gate for m in judge(nothing, model).measurements}
    found = [measured().model_copy(update={"gate": gate}) for gate in sorted(gates - {leave_out})]
    changes = {"model": model.name, "suite": suite, "environment": "staging"}
    return verdict(*found).model_copy(update=changes)


def looking(layout: Layout, release: Release, environment: str) -> Search:
    """The release before what an environment asks of a verdict."""
    wanted = CATALOG.policies[environment].spec.requirement(EvidenceKind.VERDICT)
    assert wanted
    asked: dict[str, Any] = wanted.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return search(layout, release, asked, tasks=CATALOG.tasks())


@pytest.mark.parametrize("environment", ASKING)
@pytest.mark.parametrize("model", CATALOG.models.values(), ids=CATALOG.models)
def test_a_full_verdict_is_enough_and_a_smoke_verdict_is_not(
    layout: Layout, release: Release, model: ModelFolder, environment: str
) -> None:
    """Whatever the model does: nothing is asked for that its full suite does not measure."""
    looked = looking(layout, release, environment)
    proven(layout, release, passing(model, "smoke"))

    told = [(finding.what, finding.wanted) for finding in refused(looked)]
    later = passing(model, "full").model_copy(update={"started": "2026-11-24T06:30:00Z"})
    digest = proven(layout, release, later)

    assert told == [("not the full suite", "full"), ("gates were not run", "load, faults")]
    assert prove(looked).evidence.digest == digest


@pytest.mark.parametrize("environment", ASKING)
@pytest.mark.parametrize("model", CATALOG.models.values(), ids=CATALOG.models)
def test_no_gate_that_every_release_must_pass_may_be_left_out(
    layout: Layout, release: Release, model: ModelFolder, environment: str
) -> None:
    """A verdict of the full suite that lacks one gate is as none; sets decide on the others."""
    looked = looking(layout, release, environment)
    every = {m.gate for m in passing(model, "full").measurements}
    for gate in sorted(every - (FULL_ALONE - {"load", "faults"})):
        proven(layout, release, passing(model, "full", gate))

        assert [finding.wanted for finding in refused(looked)] == [gate]


def test_an_unknown_model_must_have_every_gate_of_every_task(
    layout: Layout, release: Release
) -> None:
    """What it does is not known, so nothing is let off."""
    chat = passing(CATALOG.models["tiny-chat"], "full")
    proven(layout, release, chat.model_copy(update={"model": "gone"}))

    (finding,) = refused(looking(layout, release, "staging"))

    assert finding.wanted == "retrieval"
