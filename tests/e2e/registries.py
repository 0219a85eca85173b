"""Registries that others wrote, on loopback: one that lists referrers, and one that does not."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from tests.e2e.tools import free_address, serving, tool

from tidegate.manifests.release import Release
from tidegate.oci import MANIFEST, Layout, Reference

KINDS = ("distribution", "referrers")
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
    host = free_address()
    command = [tool("registry", "referrers"), host]
    if kind == "distribution":
        command = [tool("registry", "registry"), "serve", _configuration(folder, host, users=users)]
    with serving(command, f"http://{host}/v2/"):
        yield host


def _configuration(folder: Path, host: str, *, users: bool) -> str:
    file, known = folder / "registry.yaml", folder / "users"
    known.write_text(_HASHED)
    auth = f"auth: {{htpasswd: {{realm: lab, path: {known}}}}}\n" * users
    file.write_text(f"{_CONFIGURATION}http: {{addr: '{host}'}}\n{auth}")
    return str(file)


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
