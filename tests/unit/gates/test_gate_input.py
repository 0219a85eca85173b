"""`tidegate gate` refuses what does not go together, and passes its options on to the server."""

import json
from pathlib import Path

import pytest
from tests.conftest import Cli
from tests.stub.faults import Behaviour
from tests.unit.gates.conftest import Serve, Stub, as_json
from tests.unit.gates.test_load import STARTED

from tidegate.gates.record import Answer, Observed, Run, write_run

GATE = ("gate", "run", "--model", "tiny-chat", "--root")
DIGEST = f"sha256:{'a' * 64}"
RELEASE = (
    *("--engine", f"registry.example/e:1@{DIGEST}"),
    *("--model-artifact", f"registry.example/m:1@{DIGEST}"),
)


def kept(path: Path, model: str = "tiny-chat") -> Path:
    """A recorded run with one wrong answer, in a file."""
    facts = Observed(
        gate="functional", name="facts", answers=(Answer(case="a", asked="who?", fault="no\x1b"),)
    )
    write_run(path, Run(model=model, started=STARTED, observed=(facts,)))
    return path


def test_a_server_and_a_recorded_run_are_one_too_many(
    cli: Cli, repository: Path, tmp_path: Path
) -> None:
    """Which of the two would be judged is nobody's guess."""
    run = kept(tmp_path / "run.json")
    ran = cli(*GATE, repository, "--url", "http://127.0.0.1:9", "--replay", run)

    assert ran.code == 2
    assert "nothing to judge; wanted one of the two, found both" in ran.err


def test_a_recorded_run_is_no_evidence_of_a_release(
    cli: Cli, repository: Path, tmp_path: Path
) -> None:
    """It says what some server answered, and not that it was this release; nothing is stored."""
    store = tmp_path / "store"
    run = kept(tmp_path / "run.json")
    ran = cli(*GATE, repository, "--replay", run, *RELEASE, "--store", store)

    assert ran.code == 2
    assert "wanted every gate, on a server, found --replay" in ran.err
    assert not store.exists()


def test_runs_of_two_models_are_not_compared(cli: Cli, repository: Path, tmp_path: Path) -> None:
    """Nor runs of a model that the catalog does not have."""
    old, other = kept(tmp_path / "old.json"), kept(tmp_path / "other.json", "qwen3-8b")
    gone = kept(tmp_path / "gone.json", "gone")
    two = cli("gate", "compare", old, other, "--root", repository)
    unknown = cli("gate", "compare", gone, gone, "--root", repository)

    assert (two.code, unknown.code) == (2, 2)
    assert "is a run of another model; wanted tiny-chat, found qwen3-8b" in two.err
    assert "models/gone/model.yaml: model: unknown model" in unknown.err


def test_a_helping_server_without_a_model_cannot_help(
    cli: Cli, repository: Path, stub: Stub
) -> None:
    """It is asked for its first model before anything is measured."""
    stub.overrides["/v1/models"] = as_json({"data": []})
    ran = cli(*GATE, repository, "--url", "http://127.0.0.1:9", "--judge", stub.url)

    assert ran.code == 2
    assert f"{stub.url}: /v1/models: lists no model" in ran.err


def test_a_key_comes_from_the_environment_and_is_never_said(
    cli: Cli, repository: Path, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is sent, and stands in no output."""
    monkeypatch.setenv("TIDEGATE_API_KEY", "s3cret-of-the-test")
    stub.overrides["/v1/models"] = as_json({"error": "no"}, 401)
    ran = cli(*GATE, repository, "--url", stub.url)

    assert [h["Authorization"] for h in stub.headers] == ["Bearer s3cret-of-the-test"]
    assert ran.code == 2
    assert "s3cret" not in ran.out + ran.err


def test_a_part_of_the_cases_under_another_seed_says_so(
    cli: Cli, repository: Path, serve: Serve
) -> None:
    """A tag that no case has leaves sets without an answer, which hold."""
    url = serve(Behaviour(model="tiny-chat")).url
    ran = cli(*GATE, repository, "--url", url, "--only", "functional", "--tag", "none",
              "--seed", "7", "--json")  # fmt: skip
    verdict = json.loads(ran.out)

    assert (ran.code, verdict["seed"], verdict["outcome"]) == (1, 7, "hold")
    assert {m["samples"] for m in verdict["measurements"]} == {0}


SPEC = "{type: cases, threshold: 0.9, minSamples: 1, cases: CASES}"
UNUSABLE = {
    "an unknown assertion": (
        SPEC.replace("CASES", '[{prompt: "1 + 1?", assert: [{sounds: nice}]}]'),
        "spec.cases.cases.0.assert.0.sounds: unknown key",
    ),
    "an empty set": (SPEC.replace("CASES", "[]"), "spec.cases.cases: invalid value"),
}


@pytest.mark.parametrize("what", UNUSABLE)
def test_a_set_that_cannot_be_asked_is_refused(
    what: str, cli: Cli, repository: Path, serve: Serve
) -> None:
    """One line, and the server is not troubled."""
    spec, said = UNUSABLE[what]
    behaviour = Behaviour(model="tiny-chat")
    path = repository / "models/tiny-chat/evals/structured.yaml"
    head, _, _ = path.read_text().partition("spec:")
    path.write_text(f"{head}spec: {spec}\n")
    ran = cli(*GATE, repository, "--url", serve(behaviour).url)

    assert ran.code == 2
    (line,) = ran.err.splitlines()
    assert f"models/tiny-chat/evals/structured.yaml: {said}" in line
    assert behaviour.asked == []


def test_a_threshold_without_a_unit_is_refused(cli: Cli, repository: Path) -> None:
    """Half a second and half a millisecond are both 0.5."""
    path = repository / "models/tiny-chat/model.yaml"
    path.write_text(path.read_text().replace("0.95, seconds: 0.5", "0.95, limit: 0.5"))
    ran = cli(*GATE, repository, "--url", "http://127.0.0.1:9")

    assert ran.code == 2
    assert "models/tiny-chat/model.yaml: spec.slo.timeToFirstToken.limit: unknown key" in ran.err
