"""Which release may go where, and on which evidence; a refusal changes nothing."""

from dataclasses import replace

import pytest
from tests.unit.promotion.conftest import ENVIRONMENTS, MODELS, Fork, verdict

from tidegate.findings import CouldNotCheckError, FindingsError, TidegateError
from tidegate.oci import Layout
from tidegate.promotion.promote import Request

REVISION = "b968826d9c46dd6066d109eabc6255188de91218"


def refusal(forked: Fork, request: Request, kind: type[TidegateError] = FindingsError) -> str:
    """The one line that refuses a promotion which changes nothing."""
    with forked.untouched(), pytest.raises(kind) as refused:
        forked.promote(request)
    (finding,) = refused.value.findings
    return str(finding)


def test_a_release_travels_with_its_evidence_from_dev_to_production(running: Fork) -> None:
    """Each environment takes what the one before runs, on the evidence that put it there."""
    standings = [running.standings()[f"{name}/generator"] for name in ENVIRONMENTS]

    release, evidence = running.store.proven()

    assert [found.unit.release for found in standings] == [release] * 3
    assert [found.record and found.record.evidence for found in standings] == [evidence] * 3
    assert [found.state for found in standings] == ["proven"] * 3


def test_the_first_environment_wants_a_release(forked: Fork) -> None:
    """There is no environment before dev to take one from."""
    line = refusal(forked, Request("generator", "dev"))

    assert line == (
        "overlays/dev/generator/kustomization.yaml: release: no release named; "
        "wanted --release, or --engine and --model-artifact, found nothing "
        "- name what the gates have proven"
    )


def test_an_environment_whose_predecessor_runs_nothing_is_refused(forked: Fork) -> None:
    """Absence on dev is no release for staging."""
    line = refusal(forked, Request("generator", "staging"))

    assert "release: not what dev runs; wanted a release on dev, found never promoted" in line


def test_a_release_that_the_environment_before_does_not_run_is_refused(running: Fork) -> None:
    """Passing evidence does not open a way around staging."""
    running.to_dev("v2")
    release, evidence = running.store.proven("v2")

    line = refusal(running, Request("generator", "production", release, evidence))

    assert f"not what staging runs; wanted {release}, found" in line
    assert line.endswith("promote it to staging first")


def test_the_release_of_the_environment_before_may_be_named(running: Fork) -> None:
    """Naming it guards against a promotion of something newer than what was looked at."""
    release, evidence = running.store.proven("v2")
    running.to_dev("v2")

    done = running.promote(Request("generator", "staging", release, evidence))

    assert running.standings()["staging/generator"].unit.release == release == done.release


def test_what_runs_already_is_no_commit(running: Fork) -> None:
    """Asking twice is harmless, on main and for a pull request."""
    again = running.request()
    with running.untouched():
        done = running.promote(again)
        asked = running.promote(replace(again, pull_request=True))

    assert (done.commit, done.branch, done.release) == (None, "main", again.release)
    assert asked == done


@pytest.mark.parametrize(
    ("service", "environment", "kind", "known"),
    [
        ("writer", "dev", "service", "generator, reranker, retriever"),
        ("generator", "prod", "environment", "dev, production, staging"),
    ],
)
def test_an_unknown_name_is_refused(
    forked: Fork, service: str, environment: str, kind: str, known: str
) -> None:
    """The line lists the names there are."""
    line = refusal(forked, Request(service, environment, *forked.store.proven()))

    assert line.startswith(f"overlays/{environment}/{service}/kustomization.yaml: {kind}: ")
    assert f"unknown {kind}; wanted one of {known}, found " in line


@pytest.mark.parametrize(
    ("value", "samples", "says"),
    [
        pytest.param(0.7999, 20, "gate says fail", id="below the threshold"),
        pytest.param(0.9, 9, "gate says hold", id="too few samples"),
        pytest.param(None, 20, "gate says hold", id="nothing measured"),
    ],
)
def test_evidence_that_does_not_pass_is_refused(
    forked: Fork, value: float | None, samples: int, says: str
) -> None:
    """Neither failure nor absence promotes."""
    release = forked.store.release()
    evidence = forked.store.prove(release, verdict(value, samples=samples))

    line = refusal(forked, Request("generator", "dev", release, evidence))

    assert line.startswith(f"{evidence}: quality/facts: {says}; ")
    assert line.endswith("nothing was committed")


def test_evidence_at_the_threshold_promotes(forked: Fork) -> None:
    """The threshold itself and the wanted number of samples are enough."""
    release = forked.store.release()
    evidence = forked.store.prove(release, verdict(0.8, samples=10))

    done = forked.promote(Request("generator", "dev", release, evidence))

    assert done.commit == forked.tip()


def test_evidence_of_another_release_is_refused(forked: Fork) -> None:
    """A new model on a proven engine is a new release."""
    proven, evidence = forked.store.proven("v1")
    mixed = replace(proven, model=forked.store.release("v2").model)

    line = refusal(forked, Request("generator", "dev", mixed, evidence))

    assert f"{evidence}: subject: evidence of another release; wanted {mixed}" in line


def test_evidence_about_another_model_is_refused(forked: Fork) -> None:
    """A retriever's proof does not let its weights run with the generator's settings."""
    request = Request("generator", "dev", *forked.store.proven(service="retriever"))

    line = refusal(forked, request)

    assert line == (
        f"{request.evidence}: model: about another model; wanted {MODELS['generator']}, "
        f"found {MODELS['retriever']} - name the release's model under components first"
    )


def test_no_evidence_is_refused(forked: Fork) -> None:
    """Nothing in the store is about the release, and absence is never a pass."""
    line = refusal(forked, Request("generator", "dev", forked.store.release()))

    assert "dev/policy.yaml: verdict: evidence is missing; wanted 1 signed by role pipeline" in line
    assert line.endswith(
        "run the gates with a signer of that role, or fetch it with `tidegate evidence pull`"
    )


def test_a_release_that_was_put_on_dev_by_hand_needs_evidence_of_its_own(running: Fork) -> None:
    """What no promotion recorded goes no further, unless its evidence is named."""
    release, evidence = running.store.proven("v2")
    file = "overlays/dev/generator/kustomization.yaml"
    old = running.store.release("v1")
    running.replace(file, old.model.digest, release.model.digest)
    running.replace(file, old.engine.digest, release.engine.digest)
    running.replace(file, "newTag: v1", "newTag: v2")

    line = refusal(running, Request("generator", "staging"))
    done = running.promote(Request("generator", "staging", evidence=evidence))

    assert "evidence: none for the release" in line
    assert done.release == release


def test_evidence_that_the_store_lost_cannot_be_checked(running: Fork) -> None:
    """A missing blob is exit 2, not a gate that failed."""
    running.to_dev("v2")
    evidence = running.records()[0].evidence
    blobs = running.store.layout.root / "blobs" / "sha256"
    (blobs / evidence.removeprefix("sha256:")).unlink()

    line = refusal(running, Request("generator", "staging"), CouldNotCheckError)

    assert f"{evidence}: no such blob" in line


def test_a_store_that_is_not_there_cannot_be_checked(forked: Fork) -> None:
    """A wrong --store is exit 2 and makes no folder."""
    request = forked.request()
    elsewhere = forked.git.path.parent / "elsewhere"
    empty = Fork(forked.git, forked.remote, replace(forked.store, layout=Layout(elsewhere)))

    line = refusal(empty, request, CouldNotCheckError)

    assert line.startswith(f"{elsewhere}: {request.release}: not in the store; ")
    assert line.endswith("fetch both with `tidegate evidence pull`, or name the right --store")
    assert not elsewhere.exists()


def test_the_labs_engine_is_refused_outside_the_lab(forked: Fork) -> None:
    """A laptop's Python environment never reaches a cluster, whatever its gates say."""
    release = forked.store.release(lab=True)
    evidence = forked.store.prove(release, verdict())

    line = refusal(forked, Request("generator", "dev", release, evidence))

    assert f"{release.engine}: engine of the wrong kind; wanted image, found lab (" in line


def test_an_image_is_refused_in_the_lab(forked: Fork) -> None:
    """The lab runs nothing but its own engine, which it takes."""
    forked.replace(
        "overlays/dev/environment/environment.yaml", "engineArtifact: image", "engineArtifact: lab"
    )
    own = forked.store.release(lab=True)

    line = refusal(forked, forked.request())
    done = forked.promote(Request("generator", "dev", own, forked.store.prove(own, verdict())))

    assert "engine of the wrong kind; wanted lab, found image (" in line
    assert done.commit == forked.tip()


@pytest.mark.parametrize("revision", ["main", REVISION[:39], REVISION.upper()])
def test_weights_whose_revision_is_not_pinned_are_refused(forked: Fork, revision: str) -> None:
    """A branch, a short digest or another spelling may mean other weights tomorrow."""
    forked.replace("models/qwen3-8b/model.yaml", REVISION, revision)

    line = refusal(forked, forked.request())

    assert line == (
        "models/qwen3-8b/model.yaml: spec.source.huggingFace.revision: not pinned; "
        f"wanted the 40 hex digits of a commit, found {revision} - "
        "pin the revision that the artifact was packed from"
    )


def test_a_fork_whose_catalog_is_invalid_cannot_be_promoted(forked: Fork) -> None:
    """What the remote's main holds decides, and every fault of it is told."""
    forked.replace("models/qwen3-8b/model.yaml", "parameters:", "parametres:")

    with forked.untouched(), pytest.raises(CouldNotCheckError) as refused:
        forked.promote(forked.request())

    assert {found.file for found in refused.value.findings} == {"models/qwen3-8b/model.yaml"}
