"""`tidegate gate`: what it prints, writes and exits with, and one line for each bad input."""

import json
import socket
import threading
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from tests.conftest import ROOT, Cli
from tests.stub.faults import Behaviour
from tests.unit.gates.conftest import GateRun

DIGEST = f"sha256:{'a' * 64}"
SCHEMA = ROOT / "docs" / "reference" / "verdict.schema.json"


def test_a_passing_release_exits_zero_with_a_table(run: GateRun) -> None:
    """Each number beside its interval, what was wanted, and its samples."""
    ran = run()

    assert ran.code == 0, ran.out + ran.err
    (row,) = [line for line in ran.out.splitlines() if line.startswith("  facts")]
    assert row.split() == ["facts", "1", "0.94..1", ">=", "0.95", "60/60", "pass"]


def test_a_failing_release_exits_one_and_shows_wrong_answers(run: GateRun) -> None:
    """With the question, what was wanted and what was found."""
    ran = run(behaviour=Behaviour(model="tiny-chat"))

    assert ran.code == 1
    assert "functional/facts: 'Before the meeting" in ran.out
    assert "wanted 'The runtime of zevaso is Rust.', found 'you said Before" in ran.out


def test_json_is_what_the_published_schema_says(run: GateRun) -> None:
    """The schema is committed and versioned by its apiVersion."""
    verdict = json.loads(run("--json").out)

    jsonschema.validate(verdict | {}, json.loads(SCHEMA.read_text()) | _open())
    assert (verdict["apiVersion"], verdict["kind"]) == ("tidegate.dev/v1alpha1", "Verdict")
    assert verdict["outcome"] == "pass"


def _open() -> dict[str, bool]:
    """`evidence` is added by the command."""
    return {"additionalProperties": True}


def test_the_committed_schema_is_what_the_code_says(cli: Cli) -> None:
    """Drift fails."""
    assert SCHEMA.read_text() == cli("gate", "schema").out


def test_a_recorded_run_is_judged_again_without_a_server(
    run: GateRun, cli: Cli, small: Path, tmp_path: Path
) -> None:
    """The same verdict, and other thresholds give another one."""
    kept = tmp_path / "run.json"
    first = json.loads(run("--record", kept, "--json").out)
    replay = ("gate", "run", "--model", "tiny-chat", "--replay", kept, "--root", small, "--json")

    again = cli(*replay)
    path = small / "models/tiny-chat/evals/facts.yaml"
    path.write_text(path.read_text().replace("minSamples: 60", "minSamples: 61"))
    held = cli(*replay)

    assert json.loads(again.out) == first
    assert (held.code, json.loads(held.out)["outcome"]) == (1, "hold")


def test_two_runs_are_compared(run: GateRun, cli: Cli, small: Path, tmp_path: Path) -> None:
    """Exit 0 where the second is no worse, 1 where it lost answers."""
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    run("--record", good)
    run("--record", bad, behaviour=Behaviour(model="tiny-chat"))

    same = cli("gate", "compare", good, good, "--root", small)
    worse = cli("gate", "compare", good, bad, "--root", small)
    better = cli("gate", "compare", bad, good, "--root", small)

    assert (same.code, worse.code, better.code) == (0, 1, 0)
    assert "\n  facts-drop" in worse.out
    assert "was right; wanted" in worse.out


def test_a_previous_run_adds_its_comparison(run: GateRun, tmp_path: Path) -> None:
    """In the same verdict, which names when it began."""
    kept = tmp_path / "run.json"
    run("--record", kept)
    verdict = json.loads(run("--previous", kept, "--json").out)

    assert verdict["previous"] == json.loads(kept.read_text())["started"]
    assert "facts-drop" in {m["name"] for m in verdict["measurements"]}


def test_junit_has_a_case_for_each_number(run: GateRun, tmp_path: Path) -> None:
    """CI servers show it; a wrong number is a failure with its examples."""
    file = tmp_path / "gates.xml"
    run("--junit", file, behaviour=Behaviour(model="tiny-chat"))
    tree = ET.parse(file)  # noqa: S314 - written by the command above

    suites = {suite.get("name"): suite for suite in tree.iter("testsuite")}
    failed = suites["tiny-chat functional"]
    assert (failed.get("tests"), failed.get("failures"), failed.get("errors")) == ("1", "1", "0")
    (failure,) = failed.iter("failure")
    assert "wanted at least 0.95 share" in str(failure.get("message"))
    assert "zevaso" in str(failure.text)


def test_the_report_is_whole_and_shows_the_answer_of_the_release_before(
    run: GateRun, tmp_path: Path
) -> None:
    """No script and nothing from elsewhere; wrong answers beside the former ones."""
    kept, page = tmp_path / "run.json", tmp_path / "report.html"
    run("--record", kept)
    run("--previous", kept, "--html", page, behaviour=Behaviour(model="tiny-chat"))
    text = page.read_text()

    assert not any(word in text for word in ("<script", "src=", "href=", "@import", "url("))
    assert "The runtime of zevaso is Rust." in text
    assert "you said Before the meeting" in text
    assert '<td class="fail">fail' in text


BAD: dict[str, tuple[tuple[str, ...], str]] = {
    "unreachable": (("--url", "http://127.0.0.1:9"), "endpoint: cannot be reached"),
    "no URL": (("--url", "nonsense"), "endpoint: cannot be reached"),
    "another scheme": (("--url", "ftp://127.0.0.1"), "endpoint: cannot be reached"),
    "neither": ((), "nothing to judge; wanted one of the two, found neither"),
    "unknown model": (("--model", "gpt"), "models/gpt/model.yaml: model: unknown model"),
    "unknown gate": (("--url", "http://127.0.0.1:9", "--only", "luck"), "--only: unknown gate"),
    "a part as evidence": (
        (
            "--url",
            "http://127.0.0.1:9",
            "--only",
            "safety",
            "--tag",
            "short",
            "--engine",
            f"registry.example/e:1@{DIGEST}",
            "--model-artifact",
            f"registry.example/m:1@{DIGEST}",
        ),
        "--engine: no evidence of a release; wanted every gate, on a server, found --only, --tag",
    ),
    "no such run": (("--replay", "/nonexistent"), "recorded run: cannot be read"),
    "no such previous": (("--previous", "/nonexistent"), "recorded run: cannot be read"),
    "no such trace": (
        ("--url", "http://127.0.0.1:9", "--trace", "/nonexistent"),
        "trace: cannot be replayed",
    ),
    "no embedding server": (
        ("--url", "http://127.0.0.1:9", "--embeddings", "http://127.0.0.1:9"),
        "endpoint: cannot be reached",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line_and_exit_two(name: str, cli: Cli, small: Path) -> None:
    """Never a pass, never a traceback."""
    arguments, said = BAD[name]
    ran = cli("gate", "run", "--model", "tiny-chat", "--root", small, *arguments)

    assert ran.code == 2, ran.out
    (line,) = ran.err.splitlines()
    assert said in line
    assert " - " in line


def test_a_server_that_speaks_no_tls_is_one_line(cli: Cli, small: Path) -> None:
    """It answers the handshake in the clear, as a proxy on the wrong port does."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                connection.recv(4096)

        threading.Thread(target=answer, daemon=True).start()
        url = f"https://127.0.0.1:{server.getsockname()[1]}"
        ran = cli("gate", "run", "--model", "tiny-chat", "--root", small, "--url", url)

    assert ran.code == 2
    (line,) = ran.err.splitlines()
    assert "endpoint: cannot be reached" in line
    assert "SSL" in line


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (Behaviour(unauthorized=True), "API key: is not accepted"),
        (Behaviour(model="other"), "/v1/models: does not list the model; wanted tiny-chat"),
    ],
)
def test_a_server_that_cannot_be_judged_is_exit_two(
    behaviour: Behaviour, said: str, run: GateRun
) -> None:
    """401 and a wrong model name."""
    ran = run(behaviour=behaviour)

    assert ran.code == 2
    assert said in ran.err


def test_a_run_of_another_model_is_not_judged(
    run: GateRun, cli: Cli, small: Path, tmp_path: Path
) -> None:
    """Its answers say nothing about this one."""
    kept = tmp_path / "run.json"
    run("--record", kept)
    ran = cli("gate", "run", "--model", "qwen3-8b", "--replay", kept, "--root", small)

    assert ran.code == 2
    assert "is a run of another model; wanted qwen3-8b, found tiny-chat" in ran.err


@pytest.mark.parametrize(
    ("replace", "by", "said"),
    [
        ("type: questions", "type: guesses", "spec: invalid value"),
        ("threshold: 0.95", "threshold: 95", "spec.questions.threshold: invalid value"),
    ],
)
def test_a_wrong_case_file_is_refused_before_anything_is_asked(
    replace: str, by: str, said: str, run: GateRun, small: Path
) -> None:
    """With the file and the field."""
    behaviour = Behaviour(model="tiny-chat")
    path = small / "models/tiny-chat/evals/facts.yaml"
    path.write_text(path.read_text().replace(replace, by))
    ran = run(behaviour=behaviour)

    assert ran.code == 2
    assert f"models/tiny-chat/evals/facts.yaml: {said}" in ran.err
    assert behaviour.asked == []


def test_a_server_may_call_the_model_otherwise(run: GateRun) -> None:
    """A gateway has names of its own."""
    behaviour = Behaviour(model="team/chat")
    ran = run("--served-name", "team/chat", behaviour=behaviour)

    assert ran.code == 1
    assert {body["model"] for body in behaviour.asked} >= {"team/chat"}


def test_one_gate_alone_is_asked_and_judged_alone(run: GateRun) -> None:
    """Nothing else holds, and nothing else was asked."""
    behaviour = Behaviour(model="tiny-chat")
    ran = run("--only", "contract", "--json", behaviour=behaviour)

    assert {m["gate"] for m in json.loads(ran.out)["measurements"]} == {"contract"}
    assert len(behaviour.asked) < 12
