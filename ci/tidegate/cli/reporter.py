"""How the lab tells its story on a terminal."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from tidegate.cli.promotions import history_table, standing_table
from tidegate.cli.verdicts import verdict_table
from tidegate.findings import TidegateError
from tidegate.gates.verdict import Verdict
from tidegate.promotion.history import Record, Standing

DIFF_STYLE = {"+": "green", "-": "red", "@": "cyan"}


class TerminalReporter:
    """Tells the lab's story on a terminal: a bar while a step runs, then its line and time."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._progress: Progress | None = None
        self._tasks: dict[str, Any] = {}
        self._number = 0

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """A timed step; says so too where it fails."""
        self._number += 1
        self.console.print(Text(f"[{self._number}] {title}", style="bold"))
        started = time.monotonic()
        columns = TextColumn("    {task.description}"), BarColumn(), TimeElapsedColumn()
        hidden = not self.console.is_terminal
        with Progress(
            *columns, console=self.console, transient=True, disable=hidden
        ) as self._progress:
            self._tasks = {title: self._progress.add_task("working", total=None)}
            try:
                yield
            except BaseException as error:
                ended = "stopped" if isinstance(error, KeyboardInterrupt) else "failed"
                self._done(ended, "red", started)
                raise
        self._done("done", "green", started)

    def _done(self, word: str, style: str, started: float) -> None:
        self.console.print(Text(f"    {word} in {time.monotonic() - started:.1f} s", style=style))

    def progress(self, what: str, done: int, total: int) -> None:
        """Move a part's own bar."""
        if self._progress is not None:
            if what not in self._tasks:
                self._tasks[what] = self._progress.add_task(what)
            self._progress.update(self._tasks[what], completed=done, total=total)

    def line(self, text: str) -> None:
        """A fact worth a line."""
        self.console.print(Text(f"    {text}"), soft_wrap=True)

    def verdict(self, title: str, verdict: Verdict) -> None:
        """What the gates say."""
        self.console.print(verdict_table(title, verdict))

    def refusal(self, error: TidegateError) -> None:
        """Findings that were meant to appear."""
        self.console.print(Text("    refused:", style="bold yellow"))
        for finding in error.findings:
            self.console.print(Text(f"    {finding}", style="yellow"), soft_wrap=True)

    def standings(self, standings: list[Standing]) -> None:
        """What runs where."""
        self.console.print(standing_table(standings))

    def history(self, records: list[Record]) -> None:
        """The promotions, newest first."""
        self.console.print(history_table(records))

    def diff(self, text: str) -> None:
        """A difference as git shows it."""
        self.console.print(Text("The last promotion changed one file:", style="bold"))
        for line in text.strip().splitlines():
            self.console.print(Text(line, style=DIFF_STYLE.get(line[:1], "")), soft_wrap=True)
