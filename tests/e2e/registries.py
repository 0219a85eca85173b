"""Registries that others wrote, on loopback: one that lists referrers, and one that does not."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from tests.e2e.tools import tool

from tidegate.manifests.release import Release
from tidegate.oci import MANIFEST, Layout, Reference

KINDS = ("distribution", "referrers")
SECONDS = 30
USER, PASSWORD = "ada", "secret"
_CONFIGURATION = """\
version: 0.1
log: {level: error}
storage: {inmemory: {}}
"""
_HASHED = "ada:$2b$05$3HGzlbLV7QEZwImpLlu7SOtZ7Kyr5BUSfGFfk4np1LUlEabQDW2fe"


@contextmanager
def registry(kind: str, folder: Path, *, users: bool = False) -> Iterator[str]:
    """An empty one in memory, of a kind; gives its host and port. `users` lets USER alone in."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        host = f"127.0.0.1:{probe.getsockname()[1]}"
    command = [tool("registry", "referrers"), host]
    if kind == "distribution":
        command = [tool("registry", "registry"), "serve", _configuration(folder, host, users=users)]
    with subprocess.Popen(command) as process:
        try:
            _wait(process, f"http://{host}/v2/")
            yield host
        finally:
            process.terminate()


def _configuration(folder: Path, host: str, *, users: bool) -> str:
    file, known = folder / "registry.yaml", folder / "users"
    known.write_text(_HASHED)
    auth = f"auth: {{htpasswd: {{realm: lab, path: {known}}}}}\n" * users
    file.write_text(f"{_CONFIGURATION}http: {{addr: '{host}'}}\n{auth}")
    return str(file)


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


def _place(layout: Layout, reference: Reference, name: str) -> Reference:
    """An artifact of a store, pushed to where `name` says as any client pushes."""
    host, _, path = name.partition("/")
    manifest, base = layout.manifest(reference.digest), f"http://{host}/v2/{path}"
    with httpx.Client(base_url=base, auth=(USER, PASSWORD), trust_env=False) as client:
        for part in (manifest["config"], *manifest["layers"]):
            begun = client.post("/blobs/uploads/").raise_for_status()
            where = begun.url.join(begun.headers["location"])
            where = where.copy_merge_params({"digest": part["digest"]})
            client.put(where, content=layout.read(part["digest"])).raise_for_status()
        kind = {"Content-Type": MANIFEST}
        content = layout.read(reference.digest)
        client.put(f"/manifests/{reference.tag}", content=content, headers=kind).raise_for_status()
    return Reference(name, reference.tag, reference.digest)


def placed(layout: Layout, release: Release, host: str) -> Release:
    """A release whose artifacts are in a registry."""
    engine = _place(layout, release.engine, f"{host}/lab/engine")
    return Release(engine, _place(layout, release.model, f"{host}/lab/model"))
