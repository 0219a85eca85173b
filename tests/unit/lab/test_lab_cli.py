"""The commands lab up, down and status: what they print, how they end, and what they leave."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from tests.conftest import Cli, Ran
from tests.unit.lab.conftest import Told, eventually, taken

from tidegate.cli.output import console
from tidegate.lab.demo import prepare
from tidegate.lab.paths import Lab
from tidegate.lab.server import HOST, read_servers, stop
from tidegate.oci import short

Left = Callable[[], list[psutil.Process]]
Tidegate = Callable[..., Ran]
STOPPED = "stopped; nothing is left running and nothing is half-done\n"


@pytest.fixture
def tidegate(
    cli: Cli, stubbed: Lab, left: Left, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Tidegate]:
    """Runs `tidegate lab ARGUMENT...` in a repository of one service, on a wide terminal."""
    monkeypatch.setattr(console, "_width", None)  # else what COLUMNS was when it was imported
    monkeypatch.chdir(stubbed.root)
    yield lambda *arguments: cli("lab", *arguments)
    for server in read_servers(stubbed):
        stop(stubbed, server.name)
    assert left() == []


@pytest.fixture
def prepared(stubbed: Lab) -> Lab:
    """The lab with its models trained, so that a run goes straight to its servers."""
    prepare(stubbed, Told(), reuse=True)
    return stubbed


def rows(ran: Ran) -> list[list[str]]:
    """The rows of a table below its heading, as words."""
    return [line.split() for line in ran.out.splitlines()[2:]]


def test_up_prepares_starts_and_says_where(stubbed: Lab, tidegate: Tidegate) -> None:
    """A lab that is up is told by the last line; a second `up` reuses what is there."""
    ran, again = tidegate("up"), tidegate("up")

    (server,) = read_servers(stubbed)
    assert (ran.code, again.code, again.err) == (0, 0, "")
    assert ran.out.splitlines()[-1].split()[2:] == ["model", "tiny-chat"]
    assert again.out.splitlines()[-1] == f"generator   {server.url}  model tiny-chat"
    assert "reused" not in ran.out
    assert "reused: recipes and pins are unchanged" in again.out


def test_up_takes_the_port_it_is_told(prepared: Lab, tidegate: Tidegate) -> None:
    """One in use is one line and exit 2, and starts nothing."""
    with taken() as port:
        refused = tidegate("up", "--port", str(port))
    accepted = tidegate("up", "--port", str(port))

    assert refused.code == 2
    assert refused.err.count("\n") == 1
    assert f"{HOST}:{port}: port: cannot be used; " in refused.err
    assert (accepted.code, [server.port for server in read_servers(prepared)]) == (0, [port])


def test_up_starts_the_services_it_is_told(prepared: Lab, tidegate: Tidegate) -> None:
    """One that the catalog does not know is one line and exit 1, and starts nothing."""
    refused = tidegate("up", "generator", "ranker")
    nothing = read_servers(prepared)
    accepted = tidegate("up", "generator")

    assert (refused.code, nothing) == (1, [])
    assert refused.err == (
        "command line: SERVICES: not a service; wanted some of generator, found ranker"
        " - name services of overlays/\n"
    )
    assert (accepted.code, [one.name for one in read_servers(prepared)]) == (0, ["generator"])


def test_up_that_fails_is_exit_2_and_leaves_no_server(
    stubbed: Lab, tidegate: Tidegate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine's last words are the finding; the step that failed says so."""
    monkeypatch.setenv("STUB_SERVER", "die")
    ran = tidegate("up")

    assert (ran.code, ran.err.count("\n"), read_servers(stubbed)) == (2, 1, [])
    assert "generator.log: generator: ended before it was healthy; " in ran.err
    assert "no such flag - read the log" in ran.err
    assert "    failed in " in ran.out


@pytest.mark.parametrize("command", ["up", "down"])
def test_a_busy_lab_is_exit_2(stubbed: Lab, tidegate: Tidegate, command: str) -> None:
    """Neither changes what another run is about to make."""
    with stubbed.locked():
        ran = tidegate(command)

    assert (ran.code, ran.out) == (2, "")
    assert "lock: the lab is busy" in ran.err


def test_a_lab_with_nothing_in_it_is_well(tidegate: Tidegate) -> None:
    """A table without rows, an empty list, and nothing to end."""
    shown, told, ended = tidegate("status"), tidegate("status", "--json"), tidegate("down")

    assert shown.code == 0
    assert shown.out.split()[:6] == ["server", "url", "model", "artifact", "pid", "state"]
    assert rows(shown) == []
    assert told == Ran(0, "[]\n", "")
    assert ended == Ran(0, "nothing was running\n", "")


def test_status_lists_servers_and_down_ends_them(prepared: Lab, tidegate: Tidegate) -> None:
    """What `status` says is what machines read, and after `down` there is nothing to list."""
    tidegate("up")
    (server,) = read_servers(prepared)
    shown, told, ended = tidegate("status"), tidegate("status", "--json"), tidegate("down")

    row = ["generator", server.url, "tiny-chat", short(server.digest), str(server.pid), "alive"]
    assert (shown.code, rows(shown)) == (0, [row])
    assert told.code == 0
    (entry,) = json.loads(told.out)
    assert entry["digest"] == server.digest
    assert {key: entry[key] for key in ("name", "url", "pid", "alive")} == {
        "name": "generator",
        "url": server.url,
        "pid": server.pid,
        "alive": True,
    }
    assert ended == Ran(0, "ended generator\n", "")
    assert tidegate("status", "--json").out == "[]\n"


def test_a_server_that_died_is_told_by_exit_1(prepared: Lab, tidegate: Tidegate) -> None:
    """In the table and for machines; `down` forgets it."""
    tidegate("up")
    (server,) = read_servers(prepared)
    os.kill(server.pid, signal.SIGKILL)
    eventually(lambda: not server.alive)
    shown, told = tidegate("status"), tidegate("status", "--json")

    assert (shown.code, rows(shown)[0][-1]) == (1, "dead")
    assert (told.code, json.loads(told.out)[0]["alive"]) == (1, False)
    assert tidegate("down").out == "ended generator\n"


def running(lab: Lab, marker: str, behaviour: dict[str, str]) -> "subprocess.Popen[str]":
    """`lab up` in a process of its own, when a process of its own waits for ever."""
    up = subprocess.Popen(
        [sys.executable, "-m", "tidegate.cli", "lab", "up", "--root", str(lab.root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | behaviour,
    )
    eventually(lambda: list(lab.home.glob(marker)))
    return up


SERVING, TRAINING = "serve/*/hanging", "models/hanging"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=str)
def test_a_run_that_is_stopped_leaves_no_server(
    stubbed: Lab, left: Left, number: signal.Signals
) -> None:
    """Ctrl-C, a plain kill, or a terminal that was closed."""
    up = running(stubbed, SERVING, {"STUB_SERVER": "mute"})

    up.send_signal(number)
    _, told = up.communicate()

    assert (up.returncode, told.strip().splitlines()[-1]) == (130, STOPPED.strip())
    assert (left(), read_servers(stubbed)) == ([], [])


def test_a_second_ctrl_c_does_not_cut_the_clean_up_short(stubbed: Lab, left: Left) -> None:
    """The impatient leave nothing either: both trainings are ended."""
    how = json.dumps({"generator": "linger", "reranker": "linger"})
    up = running(stubbed, TRAINING, {"STUB_TRAINING": how})

    up.send_signal(signal.SIGINT)
    eventually((stubbed.models / "ending").exists)
    up.send_signal(signal.SIGINT)
    _, told = up.communicate()

    assert up.returncode == 130
    assert told.endswith(STOPPED)
    assert left() == []
    assert list(stubbed.logs.glob("*.pid")) == []


@pytest.mark.parametrize(
    ("behaviour", "marker", "ended"),
    [
        pytest.param({"STUB_SERVER": "mute"}, SERVING, "generator", id="serving"),
        pytest.param({"STUB_TRAINING": '{"generator": "hang"}'}, TRAINING, "train-", id="training"),
    ],
)
def test_down_ends_by_pid_what_a_killed_run_left(
    stubbed: Lab, tidegate: Tidegate, behaviour: dict[str, str], marker: str, ended: str
) -> None:
    """SIGKILL lets a run clean up nothing, so that something is left indeed."""
    with running(stubbed, marker, behaviour) as up:
        up.kill()

    ran = tidegate("down")

    assert ran.out.startswith(f"ended {ended}")


def test_a_signal_that_was_ignored_stays_ignored(tidegate: Tidegate) -> None:
    """A run under nohup outlives its terminal; any other is stopped with it."""
    tidegate("status")
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        tidegate("status")
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert before is signal.getsignal(signal.SIGTERM)


def test_the_labs_folder_is_the_repositorys(
    stubbed: Lab, tidegate: Tidegate, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Found from any folder below it, or named with --root."""
    monkeypatch.chdir(stubbed.root / "models" / "tiny-chat")
    assert tidegate("down").code == 0
    monkeypatch.chdir(tmp_path)
    assert tidegate("down").code == 2
    assert tidegate("down", "--root", stubbed.root).code == 0
