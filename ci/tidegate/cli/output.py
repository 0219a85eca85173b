"""What every command prints with: the terminal, JSON, findings and tables."""

import json
import sys
from collections.abc import Iterable, Iterator

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from tidegate.findings import Finding

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


class Listing:
    """A table of any length, each row a line; Rich's own takes a second for 2,000 rows.

    Where the terminal is too narrow, the widest columns are cut and end with an ellipsis.
    """

    def __init__(self, title: str, *names: str) -> None:
        self.title = title
        self.rows: list[tuple[str | Text, ...]] = [names]

    def add_row(self, *cells: str | Text) -> None:
        """Add a row; a Text may have one style."""
        self.rows.append(cells)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        turned = zip(*self.rows, strict=True)
        needed = [max(cell_len(str(cell)) for cell in column) for column in turned]
        widths = _fitting(needed, options.max_width)
        yield Segment(f"{self.title}\n", console.get_style("bold"))
        for number, row in enumerate(self.rows):
            for cell, width in zip(row, widths, strict=True):
                style = console.get_style(cell.style) if isinstance(cell, Text) else None
                yield Segment(_cell(str(cell), width), style)
                yield Segment(" ")
            yield Segment.line()
            if number == 0:
                yield Segment("─" * (sum(widths) + len(widths)) + "\n")


def _fitting(widths: list[int], limit: int) -> list[int]:
    """Widths of columns, one space behind each, of which the widest gave way to the limit."""
    fitting = list(widths)
    while sum(fitting) + len(fitting) > limit and max(fitting) > 1:
        fitting[fitting.index(max(fitting))] -= 1
    return fitting


def _cell(text: str, width: int) -> str:
    """The text in this many columns, cut or filled up."""
    if cell_len(text) > width:
        return set_cell_size(text, width - 1) + "…"
    return set_cell_size(text, width)
