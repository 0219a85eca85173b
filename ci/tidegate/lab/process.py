"""Processes that the lab starts, and that it ends by pid however it ends itself."""

import contextlib
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

from tidegate.findings import CouldNotCheckError, cannot_check

# vLLM drains for 10 s; a server has been seen to stay for minutes after SIGTERM, so it is ended.
GRACE_SECONDS = 20.0
_LAST_LINES = 5


def last_lines(log: Path, count: int = _LAST_LINES) -> str:
    """The last lines of a log that say something, in one line."""
    if not log.exists():
        return "no log"
    with log.open(encoding="utf-8", errors="replace") as file:
        kept = deque((line.strip() for line in file if line.strip()), maxlen=count)
    return " | ".join(kept) or "an empty log"


def group_members(pgid: int) -> list[psutil.Process]:
    """Living processes of a process group."""
    members = []
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, psutil.Error):
            if os.getpgid(process.pid) == pgid and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process)
    return members


def end_group(pid: int, grace: float = GRACE_SECONDS) -> None:
    """End a group by its leader's pid: SIGTERM to the leader, after the grace SIGKILL to all."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while time.monotonic() < deadline:
        exit_code(pid)
        if not group_members(pid):
            return
        time.sleep(0.1)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    exit_code(pid)


def exit_code(pid: int) -> int | None:
    """Reap a child: its exit code, None while it runs or where it is no child of this process."""
    with contextlib.suppress(ChildProcessError):
        reaped, status = os.waitpid(pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if reaped else None
    return None


def spawn(command: list[str], log: Path, env: Mapping[str, str] | None = None) -> int:
    """Start a command as the leader of a group of its own, its output in `log`; returns its pid.

    Not `subprocess`: a server outlives the object, and sometimes the process, that started it.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    write = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
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
    )


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
        while running:
            time.sleep(0.1)
            watch()
            for log, pid in list(running.items()):
                code = exit_code(pid)
                if code is not None:
                    del running[log]
                    _require_success(commands[log], log, code)
    finally:
        for pid in running.values():
            end_group(pid)


def _require_success(command: list[str], log: Path, code: int) -> None:
    if code:
        raise failed(" ".join([Path(command[0]).name, *command[1:3]]), log, code)


def failed(name: str, log: Path, code: int) -> CouldNotCheckError:
    """The error for a process that ended with a failure."""
    return cannot_check(
        log,
        name,
        "failed",
        wanted="exit 0",
        found=f"exit {code}: {last_lines(log)}",
        next_step="read the log",
    )
