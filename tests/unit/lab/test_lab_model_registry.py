"""The lab's model registry is one server, started from its pins, ended like the others."""

import hashlib
import sys
from collections.abc import Iterator

import httpx
import psutil
import pytest
from tests.unit.lab.conftest import PIN, one_line

from tidegate.findings import CouldNotCheckError
from tidegate.lab.model_registry import ENVIRONMENT, NAME, REQUIREMENTS, start_registry
from tidegate.lab.paths import Lab
from tidegate.lab.server import read_servers, stop

# Stands in for MLflow's interpreter: answers /health on the port it is given, or dies.
STUB = """#!{python} -S
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
if {dies}:
    sys.exit("no such database")
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
port = int(sys.argv[sys.argv.index("--port") + 1])
HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


def install(lab: Lab, *, dies: bool = False) -> None:
    """Put the stub where MLflow is."""
    pins, venv = lab.root / REQUIREMENTS, lab.home / NAME
    pins.parent.mkdir(parents=True, exist_ok=True)
    pins.write_text(f"mlflow==3.17.2 \\\n    --hash={PIN}\n")
    (venv / "bin").mkdir(parents=True, exist_ok=True)
    (venv / ".stamp").write_text(hashlib.sha256(pins.read_bytes()).hexdigest())
    python = venv / "bin" / "python"
    python.write_text(STUB.format(python=sys.executable, dies=dies))
    python.chmod(0o755)


@pytest.fixture
def own(lab: Lab) -> Iterator[Lab]:
    """A lab whose registry is stopped in the end."""
    yield lab
    stop(lab, NAME)


def test_the_registry_is_replaced_by_the_next_and_keeps_its_place(own: Lab) -> None:
    """One server, on the port that is asked for, with what it kept."""
    install(own)
    first = start_registry(own)
    second = start_registry(own, first.port)
    process = psutil.Process(second.pid)

    assert httpx.get(f"{second.url}/health", trust_env=False).status_code == 200
    assert (read_servers(own), second.port, first.alive) == ([second], first.port, False)
    assert (second.model, second.digest) == ("model registry", "3.17.2")
    assert ENVIRONMENT.items() <= process.environ().items()
    assert f"sqlite:///{own.registry / 'mlflow.db'}" in process.cmdline()


def test_a_registry_that_dies_is_one_line_and_nothing_is_left(own: Lab) -> None:
    """With its last words."""
    install(own, dies=True)

    with pytest.raises(CouldNotCheckError) as failed:
        start_registry(own)

    assert one_line(failed).endswith("found no such database - read the log")
    assert read_servers(own) == []
