"""How results look on a terminal; every function takes what a layer returned and prints it."""

import json
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from tidegate.findings import Finding, TidegateError
from tidegate.gates.measure import NEVER
from tidegate.gates.verdict import Measurement, Outcome, Verdict
from tidegate.oci import short
from tidegate.promotion.delivery import Delivery
from tidegate.promotion.history import Record, Standing

OUTCOME_STYLE = {Outcome.PASS: "green", Outcome.HOLD: "yellow", Outcome.FAIL: "red"}
UNIT = {"share": "", "score": "", "ratio": "", "requests/s": "/s", "USD": "$"}
"""Units that are told shorter than in a verdict, or go without saying."""
DIFF_STYLE = {"+": "green", "-": "red", "@": "cyan"}
STATE_STYLE = {"proven": "green", "never promoted": "dim", "unproven": "red"}

# Findings are lines for tools as much as for people: they are never wrapped.
console = Console(highlight=False, soft_wrap=False)
errors = Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def print_findings(findings: Iterable[Finding]) -> None:
    """One finding a line on standard error."""
    for finding in findings:
        errors.print(Text(finding.line, style="red"))


def local_time(moment: datetime) -> str:
    """A moment in the reader's own time zone, to the minute."""
    return moment.astimezone().strftime("%m-%d %H:%M")


def columns(*names: str, title: Text | str | None = None, right: set[str] | None = None) -> Table:
    """An empty table that fits a terminal of 80 columns: one space between its columns."""
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
        padding=0,
        show_edge=False,
    )
    for name in names:
        table.add_column(name, justify="right" if name in (right or set()) else "left")
    return table


def verdict_table(title: str, verdict: Verdict) -> Table:
    """Every measurement with its threshold, sample size and outcome."""
    heading = Text.assemble(f"{title}: ", (verdict.summary(), OUTCOME_STYLE[verdict.outcome]))
    return measurement_table(heading, verdict.measurements)


def measurement_table(heading: Text | str, measurements: Iterable[Measurement]) -> Table:
    """Each measurement with its interval, threshold, samples of those needed, and outcome.

    Gates are headings and shares have no unit, so that a row fits 80 columns.
    """
    names = ("measured", "value", "interval", "wanted", "samples", "")
    table = columns(*names, title=heading, right={"value", "interval", "samples"})
    for gate, rows in groupby(measurements, key=lambda m: m.gate):
        table.add_row(Text(gate, style="bold"))
        for m in rows:
            wanted = f"{'>=' if m.bound == 'at least' else '<='} {m.threshold:.4g}"
            value = "nothing" if m.value is None else f"{m.value:.3g}"
            table.add_row(
                f"  {m.name}",
                value,
                _limits(m),
                f"{wanted} {UNIT.get(m.unit, m.unit)}".rstrip(),
                f"{m.samples}/{m.min_samples}",
                Text(m.outcome, style=OUTCOME_STYLE[m.outcome]),
            )
    return table


def _limits(measurement: Measurement) -> str:
    """The interval as `low..high`; a limit that the sample is too small for is left out."""
    if measurement.interval is None:
        return ""
    low, high = measurement.interval.low, measurement.interval.high
    return "..".join(
        "" if x is None else "never" if x >= NEVER else f"{x:.2g}" for x in (low, high)
    )


def standing_table(standings: list[Standing]) -> Table:
    """What runs where, since when and on which evidence."""
    names = ("environment", "service", "model", "release", "since", "evidence")
    table = columns(*names, title="What runs where")
    for standing in standings:
        unit, record = standing.unit, standing.record
        release = Text(str(unit.release or standing.state), style=STATE_STYLE[standing.state])
        table.add_row(
            unit.environment.metadata.name,
            unit.service.metadata.name,
            unit.model.name,
            release,
            local_time(record.time) if record else "-",
            f"{short(record.evidence)} {record.gates.removeprefix('pass ')}" if record else "-",
        )
    return table


def history_table(records: list[Record]) -> Table:
    """The promotions, newest first."""
    names = ("commit", "when", "action", "environment", "service", "release", "version", "evidence")
    table = columns(*names, title="Promotion log")
    for r in records:
        row = (r.commit[:8], local_time(r.time), r.action, r.environment, r.service)
        table.add_row(*row, str(r.release), r.version or "-", short(r.evidence))
    return table


def delivery_table(numbers: list[Delivery], environment: str, days: int) -> Table:
    """The four numbers of each service."""
    names = ("service", "deployments", "a week", "lead time", "failed", "restored in")
    title = f"Delivery to {environment} in {days} days"
    table = columns(*names, title=title, right=set(names[1:]))
    for d in numbers:
        hours = [
            "-" if value is None else f"{value:.1f} h"
            for value in (d.lead_time_hours, d.restore_hours)
        ]
        failed = "-" if d.failure_rate is None else f"{d.failure_rate:.0%}"
        row = (d.service, str(d.deployments), f"{d.per_week:.1f}", hours[0], failed, hours[1])
        table.add_row(*row)
    return table


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
