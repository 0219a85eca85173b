"""The engine image, run as a cluster runs it: without rights, on a root that is never written."""

import contextlib
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tidegate.catalog.load import ModelFolder
from tidegate.findings import cannot_check
from tidegate.lab.paths import Lab
from tidegate.lab.process import end_group, spawn, started
from tidegate.lab.server import (
    ENVIRONMENT,
    HEALTHY_SECONDS,
    HOST,
    Server,
    choose_ports,
    health_fault,
    wait_healthy,
)

USER = "10001:10001"


def command(image: str, name: str, model: ModelFolder, weights: Path, port: int) -> list[str]:
    """The command line of `docker` that serves `weights` from `image` on a port of loopback.

    The network is the host's, so that the server is reached on loopback and nowhere else.
    """
    variables = [word for key, value in ENVIRONMENT.items() for word in ("--env", f"{key}={value}")]
    engine = model.folder / model.spec.engine_config
    return [
        # The image that is meant is here: a registry may have another one of that name.
        *("run", "--rm", "--pull", "never", "--name", name, "--network", "host", "--user", USER),
        *("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
        *("--tmpfs", "/tmp:mode=1777", "--tmpfs", f"/cache:uid={USER.partition(':')[0]}"),  # noqa: S108 - a mount
        *("--volume", f"{weights}:/model:ro", "--volume", f"{engine}:/etc/vllm/engine.yaml:ro"),
        *variables,
        *(image, "--config", "/etc/vllm/engine.yaml", "--model", "/model"),
        *("--host", HOST, "--port", str(port)),
    ]


def docker() -> str:
    """The docker command.

    Raises:
        CouldNotCheckError: there is none.
    """
    found = shutil.which("docker")
    if found is None:
        raise cannot_check(
            "docker",
            "PATH",
            "missing command",
            wanted="Docker",
            found="none",
            next_step="install Docker, or use `dagger call smoke` with a remote engine",
        )
    return found


def _require_model(weights: Path) -> None:
    if not (weights / "config.json").is_file():
        raise cannot_check(
            weights,
            "config.json",
            "no model to serve",
            wanted="a folder with a model's configuration and weights",
            found="no such file",
            next_step="train, unpack or mount the model, then start again",
        )


@contextlib.contextmanager
def running(lab: Lab, image: str, model: ModelFolder, weights: Path) -> Iterator[Server]:
    """A healthy server in a container, gone when the block ends.

    The pid is that of `docker run`, which passes SIGTERM on and ends with the server.

    Raises:
        CouldNotCheckError: no model, no docker, or a server that never becomes healthy.
    """
    _require_model(weights)
    program, (port,) = docker(), choose_ports(1)
    name, log = f"tidegate-{secrets.token_hex(4)}", lab.logs / "container.log"
    pid = spawn([program, *command(image, name, model, weights, port)], log)
    try:
        created = started(pid) or 0.0  # it may have died already
        server = Server(name, model.name, image, pid, created, port, str(log), str(weights))
        # The port is listened to by a process of the daemon, not by one of this group.
        wait_healthy(server, HEALTHY_SECONDS, health_fault)
        yield server
    finally:
        end_group(pid)
        # Where the grace is over, `docker run` is gone but not its container.
        subprocess.run([program, "rm", "--force", name], capture_output=True, check=False)
