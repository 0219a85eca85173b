"""A registry on loopback by the OCI distribution specification 1.1, with or without referrers."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from threading import Barrier, Lock
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.loopback import listening

from tidegate.oci import INDEX, MANIFEST

# Status, body and headers.
Answer = tuple[int, bytes, dict[str, str]]


def digest_of(content: bytes) -> str:
    """What content is called."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class Rounds:
    """Writers of one tag in the worst order: nobody writes before all have read it.

    In each round all write, and all are answered after the last one has; one entry stays. The
    others meet in the next round.
    """

    def __init__(self, writers: int) -> None:
        barriers = [Barrier(left, timeout=60) for left in range(writers, 0, -1)]
        self._next = iter([one for one in barriers for _ in range(one.parties)])
        self._lock = Lock()
        self.writes = 0

    @contextmanager
    def meeting(self) -> Iterator[None]:
        """Inside, a writer writes; it comes in and leaves with the others of its round."""
        with self._lock:
            barrier = next(self._next)
            self.writes += 1
        barrier.wait()
        yield
        barrier.wait()


@dataclass
class OciRegistry:
    """Blobs and manifests of all repositories, and how it behaves."""

    referrers: bool = True
    """Whether it lists what refers to a manifest."""
    user: str = ""
    """`name:password` in base64, which it asks for; a token is then `t`."""
    page: int = 1
    host: str = ""
    status: int = 0
    """What it answers to everything."""
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, bytes] = field(default_factory=dict)
    """By digest, and by tag."""
    writes: list[str] = field(default_factory=list)
    rounds: dict[str, Rounds] = field(default_factory=dict)
    """By tag."""
    forgetful: bool = False
    """Whether it takes a tag and forgets it."""

    def refer(self, digest: str) -> list[dict[str, Any]]:
        """Descriptors of the manifests whose subject has this digest."""
        found = [
            (name, content, json.loads(content))
            for name, content in self.manifests.items()
            if name.startswith("sha256:")
        ]
        return [
            {
                "mediaType": MANIFEST,
                "digest": name,
                "size": len(content),
                "artifactType": one["artifactType"],
            }
            for name, content, one in found
            if one.get("subject", {}).get("digest") == digest
        ]

    def list_referrers(self, digest: str, start: int) -> Answer:
        """A page of the list, and where the next one is."""
        listed = self.refer(digest)
        end = start + self.page
        # Registries written in Go write an empty list as null.
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": listed[start:end] or None}
        link = {"Link": f'<?from={end}>; rel="next"'} if end < len(listed) else {}
        return 200, json.dumps(index).encode(), link

    def put_manifest(self, name: str, content: bytes) -> Answer:
        """Take a manifest; a registry that knows of subjects says which one it is of."""
        if name.startswith("sha256:") and name != digest_of(content):
            return 400, b"", {}
        with self.rounds[name].meeting() if name in self.rounds else nullcontext():
            if not self.forgetful or name.startswith("sha256:"):
                self.manifests[name] = content
        self.manifests[digest_of(content)] = content
        subject = json.loads(content).get("subject")
        told = {"OCI-Subject": subject["digest"]} if subject and self.referrers else {}
        return 201, b"", told


class Handler(BaseHTTPRequestHandler):
    """Answers for a registry."""

    registry: OciRegistry

    def _answer(self) -> None:
        split = urlsplit(self.path)
        query = {key: value[0] for key, value in parse_qs(split.query).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, content, headers = self._of(split.path, query, body)
        if self.command in {"POST", "PUT"} and status < 300:
            self.registry.writes.append(split.path)
        self.send_response(status)
        for key, value in {"Content-Length": f"{len(content)}", **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _of(self, path: str, query: dict[str, str], body: bytes) -> Answer:
        registry, sent = self.registry, self.headers.get("Authorization")
        if registry.status:
            return registry.status, b"", {}
        if path == "/token":
            right = sent == f"Basic {registry.user}"
            return (200, b'{"token": "t"}', {}) if right else (401, b"", {})
        if registry.user and sent != "Bearer t":
            asks = f'Bearer realm="http://{registry.host}/token",service="r",scope="s"'
            return 401, b"", {"WWW-Authenticate": asks}
        *_, kind, name = path.split("/")
        return self._call(kind, name, query, body)

    def _accepts(self, manifest: bytes) -> bool:
        """Whether the type of a manifest was asked for; registries have no other then."""
        with suppress(ValueError, AttributeError):
            return json.loads(manifest).get("mediaType", "") in self.headers.get("Accept", "")
        return True

    def _call(self, kind: str, name: str, query: dict[str, str], body: bytes) -> Answer:
        registry = self.registry
        match self.command, kind:
            case "POST", "uploads":
                answer: Answer = 202, b"", {"Location": "/v2/up/blobs/uploads/1?state=s"}
            case "PUT", "uploads":
                right = query.get("state") == "s" and query["digest"] == digest_of(body)
                registry.blobs |= {query["digest"]: body} if right else {}
                answer = 201 if right else 400, b"", {}
            case "PUT", "manifests":
                answer = registry.put_manifest(name, body)
            case (("GET" | "HEAD"), ("blobs" | "manifests")):
                found = getattr(registry, kind).get(name)
                if kind == "manifests" and found and not self._accepts(found):
                    found = None
                answer = (404, b"{}", {}) if found is None else (200, found, {})
            case "GET", "referrers" if registry.referrers:
                answer = registry.list_referrers(name, int(query.get("from", 0)))
            case _:
                answer = 404, b"404 page not found", {}
        return answer

    do_GET = do_HEAD = do_POST = do_PUT = _answer  # noqa: N815 - the library's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


@contextmanager
def serving() -> Iterator[OciRegistry]:
    """An empty registry on loopback."""
    registry = OciRegistry()
    handler = type("Own", (Handler,), {"registry": registry})
    with listening(handler) as port:
        registry.host = f"127.0.0.1:{port}"
        yield registry
