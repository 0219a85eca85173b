"""scripts/contract_test passes a server that keeps to its document, and no other."""

import re
import subprocess

import pytest
from tests.conftest import ROOT
from tests.stub.faults import Behaviour
from tests.stub.server import serving

from tidegate.catalog.load import load_valid
from tidegate.lab.paths import Lab
from tidegate.lab.server import serving as served
from tidegate.lab.training_runs import SERVED, pack_model

# What vLLM 0.32 answers against its own document, and what is made of it.
KNOWN = [
    # A body that is no UTF-8 is refused by the framework before vLLM sees it, so with the
    # framework's form of error. The status is the documented one; callers that send JSON never
    # meet it.
    r'\{"detail":"There was an error parsing the body"\}',
    # The document of a pooling model does not list the 404 that every OpenAI client knows for a
    # model that is not served; the contract gate asks for it.
    r'\{"error":\{"message":"The model .* does not exist\.",.*"code":404\}\}',
    # `structured_outputs` that is no object breaks the validator of /v1/completions: a 500 where
    # 400 is due. The engine goes on; an alert on 5xx counts it.
    r"""\{"error":\{"message":"'\w+' object has no attribute 'get'",.*"code":500\}\}""",
]
ANSWER = re.compile(r"^\[\d+\] [^\n]*:\n+ +`(.*)`$", re.MULTILINE)
FAILURE = re.compile(r"^- ST\d+ ", re.MULTILINE)


def ask(url: str, *options: str) -> subprocess.CompletedProcess[str]:
    """What the script says of a server."""
    return subprocess.run(
        ["scripts/contract_test", url, "--max-examples", "10", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def contract(behaviour: Behaviour) -> subprocess.CompletedProcess[str]:
    """What the script says of a stub."""
    with serving(behaviour) as stub:
        return ask(stub.url)


def test_a_server_that_keeps_to_its_document_passes() -> None:
    """Every route was asked, what is allowed and what is not."""
    behaviour = Behaviour(context=10**6)
    done = contract(behaviour)
    asked: list[object] = [*behaviour.asked]

    assert done.returncode == 0, done.stdout + done.stderr
    assert {"messages", "prompt", "input", "documents"} <= {
        key for body in asked if isinstance(body, dict) for key in body
    }


def test_a_field_that_is_documented_and_missing_is_found() -> None:
    """What callers read of an answer, not only its status."""
    done = contract(Behaviour(without=("usage",), context=10**6))

    assert done.returncode == 1, done.stdout + done.stderr
    assert "usage" in done.stdout


def test_a_server_error_is_found() -> None:
    """Whatever the document says about it."""
    done = contract(Behaviour(error_burst=range(10**6), error_status=500))

    assert done.returncode == 1, done.stdout + done.stderr
    assert "Server error" in done.stdout


def test_a_server_that_is_not_there_cannot_be_checked() -> None:
    """It is no pass."""
    command = ["scripts/contract_test", "http://127.0.0.1:9"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode != 0


@pytest.mark.parametrize("name", SERVED)
def test_the_real_engine_keeps_to_its_own_document(name: str, lab: Lab) -> None:
    """Thousands of requests that vLLM documents or forbids; what it breaks is known."""
    model = load_valid(ROOT).models[name]
    with lab.locked(), served(lab, {name: (model, pack_model(lab, name).digest)}) as servers:
        done = ask(servers[name].url, "--continue-on-failure")
    answers = ANSWER.findall(done.stdout)

    assert re.search(r"[1-9]\d{2,} generated", done.stdout), done.stdout + done.stderr
    assert len(answers) == len(FAILURE.findall(done.stdout)), done.stdout
    assert [a for a in answers if not any(re.fullmatch(k, a) for k in KNOWN)] == []
    assert done.returncode == (1 if answers else 0)
