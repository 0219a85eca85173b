"""Servers of the lab: started together, waited for, remembered, and ended by pid."""

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import httpx
import psutil
import pytest
from tests.unit.lab.conftest import eventually, install_stub, one_line, taken

from tidegate.catalog.load import ModelFolder
from tidegate.catalog.objects import Model
from tidegate.catalog.reading import read_object
from tidegate.findings import CouldNotCheckError
from tidegate.lab import server as module
from tidegate.lab.paths import Lab
from tidegate.lab.process import end_group, spawn, started
from tidegate.lab.server import (
    HOST,
    Server,
    read_servers,
    serving,
    start_all,
    stop,
    wait_healthy,
)
from tidegate.lab.training_runs import pack_model

FOLDER = Path(__file__).parents[3] / "models" / "tiny-chat"
Left = Callable[[], list[psutil.Process]]


@pytest.fixture(autouse=True)
def _scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Temporary folders are this test's own."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))


@pytest.fixture(scope="module")
def model() -> ModelFolder:
    """A model as the lab serves it."""
    read = read_object(FOLDER / "model.yaml", Model, name="model.yaml")
    return ModelFolder(read.metadata.name, FOLDER, read.spec)


@dataclass(frozen=True)
class Servers:
    """Starts servers in a lab whose engine is the stub."""

    lab: Lab
    model: ModelFolder
    left: Left

    def wanted(self, **behaviours: str) -> dict[str, tuple[ModelFolder, str]]:
        """Packed models by server name, each behaving as it says."""
        for behaviour in behaviours.values():
            folder = self.lab.models / behaviour
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "behaviour").write_text(behaviour)
        return {n: (self.model, pack_model(self.lab, b).digest) for n, b in behaviours.items()}

    def start(self, **behaviours: str) -> dict[str, Server]:
        """Start them and wait for them."""
        return start_all(self.lab, self.wanted(**behaviours))

    def nothing_left(self) -> bool:
        """No process, no state and no temporary folder."""
        scratch = Path(tempfile.gettempdir()).iterdir()
        return [*self.left(), *read_servers(self.lab), *scratch] == []


@pytest.fixture
def servers(lab: Lab, model: ModelFolder, left: Left) -> Iterator[Servers]:
    """A lab to start servers in; it stops them."""
    install_stub(lab)
    yield Servers(lab, model, left)
    for server in read_servers(lab):
        stop(lab, server.name)


def test_servers_run_until_they_are_stopped(servers: Servers) -> None:
    """They serve what was packed, are remembered, and leave nothing."""
    one, two = servers.start(one="well", two="well").values()

    assert [one, two] == read_servers(servers.lab)
    assert httpx.get(f"{two.url}/health", trust_env=False).status_code == 200
    served = f"loading {one.digest.removeprefix('sha256:')}\n"
    assert Path(one.log).read_text() == served
    assert Path(one.scratch).is_dir()

    assert stop(servers.lab, "one", "two", "none") == ["one", "two"]
    assert stop(servers.lab, "two") == []
    assert not one.alive
    assert servers.nothing_left()


def test_an_engine_gets_its_settings(servers: Servers) -> None:
    """The lab's variables, a temporary folder of its own, and the model's engine file."""
    (server,) = servers.start(one="tell").values()
    told = Path(server.log).read_text()

    assert module.ENVIRONMENT.items() <= psutil.Process(server.pid).environ().items()
    assert f"--config {servers.model.folder}/engine.yaml " in told
    assert f"--host {HOST} --port {server.port} {server.scratch} {server.scratch}\n" in told


def test_servers_are_copies_of_one_process_and_groups_of_their_own(servers: Servers) -> None:
    """What all of them import is imported once; who started them is gone."""
    found = servers.start(one="well", two="well").values()
    processes = [psutil.Process(server.pid) for server in found]

    assert len({tuple(process.cmdline()) for process in processes}) == 1
    assert [os.getpgid(server.pid) for server in found] == [server.pid for server in found]
    assert len(servers.left()) == 2


def test_a_server_that_dies_is_one_line_with_its_last_words(servers: Servers) -> None:
    """Its sibling, healthy or not, is ended with it."""
    with pytest.raises(CouldNotCheckError) as failed:
        servers.start(good="well", bad="die")

    assert servers.nothing_left()
    log, line = servers.lab.logs / "bad.log", one_line(failed)
    assert line.startswith(
        f"{log}: bad: ended before it was healthy; wanted a running server, found loading "
    )
    assert line.endswith(" | Traceback | no such flag - read the log")


def test_children_of_a_server_that_dies_are_ended(servers: Servers) -> None:
    """A worker that outlives its leader holds memory and the port."""
    with pytest.raises(CouldNotCheckError, match="ended before it was healthy"):
        servers.start(bad="orphan")

    assert servers.nothing_left()


@pytest.mark.parametrize(("behaviour", "found"), [("mute", "ConnectError"), ("sick", "HTTP 500")])
def test_a_server_that_never_becomes_healthy_is_one_line(
    servers: Servers, monkeypatch: pytest.MonkeyPatch, behaviour: str, found: str
) -> None:
    """It says what the last question was answered with, and leaves nothing."""

    def wait(server: Server) -> None:
        eventually(lambda: "loading" in Path(server.log).read_text())
        eventually(lambda: module._fault(server) == found)  # noqa: SLF001 - else it just starts
        wait_healthy(server, seconds=0)

    monkeypatch.setattr(module, "wait_healthy", wait)
    with pytest.raises(CouldNotCheckError) as failed:
        servers.start(bad=behaviour)

    assert servers.nothing_left()
    line = one_line(failed)
    assert line.startswith(f"{servers.lab.logs / 'bad.log'}: bad: never became healthy; ")
    assert f"wanted /health to answer 200 within 0 s, found {found}; loading " in line


def test_the_answer_of_another_process_is_not_the_servers(servers: Servers) -> None:
    """What a stranger at the port answers would be evidence of a model that never ran."""
    good, silent = servers.start(good="well").popitem()[1], servers.wanted(bad="mute")
    started_too = module.start(servers.lab, silent, [good.port])["bad"]

    with pytest.raises(CouldNotCheckError, match="an answer of another process"):
        wait_healthy(started_too, seconds=0)


def test_a_port_in_use_changes_nothing(servers: Servers) -> None:
    """The servers that run go on, whoever is in the way of the new ones."""
    (running,) = servers.start(one="well").values()

    with taken() as port, pytest.raises(CouldNotCheckError, match="address already in use"):
        start_all(servers.lab, servers.wanted(one="well"), port)

    assert read_servers(servers.lab) == [running]
    assert running.alive


def test_a_server_started_again_keeps_its_port(servers: Servers) -> None:
    """Its own predecessor is not in its way, and does not stay."""
    (first,) = servers.start(one="well").values()

    (second,) = start_all(servers.lab, servers.wanted(one="well"), first.port).values()

    assert second.port == first.port
    assert not first.alive
    assert not Path(first.scratch).exists()
    assert read_servers(servers.lab) == [second]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_servers_end_with_their_block(servers: Servers, error: type[BaseException]) -> None:
    """However it ends; others are not touched."""
    other = servers.start(other="well")["other"]

    with suppress(error), serving(servers.lab, servers.wanted(one="well")) as block:
        inside = block["one"]
        assert inside.alive
        raise error

    assert not inside.alive
    assert read_servers(servers.lab) == [other]
    assert other.alive


def test_an_interrupt_while_waiting_leaves_nothing(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that are not healthy yet are ended too."""

    def interrupt(_: Server) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "wait_healthy", interrupt)
    with pytest.raises(KeyboardInterrupt):
        servers.start(one="well", two="mute")

    assert servers.nothing_left()


@pytest.mark.parametrize("forgotten", ["one", "two"])
def test_a_state_that_cannot_be_written_starts_no_server(
    servers: Servers, monkeypatch: pytest.MonkeyPatch, forgotten: str
) -> None:
    """A server that nobody remembers would never be ended; nor is one that was remembered left."""
    real = module._spec  # noqa: SLF001 - where a server is remembered

    def spec(
        lab: Lab, name: str, model: ModelFolder, own: tuple[str, int, str]
    ) -> dict[str, object]:
        lost = {"state": "/dev/null/state.json"} if name == forgotten else {}
        return real(lab, name, model, own) | lost

    monkeypatch.setattr(module, "_spec", spec)
    with pytest.raises(CouldNotCheckError) as failed:
        servers.start(one="well", two="well")

    assert servers.nothing_left()
    assert one_line(failed).startswith(f"{servers.lab.logs / 'engines.log'}: python -m tidegate")
    assert f"{forgotten} ended before it was recorded" in one_line(failed)


def test_an_engine_without_interpreter_is_one_line(servers: Servers) -> None:
    """A Python that was removed from under the environment."""
    wanted = servers.wanted(one="well")
    servers.lab.python.unlink()

    with pytest.raises(CouldNotCheckError) as failed:
        start_all(servers.lab, wanted)

    assert one_line(failed).startswith(f"{servers.lab.python}: engines: cannot be started; ")
    assert servers.nothing_left()


def test_an_artifact_is_unpacked_once(servers: Servers) -> None:
    """And again when it was packed anew: the digest names the folder."""
    ((_, digest),) = servers.wanted(one="well").values()
    folder = module.unpacked(servers.lab, digest)
    (folder / "kept").touch()

    assert module.unpacked(servers.lab, digest) == folder
    assert (folder / "kept").exists()
    assert (folder / "behaviour").read_text() == "well"


def test_a_pid_of_another_process_is_not_ended(servers: Servers) -> None:
    """The server is forgotten; whoever has its pid by now goes on."""
    (server,) = servers.start(one="well").values()
    stranger = spawn(["/bin/sleep", "600"], servers.lab.logs / "stranger.log")
    reused = replace(server, name="old", pid=stranger)
    (servers.lab.run / "old.json").write_text(json.dumps(asdict(reused)))

    assert not reused.alive
    assert stop(servers.lab, "old") == ["old"]

    assert started(stranger) is not None
    assert read_servers(servers.lab) == [server]
    end_group(stranger)
