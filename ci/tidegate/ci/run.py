"""Runs the steps on this machine: each command in its own process group, none hiding another."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tidegate.ci.steps import Command, affected, named
from tidegate.findings import Finding, TidegateError, cannot_check

_CLEAN_UP_SECONDS = 60.0
"""How long an interrupted command may take to stop what it started, vLLM servers included."""
_LOOK_SECONDS = 0.2


class Outcome(StrEnum):
    """How a command ended, or why it did not run."""

    PASSED = "passed"
    FAILED = "failed"
    BROKEN = "could not check"
    ABSENT = "cannot run here"
    UNCHANGED = "nothing it reads changed"
    NEEDED = "to run"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one command; `seconds` is its wall-clock time."""

    name: str
    outcome: Outcome
    seconds: float = 0.0
    reason: str = ""
    log: Path | None = None

    @property
    def needed(self) -> bool:
        """Whether a change has to pass it, here or on another machine."""
        return self.outcome is not Outcome.UNCHANGED

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON-ready data."""
        return {
            "name": self.name,
            "outcome": self.outcome.value,
            "seconds": round(self.seconds, 1),
            "reason": self.reason,
            "log": str(self.log) if self.log else None,
        }


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the steps of the repository at `root`."""

    root: Path
    results: Path
    """Where logs and reports go."""
    missing: Callable[[Command], str | None]
    """Why this machine cannot run a command; None where it can."""
    fill: Callable[[str], str]
    """A word of a command with its placeholders filled in; raises `TidegateError`."""

    def plan(self, only: Sequence[str], changed: Sequence[str] | None) -> list[Result | str]:
        """In order: the names of the commands to run, and the results of those that need not.

        Args:
            only: names of steps or commands; all of them for none.
            changed: changed files; None for everything.
        """
        planned: list[Result | str] = []
        for name, step, command in named():
            if only and name not in only and step.name not in only:
                continue
            if changed is not None and not affected(command, changed):
                planned.append(Result(name, Outcome.UNCHANGED))
            elif reason := self.missing(command):
                planned.append(Result(name, Outcome.ABSENT, reason=reason))
            else:
                planned.append(name)
        return planned

    def run_all(
        self, planned: Sequence[Result | str], tell: Callable[[Result], None]
    ) -> list[Result]:
        """Run what is planned; results are in its order, and told as they come.

        Those that run beside others are one after the other among themselves. Nothing of any is
        left when this is left early.
        """
        beside = {name for name, _, command in named() if command.beside}
        stop, ended = threading.Event(), dict[str, Outcome]()

        def done(one: Result | str) -> Result:
            result = self.run(one, stop, ended) if isinstance(one, str) else one
            ended[result.name] = result.outcome
            tell(result)
            return result

        with ThreadPoolExecutor(1) as pool:
            try:
                found = [pool.submit(done, one) if one in beside else done(one) for one in planned]
                return [one.result() if isinstance(one, Future) else one for one in found]
            except BaseException:
                stop.set()
                raise

    def run(
        self,
        name: str,
        stop: threading.Event | None = None,
        ended: Mapping[str, Outcome] = MappingProxyType({}),
    ) -> Result:
        """Run one command to its end; nothing of it is left when this is left early.

        Args:
            name: of the command.
            stop: ends it as Ctrl-C does, once it is set.
            ended: how the commands before it ended.
        """
        command = next(command for found, _, command in named() if found == name)
        log = self.results / f"{name.replace('/', '-')}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        started = time.monotonic()
        try:
            _require_before(name, command, ended)
            line = [self._filled(word, name) for word in command.line]
            code = _wait([self._program(line[0]), *line[1:]], self.root, log, stop)
        except TidegateError as error:
            log.write_text("".join(f"{finding}\n" for finding in error.findings))
            return Result(name, Outcome.BROKEN, reason=str(error.findings[0]), log=log)
        except OSError as error:
            log.write_text(f"{_absent(command, error)}\n")
            return Result(name, Outcome.BROKEN, reason=str(_absent(command, error)), log=log)
        outcome = _outcome(command, code)
        reason = "" if outcome is Outcome.PASSED else f"exit {code}"
        return Result(name, outcome, time.monotonic() - started, reason, log)

    def _filled(self, word: str, name: str) -> str:
        known = {"{results}": str(self.results), "{name}": name.replace("/", "-")}
        for placeholder, value in known.items():
            word = word.replace(placeholder, value)
        return self.fill(word)

    @staticmethod
    def _program(name: str) -> str:
        beside = Path(sys.executable).parent / name
        return str(beside) if beside.exists() else name


def _require_before(name: str, command: Command, ended: Mapping[str, Outcome]) -> None:
    for other in command.after:
        if (outcome := ended.get(other)) in {Outcome.FAILED, Outcome.BROKEN}:
            raise cannot_check(
                name,
                other,
                "nothing of this run to judge",
                wanted="passed",
                found=str(outcome),
                next_step=f"mend {other} first",
            )


def _outcome(command: Command, code: int) -> Outcome:
    if code == 0:
        return Outcome.PASSED
    return Outcome.FAILED if code in command.findings else Outcome.BROKEN


def _absent(command: Command, error: OSError) -> Finding:
    return Finding(
        command.line[0],
        command.name,
        "could not run",
        "the program in the environment or on PATH",
        os.strerror(error.errno or 0),
        "run scripts/setup",
    )


def _wait(line: list[str], root: Path, log: Path, stop: threading.Event | None) -> int:
    """Exit code of a command that writes to `log`; it and its children are gone afterwards."""
    tools = str(Path(sys.executable).parent)
    environment = os.environ | {"PATH": f"{tools}{os.pathsep}{os.environ.get('PATH', '')}"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            line,
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            return _ended(process, stop or threading.Event())
        except BaseException:
            _interrupt(process)
            raise


def _ended(process: subprocess.Popen[bytes], stop: threading.Event) -> int:
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(_LOOK_SECONDS)
        if stop.is_set():
            raise KeyboardInterrupt


def _interrupt(process: subprocess.Popen[bytes]) -> None:
    """As Ctrl-C: tests then stop the servers that they started; what is left of it is killed."""
    try:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_CLEAN_UP_SECONDS)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def exit_code(results: Sequence[Result], *, here: bool) -> int:
    """1 if something failed, else 2 if something could not be checked, else 0.

    Args:
        results: of one run.
        here: whether a command that this machine cannot run counts for nothing.
    """
    found = {result.outcome for result in results}
    if Outcome.FAILED in found:
        return 1
    unknown = {Outcome.BROKEN} if here else {Outcome.BROKEN, Outcome.ABSENT}
    return 2 if found & unknown or not found else 0
