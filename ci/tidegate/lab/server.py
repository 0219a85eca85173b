"""vLLM servers of the lab: started on loopback, waited for, remembered by pid, and ended."""

import contextlib
import json
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import psutil

from tidegate.catalog.load import ModelFolder
from tidegate.findings import CouldNotCheckError, cannot_check
from tidegate.lab.paths import Lab
from tidegate.lab.process import end_group, exit_code, failed, last_lines, spawn
from tidegate.oci import Layout, write_atomically

HOST = "127.0.0.1"
HEALTHY_SECONDS = 240.0
_OK = 200

ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",  # two threads beside a busy process were 20 times slower than one
    "TRANSFORMERS_OFFLINE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # one process less: 0.5 GiB and 10 s
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_TARGET_DEVICE": "cpu",
}


@dataclass(frozen=True, slots=True)
class Server:
    """A started server; `created` tells its pid from a later process of the same number."""

    name: str
    model: str
    digest: str
    pid: int
    created: float
    port: int
    log: str
    scratch: str

    @property
    def url(self) -> str:
        """Base URL, without /v1."""
        return f"http://{HOST}:{self.port}"

    @property
    def alive(self) -> bool:
        """Whether this very process still runs."""
        try:
            process = psutil.Process(self.pid)
            return process.create_time() == self.created and (
                process.status() != psutil.STATUS_ZOMBIE
            )
        except psutil.NoSuchProcess:
            return False


def choose_port(wanted: int = 0) -> int:
    """A free port on loopback: `wanted`, or any for 0.

    Raises:
        CouldNotCheckError: the wanted port is taken.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted))
        except OSError as error:
            raise cannot_check(
                f"{HOST}:{wanted}",
                "port",
                "cannot be used",
                wanted="a free port",
                found=os.strerror(error.errno or 0).lower(),
                next_step="name another with --port, or leave it out",
            ) from None
        return int(probe.getsockname()[1])


def _state(lab: Lab, name: str) -> Path:
    return lab.run / f"{name}.json"


def unpacked(lab: Lab, digest: str) -> Path:
    """The folder with a model artifact's content: what is served is what was packed."""
    folder = lab.home / "serve" / digest.removeprefix("sha256:")
    if not folder.exists():
        Layout(lab.layout).unpack(digest, folder)
    return folder


def start(lab: Lab, name: str, model: ModelFolder, digest: str, port: int = 0) -> Server:
    """Start vLLM on a packed model; it is not healthy yet."""
    stop(lab, name)
    port, log = choose_port(port), lab.logs / f"{name}.log"
    command = [
        str(lab.python), "-m", "vllm.entrypoints.openai.api_server",
        "--config", str(model.folder / model.spec.engine_config),
        "--model", str(unpacked(lab, digest)), "--host", HOST, "--port", str(port),
    ]  # fmt: skip
    # vLLM leaves sockets in the temporary folder when it is killed; a short path, as sockets need.
    scratch = tempfile.mkdtemp(prefix="tidegate-")
    pid = spawn(command, log, ENVIRONMENT | {"TMPDIR": scratch})
    try:
        created = psutil.Process(pid).create_time()
        server = Server(name, model.name, digest, pid, created, port, str(log), scratch)
        write_atomically(_state(lab, name), json.dumps(asdict(server)).encode())
    except BaseException:
        end_group(pid)
        raise
    return server


def read_servers(lab: Lab) -> list[Server]:
    """The servers that were started and not stopped, alive or not."""
    return [Server(**json.loads(path.read_text())) for path in sorted(lab.run.glob("*.json"))]


def stop(lab: Lab, name: str) -> bool:
    """End a server and forget it; False where there is none of that name."""
    path = _state(lab, name)
    if not path.exists():
        return False
    server = Server(**json.loads(path.read_text()))
    if server.alive:
        end_group(server.pid)
    shutil.rmtree(server.scratch, ignore_errors=True)
    path.unlink(missing_ok=True)
    return True


def _answer(url: str) -> str | None:
    """What is wrong with the server's health; None when it is well."""
    try:
        status = httpx.get(f"{url}/health", timeout=2, trust_env=False).status_code
    except httpx.HTTPError as error:
        return type(error).__name__
    return None if status == _OK else f"HTTP {status}"


def wait_healthy(server: Server, seconds: float = HEALTHY_SECONDS) -> None:
    """Return when the server is healthy.

    Raises:
        CouldNotCheckError: it died, with its last log lines, or did not become healthy in time.
    """
    deadline = time.monotonic() + seconds
    while fault := _answer(server.url):
        if not server.alive:
            raise _died(server)
        if time.monotonic() > deadline:
            raise cannot_check(
                server.log,
                server.name,
                "never became healthy",
                wanted=f"/health to answer 200 within {seconds:g} s",
                found=f"{fault}; {last_lines(Path(server.log))}",
                next_step="read the log",
            )
        time.sleep(0.3)


def _died(server: Server) -> CouldNotCheckError:
    return failed(server.name, Path(server.log), exit_code(server.pid) or 1)


@contextlib.contextmanager
def serving(
    lab: Lab, wanted: dict[str, tuple[ModelFolder, str]], port: int = 0
) -> Iterator[dict[str, Server]]:
    """Servers by name, started together and healthy, ended when the block ends.

    Args:
        lab: the lab.
        wanted: model and artifact digest for each name.
        port: the first server's port, the others follow; 0 for any.
    """
    try:
        yield start_all(lab, wanted, port)
    finally:
        for name in wanted:
            stop(lab, name)


def start_all(
    lab: Lab, wanted: dict[str, tuple[ModelFolder, str]], port: int = 0
) -> dict[str, Server]:
    """As `serving`, but left running; none is left where one does not become healthy."""
    servers: dict[str, Server] = {}
    try:
        for i, (name, (model, digest)) in enumerate(wanted.items()):
            servers[name] = start(lab, name, model, digest, port + i if port else 0)
        for server in servers.values():
            wait_healthy(server)
    except BaseException:
        for name in servers:
            stop(lab, name)
        raise
    return servers
