"""scripts/contract_test passes a server that keeps to its document, and no other."""

import subprocess

from tests.conftest import ROOT
from tests.stub.faults import Behaviour
from tests.stub.server import serving


def contract(behaviour: Behaviour) -> subprocess.CompletedProcess[str]:
    """What the script says of a stub."""
    with serving(behaviour) as stub:
        return subprocess.run(
            ["scripts/contract_test", stub.url, "--max-examples", "10"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )


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
