"""The lab's model registry: a real MLflow server on SQLite, in an environment of its own."""

import json
import shutil
import tempfile
from dataclasses import asdict

from tidegate.lab.environment import equals, make_equal, read_pins
from tidegate.lab.paths import Lab
from tidegate.lab.process import end_group, spawn, started
from tidegate.lab.server import HOST, Server, choose_ports, read_servers, stop, wait_healthy
from tidegate.oci import write_atomically

NAME = "mlflow"
REQUIREMENTS = "requirements/mlflow.txt"
# Its job runners are twelve processes for evaluations that nobody asks for here.
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}


def start_registry(lab: Lab, port: int = 0) -> Server:
    """Install MLflow where it is not, and start it on what it kept; healthy on return.

    Args:
        lab: the lab.
        port: where it listens; 0 for a free one.

    Raises:
        CouldNotCheckError: it cannot be installed, the port is taken, or it does not come up.
    """
    venv, pins = lab.home / NAME, lab.root / REQUIREMENTS
    if not equals(venv, pins):
        make_equal(venv, pins, lab.logs / "install-mlflow.log")
    own = [server.port for server in read_servers(lab) if server.alive and server.name == NAME]
    (free,) = choose_ports(1, port, own)
    lab.registry.mkdir(parents=True, exist_ok=True)
    command = [
        str(venv / "bin" / "python"), "-m", "mlflow", "server", "--workers", "1",
        "--backend-store-uri", f"sqlite:///{lab.registry / 'mlflow.db'}",
        "--artifacts-destination", str(lab.registry / "artifacts"),
        "--host", HOST, "--port", str(free),
    ]  # fmt: skip
    version = read_pins(pins.read_text(encoding="utf-8"))[NAME]["version"]
    server = _start(lab, version, free, command)
    try:
        wait_healthy(server)
    except BaseException:
        stop(lab, NAME)
        raise
    return server


def _start(lab: Lab, version: str, port: int, command: list[str]) -> Server:
    """Start it in place of its predecessor, and remember it; it is not healthy yet."""
    stop(lab, NAME)
    log, scratch = lab.logs / f"{NAME}.log", tempfile.mkdtemp(prefix="tidegate-")
    pid = None
    try:
        pid = spawn(command, log, ENVIRONMENT | {"TMPDIR": scratch})
        created = started(pid) or 0.0  # it may have died already
        server = Server(NAME, "model registry", version, pid, created, port, str(log), scratch)
        write_atomically(lab.state(NAME), json.dumps(asdict(server)).encode())
    except BaseException:
        if pid:
            end_group(pid)
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    return server
