"""The lab's story on a terminal: numbered steps, how each ended, and what was told inside."""

import io
import re

import pytest
from rich.console import Console

from tidegate.cli.reporter import TerminalReporter
from tidegate.findings import Finding, FindingsError


class Told:
    """A reporter and what it wrote, times as T."""

    def __init__(self, *, terminal: bool = False) -> None:
        self._file = io.StringIO()
        console = Console(file=self._file, width=40, force_terminal=terminal, color_system=None)
        self.reporter = TerminalReporter(console)

    @property
    def raw(self) -> str:
        """All of it."""
        return self._file.getvalue()

    @property
    def lines(self) -> list[str]:
        """Its lines."""
        return re.sub(r"\d+\.\d s", "T s", self.raw).splitlines()


def test_steps_are_numbered_and_say_that_they_are_done() -> None:
    """Where no terminal reads it, there are lines and no bars."""
    told = Told()

    for title in ("First", "Second"):
        with told.reporter.step(title):
            told.reporter.progress("model", 1, 3)
            told.reporter.line(f"inside {title}")

    assert told.lines == [
        "[1] First",
        "    inside First",
        "    done in T s",
        "[2] Second",
        "    inside Second",
        "    done in T s",
    ]


@pytest.mark.parametrize(
    ("error", "word"),
    [(ValueError("x"), "failed"), (SystemExit(2), "failed"), (KeyboardInterrupt(), "stopped")],
)
def test_a_step_that_does_not_end_well_says_how(error: BaseException, word: str) -> None:
    """Once, and the error goes on to whoever can answer it."""
    told = Told()

    with pytest.raises(type(error)) as raised, told.reporter.step("Train"):
        raise error

    assert raised.value is error
    assert told.lines == ["[1] Train", f"    {word} in T s"]


def test_a_terminal_shows_a_bar_for_each_part() -> None:
    """Each under its own name; the line of the end stays, the bars do not."""
    told = Told(terminal=True)

    with told.reporter.step("Train"):
        for done in (1, 2, 3):
            told.reporter.progress("tiny-chat", done, 3)
        told.reporter.progress("tiny-rerank", 1, 3)

    assert all(name in told.raw for name in ("working", "tiny-chat", "tiny-rerank"))
    assert told.lines[-1].endswith("    done in T s")


def test_progress_outside_of_a_step_is_no_error() -> None:
    """A part may be used alone, and then has nobody to tell."""
    told = Told()

    told.reporter.progress("tiny-chat", 1, 3)

    assert told.raw == ""


def test_a_fact_is_a_line_however_long() -> None:
    """What looks like markup is part of it: addresses are copied from here."""
    told = Told()

    told.reporter.line("http://127.0.0.1:8000/v1 [bold] " + "x" * 60)

    assert told.lines == ["    http://127.0.0.1:8000/v1 [bold] " + "x" * 60]


def test_a_refusal_has_every_finding() -> None:
    """Each on a line below the word."""
    told = Told()
    found = [Finding(file, "o", "is [wrong]", "a", "b", "c") for file in ("one.yaml", "two.yaml")]

    told.reporter.refusal(FindingsError(found))

    assert told.lines == ["    refused:", *(f"    {finding}" for finding in found)]


def test_a_difference_is_shown_as_git_has_it() -> None:
    """Line by line, with its blanks, and empty lines inside it."""
    told = Told()

    told.reporter.diff("\n@@ -1 +1 @@\n-  tag: [old]\n+  tag: [new]\n\n unchanged\n\n")

    assert told.lines == [
        "The last promotion changed one file:",
        "@@ -1 +1 @@",
        "-  tag: [old]",
        "+  tag: [new]",
        "",
        " unchanged",
    ]


@pytest.mark.parametrize(
    ("told_of", "title"), [("standings", "What runs where"), ("history", "Promotion log")]
)
def test_an_empty_lab_is_a_table_without_rows(told_of: str, title: str) -> None:
    """The title says what there is none of."""
    told = Told()

    getattr(told.reporter, told_of)([])

    first, _header, rule = told.lines
    assert first.strip() == title
    assert set(rule.strip()) == {"─"}
