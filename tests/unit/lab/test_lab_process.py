"""Commands and servers of the lab end as they should, whoever ends first."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from tests.unit.lab.conftest import eventually, one_line

from tidegate.findings import CouldNotCheckError
from tidegate.lab.process import (
    end_group,
    end_left,
    end_recorded,
    exit_code,
    group_members,
    last_lines,
    run_all_logged,
    run_logged,
    spawn,
    started,
)

SLEEP = ["/bin/sleep", "600"]
pytestmark = pytest.mark.usefixtures("left")


def sh(script: str) -> list[str]:
    """A command of a line of shell."""
    return ["/bin/sh", "-c", script]


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[int]:
    """The pid of a spawned process that only sleeps."""
    pid = spawn(SLEEP, tmp_path / "sleep.log")
    yield pid
    end_group(pid)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param(None, "no log", id="missing"),
        pytest.param("", "an empty log", id="empty"),
        pytest.param("\n  \n\t\n", "an empty log", id="blank"),
        pytest.param("only\n", "only", id="short"),
        pytest.param("1\n2\n\n 3 \n4\n\n5\n6", "2 | 3 | 4 | 5 | 6", id="long"),
        pytest.param("10%\r90%\rfailed", "10% | 90% | failed", id="bar"),
        pytest.param("caf\udce9", "caf\ufffd", id="not UTF-8"),
    ],
)
def test_the_last_lines_of_a_log_are_one_line(tmp_path: Path, text: str | None, found: str) -> None:
    """Whatever a log holds, it fits into a finding."""
    log = tmp_path / "x.log"
    if text is not None:
        log.write_bytes(text.encode("utf-8", "surrogateescape"))

    assert last_lines(log) == found


def test_the_number_of_last_lines_can_be_chosen(tmp_path: Path) -> None:
    """Only the newest are kept."""
    (tmp_path / "x.log").write_text("1\n2\n3\n")

    assert last_lines(tmp_path / "x.log", 2) == "2 | 3"


def test_a_spawned_process_leads_a_group_and_logs_all_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Output, errors and the given variables, over those of this process; no input."""
    monkeypatch.setenv("KEPT", "kept")
    monkeypatch.setenv("CHANGED", "old")
    log = tmp_path / "new" / "x.log"

    script = "cat; echo $$ $KEPT $CHANGED; ps -o pgid=,sid= -p $$ >&2"
    pid = spawn(sh(script), log, {"CHANGED": "new"})
    eventually(lambda: exit_code(pid) == 0)

    assert log.read_text().split() == [str(pid), "kept", "new", str(pid), str(pid)]


def test_a_log_is_of_one_run(tmp_path: Path) -> None:
    """The next run does not show the last one's lines."""
    log = tmp_path / "x.log"
    for word in ("a longer first", "second"):
        run_logged(sh(f"echo {word}"), log)

    assert log.read_text() == "second\n"


@pytest.mark.parametrize(
    ("mode", "found"), [(None, "no such file or directory"), (0o644, "permission denied")]
)
def test_a_program_that_cannot_be_started_is_one_line(
    tmp_path: Path, mode: int | None, found: str
) -> None:
    """A missing interpreter is no traceback."""
    program = tmp_path / "python"
    if mode:
        program.touch(mode)

    with pytest.raises(CouldNotCheckError) as failed:
        run_logged([str(program)], tmp_path / "install.log")

    assert one_line(failed) == (
        f"{program}: install: cannot be started; wanted a program, found {found} - install it again"
    )


def test_exit_codes_are_those_of_children(sleeper: int, tmp_path: Path) -> None:
    """None while it runs, once reaped and for strangers; minus the signal that ended it."""
    assert exit_code(sleeper) is None
    assert exit_code(os.getppid()) is None

    for script, code in {"exit 7": 7, "kill -9 $$": -9}.items():
        pid = spawn(sh(script), tmp_path / "x.log")
        while (found := exit_code(pid)) is None:
            pass
        assert found == code
        assert exit_code(pid) is None


def test_a_start_names_one_process(sleeper: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts from the boot, so setting the clock changes nothing; the dead have none."""
    before = started(sleeper)
    boot = psutil.boot_time()
    for module in (psutil, psutil._pslinux):  # noqa: SLF001 - what the clock is read from
        monkeypatch.setattr(module, "boot_time", lambda: boot + 3600)
    after = started(sleeper)
    os.kill(sleeper, signal.SIGKILL)
    eventually(lambda: psutil.Process(sleeper).status() == psutil.STATUS_ZOMBIE)

    assert before is not None
    assert before == after
    assert started(sleeper) is None
    exit_code(sleeper)
    assert started(sleeper) is None


def test_a_group_ends_with_the_children_of_its_leader(tmp_path: Path) -> None:
    """A leader that ends its children in peace has the time for it."""
    log = tmp_path / "x.log"
    script = "sleep 600 & child=$!; trap 'kill $child; echo drained; exit' TERM; echo up; wait"
    pid = spawn(sh(script), log)
    eventually(lambda: "up" in log.read_text())
    assert len(group_members(pid)) == 2

    end_group(pid)

    assert group_members(pid) == []
    assert log.read_text() == "up\ndrained\n"


def test_a_group_that_does_not_heed_is_killed(tmp_path: Path) -> None:
    """SIGTERM ignored by the leader and by its child: nothing is left after the grace."""
    log = tmp_path / "x.log"
    pid = spawn(sh("trap '' TERM; sleep 600 & echo up; wait; sleep 600"), log)
    eventually(lambda: "up" in log.read_text())

    end_group(pid, grace=0.2)

    eventually(lambda: group_members(pid) == [])


def test_children_whose_leader_is_gone_are_ended(tmp_path: Path) -> None:
    """A leader that died leaves its group's number, and nobody else can have it."""
    pid = spawn(sh("sleep 600 & exit 1"), tmp_path / "x.log")
    eventually(lambda: exit_code(pid) == 1)
    assert len(group_members(pid)) == 1

    end_recorded([(pid, 1.0)])

    assert group_members(pid) == []


def test_a_group_that_is_gone_is_no_error(sleeper: int) -> None:
    """Ending twice is ending once."""
    end_group(sleeper)
    end_group(sleeper)

    assert not psutil.pid_exists(sleeper)


def test_a_pid_that_another_process_has_is_not_ended(sleeper: int) -> None:
    """The pid alone is no proof: who started later is a stranger."""
    created = started(sleeper)
    assert created is not None

    end_recorded([(sleeper, created - 1)])

    assert started(sleeper) == created


def test_commands_run_side_by_side_and_are_watched(tmp_path: Path) -> None:
    """Each waits for the other's file; neither could end if they ran in turn."""
    watched: list[bool] = []
    there = "until [ -e {} ]; do sleep 0.05; done; touch {}"
    commands = {
        tmp_path / "a.log": sh(f"touch {tmp_path}/a; " + there.format(tmp_path / "b", "/dev/null")),
        tmp_path / "b.log": sh(there.format(tmp_path / "a", tmp_path / "b")),
    }

    run_all_logged(commands, watch=lambda: watched.append((tmp_path / "a.pid").exists()))

    assert watched[0]
    assert list(tmp_path.glob("*.pid")) == []


def test_a_command_that_fails_shows_its_last_lines_and_ends_its_sibling(
    tmp_path: Path, left: Callable[[], list[psutil.Process]]
) -> None:
    """One line with the command, its exit code and what it said last."""
    bad, good = tmp_path / "bad.log", tmp_path / "good.log"
    commands = {good: sh("sleep 600 & wait"), bad: sh("seq 9; echo no room >&2; exit 4")}

    with pytest.raises(CouldNotCheckError) as failed:
        run_all_logged(commands)

    assert left() == []
    assert list(tmp_path.glob("*.pid")) == []
    assert one_line(failed) == (
        f"{bad}: sh -c {commands[bad][2]}: failed; "
        "wanted exit 0, found exit 4: 6 | 7 | 8 | 9 | no room - read the log"
    )


def test_a_command_that_cannot_start_ends_those_that_did(
    tmp_path: Path, left: Callable[[], list[psutil.Process]]
) -> None:
    """Half of the commands is none."""
    commands = {tmp_path / "good.log": SLEEP, tmp_path / "bad.log": [str(tmp_path / "missing")]}

    with pytest.raises(CouldNotCheckError, match="cannot be started"):
        run_all_logged(commands)

    assert left() == []
    assert list(tmp_path.glob("*.pid")) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_leaving_early_ends_every_command(
    tmp_path: Path, left: Callable[[], list[psutil.Process]], error: type[BaseException]
) -> None:
    """Ctrl-C, or a watcher that fails."""

    def watch() -> None:
        raise error

    with pytest.raises(error):
        run_all_logged({tmp_path / "a.log": SLEEP, tmp_path / "b.log": SLEEP}, watch=watch)

    assert left() == []


def test_what_a_killed_run_left_is_ended_by_its_record(
    tmp_path: Path, left: Callable[[], list[psutil.Process]]
) -> None:
    """SIGKILL lets nobody clean up; the record beside the log says what to end."""
    code = (
        "import sys; from pathlib import Path; from tidegate.lab.process import run_logged; "
        "run_logged(['/bin/sleep', '600'], Path(sys.argv[1]))"
    )
    record = tmp_path / "train.pid"
    run = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "train.log")])
    eventually(record.exists)
    run.kill()
    run.wait()
    assert [process.pid for process in left()] == [json.loads(record.read_text())[0]]

    assert end_left(tmp_path) == ["train"]

    assert left() == []
    assert end_left(tmp_path) == []


def test_a_record_of_a_reused_pid_ends_nothing(sleeper: int, tmp_path: Path) -> None:
    """The record goes, the stranger stays."""
    (tmp_path / "train.pid").write_text(json.dumps([sleeper, 1.0]))

    end_left(tmp_path)

    assert started(sleeper) is not None
    assert not (tmp_path / "train.pid").exists()
