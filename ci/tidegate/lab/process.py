"""Processes that the lab starts, and that it ends by pid however it ends itself."""

import contextlib
import json
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import psutil

from tidegate.findings import cannot_check
from tidegate.oci import write_atomically

# vLLM drains for 10 s; a server has been seen to stay for minutes after SIGTERM, so it is ended.
GRACE_SECONDS = 20.0
_LAST_LINES = 5
# Looks at what was killed, 0.05 s apart: the kernel takes a moment, and must not be waited for.
_KILL_LOOKS = 100


def last_lines(log: Path, count: int = _LAST_LINES) -> str:
    """The last lines of a log that say something, in one line."""
    if not log.exists():
        return "no log"
    with log.open(encoding="utf-8", errors="replace") as file:
        kept = deque((line.strip() for line in file if line.strip()), maxlen=count)
    return " | ".join(kept) or "an empty log"


def started(pid: int) -> float | None:
    """Seconds from the boot to a process's start; None where it does not live.

    With its pid it names one process: no change of the clock moves it.
    """
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return round(process.create_time() - psutil.boot_time(), 2)
    except psutil.NoSuchProcess:
        return None


def group_members(pgid: int) -> list[psutil.Process]:
    """Living processes of a process group."""
    members = []
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, psutil.Error):
            if os.getpgid(process.pid) == pgid and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process)
    return members


def end_group(pid: int, grace: float = GRACE_SECONDS) -> None:
    """As `end_groups`, for one."""
    end_groups([pid], grace)


def end_groups(pids: Iterable[int], grace: float = GRACE_SECONDS) -> None:
    """End groups side by side, each by its leader's pid: SIGTERM to the leader, SIGKILL to all.

    Args:
        pids: the leaders. Children whose leader is gone get the SIGTERM themselves.
        grace: seconds between the two.
    """
    left = set(pids)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while (left := _living(left)) and time.monotonic() < deadline:
        _kill_all({pid for pid in left if started(pid) is None}, signal.SIGTERM)
        time.sleep(0.05)
    _kill_all(left, signal.SIGKILL)
    for _ in range(_KILL_LOOKS):
        left = _living(left)
        if not left:
            return
        time.sleep(0.05)


def _living(pgids: set[int]) -> set[int]:
    """Groups with members; all processes are looked through only where the leader is gone."""
    for pid in pgids:
        exit_code(pid)
    return {pid for pid in pgids if started(pid) is not None or group_members(pid)}


def _kill_all(pgids: set[int], number: int) -> None:
    for pgid in pgids:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pgid, number)


def end_recorded(recorded: Iterable[tuple[int, float]], grace: float = GRACE_SECONDS) -> None:
    """End groups recorded as pid and start; not those whose pid another process has by now."""
    end_groups((pid for pid, created in recorded if started(pid) in {created, None}), grace)


def exit_code(pid: int) -> int | None:
    """Reap a child: its exit code, None while it runs or where it is no child of this process."""
    with contextlib.suppress(ChildProcessError):
        reaped, status = os.waitpid(pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if reaped else None
    return None


def spawn(command: list[str], log: Path, env: Mapping[str, str] | None = None) -> int:
    """Start a command as the leader of a group of its own, its output in `log`; returns its pid.

    Not `subprocess`: a server outlives the object, and sometimes the process, that started it.

    Raises:
        CouldNotCheckError: there is no such program, or it cannot be run.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    write = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    try:
        return os.posix_spawn(
            command[0],
            command,
            {**os.environ, **(env or {})},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(log), write, 0o644),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
            setsigdef=[signal.SIGTERM],  # whoever cleans up ignores it and may start this still
        )
    except OSError as error:
        raise cannot_check(
            command[0],
            log.stem,
            "cannot be started",
            wanted="a program",
            found=os.strerror(error.errno or 0).lower(),
            next_step="install it again",
        ) from None


def run_logged(
    command: list[str],
    log: Path,
    env: Mapping[str, str] | None = None,
    watch: Callable[[], None] = lambda: None,
) -> None:
    """Run a command to its end; `watch` is called several times a second meanwhile.

    The command and all its children are ended when this is left early.

    Raises:
        CouldNotCheckError: it fails; carries the log's last lines.
    """
    run_all_logged({log: command}, env, watch)


def run_all_logged(
    commands: Mapping[Path, list[str]],
    env: Mapping[str, str] | None = None,
    watch: Callable[[], None] = lambda: None,
) -> None:
    """As `run_logged`, for commands side by side, each by its log; the first failure ends all."""
    running: dict[Path, int] = {}
    try:
        for log, command in commands.items():
            running[log] = spawn(command, log, env)
            record = json.dumps([running[log], started(running[log])])
            write_atomically(_record(log), record.encode())
        while running:
            time.sleep(0.1)
            watch()
            for log, pid in list(running.items()):
                code = exit_code(pid)
                if code is not None:
                    del running[log]
                    _require_success(commands[log], log, code)
    finally:
        end_groups(running.values())
        for log in commands:
            _record(log).unlink(missing_ok=True)


def _record(log: Path) -> Path:
    return log.with_suffix(".pid")


def end_left(logs: Path) -> list[str]:
    """End the commands that a killed run left, by the records beside their logs; their names."""
    records = sorted(logs.glob("*.pid"))
    end_recorded(json.loads(record.read_text()) for record in records)
    for record in records:
        record.unlink()
    return [record.stem for record in records]


def _require_success(command: list[str], log: Path, code: int) -> None:
    if code:
        raise cannot_check(
            log,
            " ".join([Path(command[0]).name, *command[1:3]]),
            "failed",
            wanted="exit 0",
            found=f"exit {code}: {last_lines(log)}",
            next_step="read the log",
        )
