"""vLLM servers of the lab: started on loopback, waited for, remembered by pid, and ended."""

import contextlib
import json
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import psutil

from tidegate.catalog.load import ModelFolder
from tidegate.findings import CouldNotCheckError, cannot_check
from tidegate.lab.paths import PACKAGE, Lab
from tidegate.lab.process import (
    GRACE_SECONDS,
    end_recorded,
    group_members,
    last_lines,
    run_logged,
    started,
)
from tidegate.oci import Layout
from tidegate.tls import trusted

HOST = "127.0.0.1"
HEALTHY_SECONDS = 240.0
# Nobody asked them anything that they would have to end, and vLLM does not heed SIGTERM by then.
STARTING_GRACE_SECONDS = 2.0
_OK = 200

ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",  # two threads beside a busy process were 20 times slower than one
    "TORCHDYNAMO_DISABLE": "1",  # log probabilities would first run a C++ compiler, for 14 s
    "TRANSFORMERS_OFFLINE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # one process less: 0.5 GiB and 10 s
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_TARGET_DEVICE": "cpu",
}


@dataclass(frozen=True, slots=True)
class Server:
    """A started server; `created` tells its pid from a later process of the same number.

    It counts seconds from the boot, as `tidegate.lab.process.started` does.
    """

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
        return started(self.pid) == self.created


def choose_ports(count: int, first: int = 0, own: Collection[int] = ()) -> list[int]:
    """Different free ports on loopback: `first` and those after it, or any for 0.

    Those of `own` count as free: the caller ends what listens there.

    Raises:
        CouldNotCheckError: a port is taken, or is none.
    """
    wanted = range(first, first + count) if first else [0] * count
    with contextlib.ExitStack() as probes:  # all at once, else two may be the same
        return [
            port if port in own else _bind(probes.enter_context(socket.socket()), port)
            for port in wanted
        ]


def _bind(probe: socket.socket, port: int) -> int:
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind((HOST, port))
    except (OSError, OverflowError) as error:
        found = os.strerror(error.errno or 0).lower() if isinstance(error, OSError) else "none"
        raise cannot_check(
            f"{HOST}:{port}",
            "port",
            "cannot be used",
            wanted="a free port",
            found=found,
            next_step="name another with --port, or leave it out",
        ) from None
    return int(probe.getsockname()[1])


def unpacked(lab: Lab, digest: str) -> Path:
    """The folder with a model artifact's content: what is served is what was packed."""
    folder = lab.home / "serve" / digest.removeprefix("sha256:")
    if not folder.exists():
        Layout(lab.layout).unpack(digest, folder)
    return folder


def start(
    lab: Lab, wanted: dict[str, tuple[ModelFolder, str]], ports: Sequence[int]
) -> dict[str, Server]:
    """Start vLLM on packed models in place of the servers of these names; none is healthy yet.

    Args:
        lab: the lab.
        wanted: model and artifact digest for each name.
        ports: a free one for each.

    Raises:
        CouldNotCheckError: they cannot be started; none is left.
    """
    stop(lab, *wanted)
    # vLLM leaves sockets in the temporary folder when it is killed; a short path, as sockets need.
    scratch = {name: tempfile.mkdtemp(prefix="tidegate-") for name in wanted}
    # What vLLM finds out about a model's architecture takes it 9 s of each start.
    own = ENVIRONMENT | PACKAGE | {"VLLM_CACHE_ROOT": str(lab.venv / "cache")}
    try:
        specs = [
            _spec(lab, name, model, (digest, port, scratch[name]))
            for (name, (model, digest)), port in zip(wanted.items(), ports, strict=True)
        ]
        command = [str(lab.python), "-m", "tidegate.lab.engine", json.dumps(specs)]
        run_logged(command, lab.logs / "engines.log", own)
    except BaseException:
        stop(lab, *wanted, grace=STARTING_GRACE_SECONDS)
        for folder in scratch.values():
            shutil.rmtree(folder, ignore_errors=True)
        raise
    known = {one.name: one for one in read_servers(lab)}
    return {name: known[name] for name in wanted}


def _spec(lab: Lab, name: str, model: ModelFolder, own: tuple[str, int, str]) -> dict[str, object]:
    """What `tidegate.lab.engine` must know to start a server and to remember it."""
    digest, port, scratch = own
    log = str(lab.logs / f"{name}.log")
    return {
        "state": str(lab.state(name)),
        "record": asdict(Server(name, model.name, digest, 0, 0.0, port, log, scratch)),
        "arguments": [
            *("--config", str(model.folder / model.spec.engine_config)),
            *("--model", str(unpacked(lab, digest))),
            *("--host", HOST, "--port", str(port)),
        ],
    }


def read_servers(lab: Lab) -> list[Server]:
    """The servers that were started and not stopped, alive or not."""
    return [Server(**json.loads(path.read_text())) for path in sorted(lab.run.glob("*.json"))]


def stop(lab: Lab, *names: str, grace: float = GRACE_SECONDS) -> list[str]:
    """End servers side by side and forget them; the names of those that there were.

    Args:
        lab: the lab.
        names: of the servers.
        grace: seconds in which they may end their requests.
    """
    servers = [one for one in read_servers(lab) if one.name in names]
    end_recorded(((one.pid, one.created) for one in servers), grace)
    for one in servers:
        shutil.rmtree(one.scratch, ignore_errors=True)
        lab.state(one.name).unlink(missing_ok=True)
    return [one.name for one in servers]


def health_fault(server: Server) -> str | None:
    """What is wrong with what answers on the server's port; None when it is well."""
    try:
        answer = httpx.get(f"{server.url}/health", timeout=2, trust_env=False, verify=trusted())
    except httpx.HTTPError as error:
        return type(error).__name__
    return None if answer.status_code == _OK else f"HTTP {answer.status_code}"


def _fault(server: Server) -> str | None:
    fault = health_fault(server)
    return fault or (None if _listens(server) else "an answer of another process")


def _listens(server: Server) -> bool:
    """Whether the port is the server's own: what it answers will be proof of its model."""
    for process in group_members(server.pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            for one in process.net_connections("tcp"):
                if one.status == psutil.CONN_LISTEN and one.laddr.port == server.port:
                    return True
    return False


def wait_healthy(
    server: Server,
    seconds: float = HEALTHY_SECONDS,
    fault_of: Callable[[Server], str | None] = _fault,
) -> None:
    """Return when the server is healthy, so when `fault_of` finds nothing.

    Raises:
        CouldNotCheckError: it died, with its last log lines, or did not become healthy in time.
    """
    deadline = time.monotonic() + seconds
    while fault := fault_of(server):
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
        time.sleep(0.1)


def _died(server: Server) -> CouldNotCheckError:
    return cannot_check(
        server.log,
        server.name,
        "ended before it was healthy",
        wanted="a running server",
        found=last_lines(Path(server.log)),
        next_step="read the log",
    )


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
        stop(lab, *wanted)


def start_all(
    lab: Lab, wanted: dict[str, tuple[ModelFolder, str]], port: int = 0
) -> dict[str, Server]:
    """As `serving`, but left running; none is left where one does not become healthy."""
    own = [server.port for server in read_servers(lab) if server.alive and server.name in wanted]
    servers = start(lab, wanted, choose_ports(len(wanted), port, own))
    try:
        for server in servers.values():
            wait_healthy(server)
    except BaseException:
        stop(lab, *wanted, grace=STARTING_GRACE_SECONDS)
        raise
    return servers
