"""The pinned Go tools, built on first use, and those of them that serve something."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import httpx
from tests.conftest import ROOT
from tests.e2e.conftest import impossible

SECONDS = 30


@cache
def tool(family: str, name: str) -> str:
    """Where it is."""
    command = [str(ROOT / "scripts" / "tool"), family, name]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        impossible(f"tools/{family} cannot be built", "allow the Go module proxy, or its mirror")
    return done.stdout.strip()


def free_address() -> str:
    """An address on loopback that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"127.0.0.1:{probe.getsockname()[1]}"


@contextmanager
def serving(command: list[str], url: str) -> Iterator[None]:
    """A server while it is needed, from its first answer on."""
    with subprocess.Popen(command) as process:
        try:
            _wait(process, url)
            yield
        finally:
            process.terminate()


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            httpx.get(url, trust_env=False)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"no answer from {url}")
