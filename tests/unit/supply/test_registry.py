"""`tidegate images lock` against a registry on loopback that behaves as real ones do."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from tests.conftest import Cli, Ran
from tests.loopback import listening

from tidegate.supply.images import Image
from tidegate.supply.registry import manifest_url, with_digests

INDEX = json.dumps({"schemaVersion": 2, "manifests": []}).encode()
DIGEST = f"sha256:{hashlib.sha256(INDEX).hexdigest()}"


@dataclass
class Registry:
    """Serves one manifest under every tag; `status` and `told` make it misbehave."""

    status: int = 200
    told: str = DIGEST
    token: str | None = None
    grant: tuple[int, bytes] | None = None
    """What it answers to who asks for a token, if not the token."""
    sent: list[str] = field(default_factory=list)
    """Who asked, by the header."""
    asked: list[str] = field(default_factory=list)
    port: int = 0

    def handler(self) -> type[BaseHTTPRequestHandler]:
        """The request handler of this registry."""
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                registry.asked.append(self.path)
                registry.sent.append(self.headers.get("Authorization", ""))
                if self.path.startswith("/token"):
                    token = json.dumps({"token": registry.token}).encode()
                    self.answer(*(registry.grant or (200, token)))
                elif registry.token and self.headers.get("Authorization") != (
                    f"Bearer {registry.token}"
                ):
                    realm = f"http://127.0.0.1:{registry.port}/token"
                    self.answer(401, b"", f'Bearer realm="{realm}",service="r",scope="pull"')
                else:
                    self.answer(registry.status, INDEX)

            def answer(self, status: int, body: bytes, challenge: str = "") -> None:
                self.send_response(status)
                self.send_header("Docker-Content-Digest", registry.told)
                if challenge:
                    self.send_header("WWW-Authenticate", challenge)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
                """Say nothing."""

        return Handler


@pytest.fixture
def registry() -> Iterator[Registry]:
    """A registry on a free port of loopback."""
    made = Registry()
    with listening(made.handler()) as port:
        made.port = port
        yield made


LIST = """\
apiVersion: tidegate.dev/v1alpha1
kind: ImageList
metadata:
  name: mirrors
spec:
  images:
    - name: python # kept
      repository: 127.0.0.1:{port}/library/python
      tag: 3.11-slim
      digest: null
      for: toolbox
    - name: trivy
      repository: 127.0.0.1:{other}/trivy
      tag: 0.74.0
      digest: null
      for: scans
"""


def lock(cli: Cli, repository: Path, port: int, other: int = 0) -> tuple[Ran, str, str]:
    """How locking two images ended, and the file before and after it."""
    file = repository / "mirrors.yaml"
    before = LIST.format(port=port, other=other or port)
    file.write_text(before)
    ran = cli("images", "lock", "--images", file, "--root", repository)
    return ran, before, file.read_text()


@pytest.mark.parametrize("token", [None, "t-1"], ids=["open", "asks for a token"])
def test_digests_are_written_and_nothing_else(
    token: str | None, registry: Registry, repository: Path, cli: Cli
) -> None:
    """Comments and order stay; an anonymous token is fetched where one is asked for."""
    registry.token = token

    ran, before, after = lock(cli, repository, registry.port)

    assert (ran.code, ran.err) == (0, "")
    assert after == before.replace("digest: null", f"digest: {DIGEST}")
    assert "/v2/library/python/manifests/3.11-slim" in registry.asked
    assert any(path.startswith("/token?") for path in registry.asked) is bool(token)


def test_nobodys_password_is_sent_to_the_registries_of_others(
    registry: Registry, repository: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user who may push evidence is not for everyone who serves an image."""
    monkeypatch.setenv("TIDEGATE_REGISTRY_USER", "ada")
    monkeypatch.setenv("TIDEGATE_REGISTRY_PASSWORD", "secret")
    registry.token, sent = "t-1", {"", "Bearer t-1"}

    assert lock(cli, repository, registry.port)[0].code == 0

    assert set(registry.sent) == sent


@pytest.mark.parametrize(
    "grant",
    [(200, INDEX), (200, b"[]"), (200, b"no json"), (200, b'{"token": 1}'), (503, b"")],
    ids=["a manifest", "a list", "no json", "a number", "down"],
)
def test_what_gives_no_token_is_never_taken_for_the_manifest(
    grant: tuple[int, bytes], registry: Registry, repository: Path, cli: Cli
) -> None:
    """The registry's own refusal is what is told."""
    registry.token, registry.grant = "t-1", grant

    ran, before, after = lock(cli, repository, registry.port)

    assert ran.code == 2
    assert all("found HTTP 401 - " in line for line in ran.err.splitlines())
    assert before == after


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"status": 404}, "HTTP 404"),
        ({"status": 429}, "HTTP 429"),
        ({"status": 503}, "HTTP 503"),
        ({"told": f"sha256:{'0' * 64}"}, DIGEST),
    ],
    ids=["no such tag", "too many requests", "down", "contradicts itself"],
)
def test_a_registry_that_refuses_is_told_and_nothing_is_written(
    change: dict[str, object], found: str, registry: Registry, repository: Path, cli: Cli
) -> None:
    """One line an image, all of them at once."""
    for name, value in change.items():
        setattr(registry, name, value)

    ran, before, after = lock(cli, repository, registry.port)

    assert ran.code == 2
    assert [line.split(": ")[1] for line in ran.err.splitlines()] == ["python", "trivy"]
    assert all(f"found {found} - try again" in line for line in ran.err.splitlines())
    assert before == after


def test_one_image_that_cannot_be_resolved_keeps_all_from_being_written(
    registry: Registry, repository: Path, cli: Cli
) -> None:
    """Half a lock would mix two days."""
    ran, before, after = lock(cli, repository, registry.port, other=1)

    assert ran.code == 2
    assert [line.split(": ")[1] for line in ran.err.splitlines()] == ["trivy"]
    assert before == after


@pytest.mark.parametrize(
    ("repository_name", "url"),
    [
        ("docker.io/library/python", "https://registry-1.docker.io/v2/library/python/manifests/1"),
        ("ghcr.io/a/b", "https://ghcr.io/v2/a/b/manifests/1"),
        ("localhost:5000/a", "http://localhost:5000/v2/a/manifests/1"),
        ("mirror.example:8443/a", "https://mirror.example:8443/v2/a/manifests/1"),
    ],
)
def test_a_registry_is_reached_by_the_host_that_serves_it(repository_name: str, url: str) -> None:
    """Encrypted everywhere but on loopback."""
    image = Image(name="x", repository=repository_name, tag="1", digest=None, purpose="p")

    assert manifest_url(image) == url


def test_a_locked_digest_is_replaced() -> None:
    """The file can be locked again."""
    old = LIST.format(port=1, other=2).replace("digest: null", f"digest: sha256:{'0' * 64}")

    text = with_digests(old, {"trivy": DIGEST})

    assert text.count(DIGEST) == 1
    assert text.count("0" * 64) == 1


def test_an_image_that_the_file_does_not_have_is_told(repository: Path, cli: Cli) -> None:
    """A misspelt name would lock nothing and say nothing."""
    ran = cli("images", "lock", "--only", "pyhton", "--root", repository)

    assert ran.code == 1
    assert "pyhton: unknown image; wanted one of python, vllm, " in ran.err
