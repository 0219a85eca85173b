"""What the tests of this folder need; where it is not there, the run ends with exit 2."""

import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from rich.console import Console
from tests.unit.promotion.conftest import (
    _own_git_configuration,
    forked,
    git_settings,
    kept,
    own_repository,
    running,
)

from tidegate.cli.reporter import TerminalReporter
from tidegate.lab.environment import install
from tidegate.lab.paths import GIB, Lab
from tidegate.lab.process import end_group, spawn
from tidegate.lab.training_runs import CHAT, pack_model, train

__all__ = ["_own_git_configuration", "forked", "git_settings", "kept", "own_repository", "running"]

ROOT = Path(__file__).parents[2]
BASE = "tidegate-base:debootstrap"
# A build holds its packages three times: as they are unpacked, in its stage, and in the image.
BUILD_GIB = 18
# Debian's own command brings a client for BuildKit; others need a plug-in for it.
PREFERRED = Path("/usr/bin/docker")


def impossible(what: str, next_step: str) -> NoReturn:
    """End the run: what was asked for cannot be done here, and that is no success."""
    pytest.exit(f"tests/e2e: {what}; wanted it, found none - {next_step}", returncode=2)


def run(*command: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """A command with its output."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, (
        f"{command}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
    )
    return done


@pytest.fixture(scope="session")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The docker command with a daemon: the one that runs, or one of its own, ended by its pid."""
    program = str(PREFERRED) if PREFERRED.exists() else shutil.which("docker")
    if program is None:
        impossible("no docker command", "install Docker (Debian: docker.io)")
    patch = pytest.MonkeyPatch()
    patch.setenv("DOCKER_BUILDKIT", "1")
    patch.setenv("PATH", f"{Path(program).parent}:{os.environ['PATH']}")
    if run(program, "version", check=False).returncode == 0:
        yield program
        patch.undo()
        return
    daemon = shutil.which("dockerd", path="/usr/sbin:/usr/bin")
    if daemon is None or os.geteuid() != 0:
        impossible("no Docker daemon, and none can be started", "start one, or run as root")
    home = tmp_path_factory.mktemp("docker")
    options = [f"--{name}={home / name}" for name in ("data-root", "exec-root", "pidfile")]
    patch.setenv("DOCKER_HOST", f"unix://{home / 'socket'}")
    pid = spawn(
        [daemon, *options, f"--host=unix://{home / 'socket'}", "--bridge=none", "--iptables=false"],
        home / "log",
    )
    try:
        if run(
            "timeout", "60", "sh", "-c", f"until {program} version; do sleep 1; done"
        ).returncode:
            impossible("the Docker daemon does not start", f"read {home / 'log'}")
        yield program
    finally:
        end_group(pid)
        patch.undo()
        for mount in home.glob("exec-root/netns/*"):  # the daemon leaves that of the host's network
            run("umount", mount, check=False)
        shutil.rmtree(home / "data-root")  # pytest keeps what failed, and this is 20 GB


@pytest.fixture(scope="session")
def base(docker: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A base image of Debian's packages, which stands in for a public one; kept between runs."""
    archive = ROOT / ".lab" / "e2e" / "base.tar"
    if not archive.exists():
        bootstrap = shutil.which("debootstrap", path="/usr/sbin:/usr/bin")
        if bootstrap is None or os.geteuid() != 0:
            impossible("no base image can be made", "install debootstrap, and run as root")
        folder = tmp_path_factory.mktemp("base") / "root"
        packages = "ca-certificates,python3,python3-venv"
        run(bootstrap, "--variant=minbase", f"--include={packages}", "bookworm", folder)
        # The machine's certificates and names: packages come from where the machine gets them.
        for file in ("etc/ssl/certs/ca-certificates.crt", "etc/hosts", "etc/resolv.conf"):
            shutil.copy(Path("/") / file, folder / file)
        archive.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(archive, "w") as tar:
            tar.add(folder, ".")
    run(docker, "import", archive, BASE)
    return BASE


def _require_space(docker: str) -> None:
    folder = run(docker, "info", "--format", "{{.DockerRootDir}}").stdout.strip()
    free = shutil.disk_usage(folder).free / GIB
    if free < BUILD_GIB:
        impossible(
            f"no {BUILD_GIB} GiB free for a build in {folder}, only {free:.1f}",
            "make room: the tests of the image need 30 GiB in all",
        )


def built(docker: str, base: str, tag: str, target: str = "cpu") -> str:
    """The engine image on a base, with nothing from a cache."""
    argument = {"cpu": "BASE", "gpu": "GPU_BASE"}[target]
    if target == "cpu":
        _require_space(docker)
    run(
        *(docker, "build", "--no-cache", "--network", "host", "--target", target),
        *("--file", ROOT / "ci/images/engine/Dockerfile", "--build-arg", f"{argument}={base}"),
        *("--tag", tag, ROOT),
    )
    return tag


@pytest.fixture(scope="session")
def image(docker: str, request: pytest.FixtureRequest) -> str:
    """The image to judge: that of TIDEGATE_E2E_IMAGE, or one that is built here."""
    given = os.environ.get("TIDEGATE_E2E_IMAGE")
    return given or built(docker, request.getfixturevalue("base"), "tidegate-engine:e2e")


@pytest.fixture(scope="session")
def lab() -> Lab:
    """This repository's lab with its models trained."""
    made = Lab(ROOT)
    with made.locked():
        install(made)
        train(made, TerminalReporter(Console(stderr=True)), reuse=True)
        pack_model(made, CHAT)
    return made
