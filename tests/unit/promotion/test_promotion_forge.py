"""Pull requests on three kinds of forge, against servers that answer as theirs do."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.conftest import Cli
from tests.loopback import listening
from tests.unit.promotion.conftest import Fork

from tidegate.findings import CouldNotCheckError
from tidegate.promotion.forge import Forge, ForgeKind, forge_of

TOKEN = "t0ken-of-a-test"  # noqa: S105 - of nobody


@dataclass
class Stub:
    """A forge on loopback: what it was asked, and the requests that are open."""

    kind: ForgeKind
    address: str = ""
    status: int = 201
    asked: list[tuple[str, str, dict[str, list[str]], dict[str, str]]] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, made: dict[str, Any]) -> dict[str, Any]:
        """A request as this forge writes it."""
        number = len(self.requests) + 1
        if self.kind is ForgeKind.GITLAB:
            return made | {"web_url": f"{self.address}/mr/{number}"}
        return {"head": {"ref": made["head"]}, "html_url": f"{self.address}/pull/{number}"}


class Handler(BaseHTTPRequestHandler):
    """Answers for a stub."""

    stub: Stub

    def _reply(self, body: object, status: int = 200) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def _note(self) -> None:
        split = urlsplit(self.path)
        headers = {key.lower(): value for key, value in self.headers.items()}
        self.stub.asked.append((self.command, split.path, parse_qs(split.query), headers))

    def do_GET(self) -> None:
        """List what is open."""
        self._note()
        self._reply(self.stub.requests)

    def do_POST(self) -> None:
        """Open one."""
        self._note()
        made = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.stub.status == 201:
            self.stub.requests.append(self.stub.answer(made))
            self._reply(self.stub.requests[-1] | made, 201)
        else:
            self._reply({"message": "no"}, self.stub.status)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def stub(request: pytest.FixtureRequest) -> Iterator[Stub]:
    """A running forge of the kind that the test names."""
    found = Stub(request.param)
    handler = type("Bound", (Handler,), {"stub": found})
    with listening(handler) as port:
        found.address = f"http://127.0.0.1:{port}"
        yield found


EXPECTED = {
    ForgeKind.GITHUB: ("/api/v3/repos/acme/fork/pulls", "authorization", f"Bearer {TOKEN}"),
    ForgeKind.GITLAB: ("/api/v4/projects/acme%2Ffork/merge_requests", "private-token", TOKEN),
    ForgeKind.GITEA: ("/api/v1/repos/acme/fork/pulls", "authorization", f"token {TOKEN}"),
}


@pytest.mark.parametrize("stub", list(ForgeKind), indirect=True)
def test_a_request_is_opened_once(stub: Stub) -> None:
    """With the forge's own address, header and names; asked again it is the same one."""
    forge = Forge(stub.kind, stub.address, "acme/fork", TOKEN)

    first = forge.open("promote/dev/x", "a title", "a text")
    second = forge.open("promote/dev/x", "a title", "a text")
    other = forge.open("promote/dev/y", "a title", "a text")

    path, header, value = EXPECTED[stub.kind]
    assert first == second != other
    assert [asked[0] for asked in stub.asked] == ["GET", "POST", "GET", "GET", "POST"]
    assert {asked[1] for asked in stub.asked} == {path}
    assert {asked[3][header] for asked in stub.asked} == {value}


@pytest.mark.parametrize("stub", list(ForgeKind), indirect=True)
def test_a_forge_that_refuses_is_told_without_the_token(stub: Stub) -> None:
    """Exit 2; the branch is there all the same."""
    stub.status = 403
    forge = Forge(stub.kind, stub.address, "acme/fork", TOKEN)

    with pytest.raises(CouldNotCheckError, match=r"no pull request.*403") as failed:
        forge.open("promote/dev/x", "a title", "a text")

    assert TOKEN not in str(failed.value)


def test_a_forge_that_does_not_answer_is_told() -> None:
    """Nor one that is not there."""
    forge = Forge(ForgeKind.GITEA, "http://127.0.0.1:1", "acme/fork", TOKEN)

    with pytest.raises(CouldNotCheckError, match="no pull request"):
        forge.open("promote/dev/x", "a title", "a text")


@pytest.mark.parametrize(
    ("url", "forge"),
    [
        ("https://github.com/acme/fork.git", ("github", "https://github.com", "acme/fork")),
        ("git@gitlab.acme.invalid:a/b/c.git", ("gitlab", "https://gitlab.acme.invalid", "a/b/c")),
        ("ssh://git@gitea.invalid:22/acme/fork", ("gitea", "https://gitea.invalid", "acme/fork")),
        ("https://u:p@gitlab.com/acme/fork", ("gitlab", "https://gitlab.com", "acme/fork")),
        ("https://code.acme.invalid/acme/fork", None),
        ("/srv/remote.git", None),
    ],
)
def test_the_forge_follows_from_the_remote(
    forked: Fork, monkeypatch: pytest.MonkeyPatch, url: str, forge: tuple[str, str, str] | None
) -> None:
    """By its host; without a token there is none."""
    forked.git.run("remote", "set-url", "origin", url)
    assert forge_of(forked.git) is None
    monkeypatch.setenv("TIDEGATE_FORGE_TOKEN", TOKEN)

    found = forge_of(forked.git)

    assert (found and (found.kind, found.address, found.name)) == forge


@pytest.mark.parametrize("stub", [ForgeKind.GITEA], indirect=True)
def test_promote_opens_a_pull_request(
    stub: Stub, running: Fork, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command prints its address, and its text is the commit's with every trailer."""
    running.to_dev("v2")
    git = running.git
    git.run("config", f"url.{running.remote.path}.insteadOf", "https://code.invalid/acme/fork.git")
    git.run("remote", "set-url", "origin", "https://code.invalid/acme/fork.git")
    monkeypatch.setattr(
        "tidegate.cli.release.forge_of",
        lambda _: Forge(stub.kind, stub.address, "acme/fork", TOKEN),
    )
    arguments = ("generator", "--to", "staging", "--pull-request", "--json")

    ran = cli("promote", *arguments, "--root", git.path, "--store", running.store.layout.root)

    told = json.loads(ran.out)
    assert told["pull_request"] == f"{stub.address}/pull/1"
    assert told["branch"] in running.branches()
