"""An API server on loopback that has Applications, and a kubeconfig for the real kubectl."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.loopback import listening
from tests.unit.rollout.samples import Application


@dataclass
class Stub:
    """What the API server answers, one answer after the other; the last one for ever."""

    answers: list[tuple[int, object]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def has(self, *applications: Application) -> None:
        """Answer with these next."""
        self.answers.append((200, {"kind": "ApplicationList", "items": list(applications)}))

    def refuses(self, code: int, reason: str, message: str) -> None:
        """Answer with a Status, as an API server refuses."""
        status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code}
        self.answers.append((code, status | {"reason": reason, "message": message}))

    def next(self) -> tuple[int, object]:
        """The answer to this request."""
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Handler(BaseHTTPRequestHandler):
    """Answers for a stub."""

    stub: Stub

    def do_GET(self) -> None:
        """The next answer."""
        self.stub.asked.append(self.path)
        code, body = self.stub.next()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def kubeconfig(**servers: str) -> dict[str, Any]:
    """Contexts by name, the first one present."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": next(iter(servers)),
        "users": [{"name": "nobody", "user": {}}],
        "clusters": [{"name": n, "cluster": {"server": url}} for n, url in servers.items()],
        "contexts": [{"name": n, "context": {"cluster": n, "user": "nobody"}} for n in servers],
    }


@pytest.fixture
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    """A running API server in the present context; nobody listens in the context `down`."""
    found = Stub()
    handler = type("Bound", (Handler,), {"stub": found})
    config = tmp_path / "kubeconfig"
    monkeypatch.setenv("KUBECONFIG", str(config))
    with listening(handler) as port:
        address = f"http://127.0.0.1:{port}"
        config.write_text(yaml.safe_dump(kubeconfig(west=address, down="http://127.0.0.1:9")))
        yield found
