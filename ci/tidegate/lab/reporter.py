"""How the lab tells what it does, without knowing how it is shown."""

from contextlib import AbstractContextManager
from typing import Protocol

from tidegate.findings import TidegateError
from tidegate.gates.verdict import Verdict
from tidegate.promotion.history import Record, Standing


class Reporter(Protocol):
    """Receives the lab's story in order."""

    def step(self, title: str) -> AbstractContextManager[None]:
        """A timed step; what is told inside it belongs to it."""

    def progress(self, what: str, done: int, total: int) -> None:
        """How far a part of the present step is."""

    def line(self, text: str) -> None:
        """A fact worth a line."""

    def verdict(self, title: str, verdict: Verdict) -> None:
        """What the gates say."""

    def refusal(self, error: TidegateError) -> None:
        """Findings that were meant to appear."""

    def standings(self, standings: list[Standing]) -> None:
        """What runs where."""

    def history(self, records: list[Record]) -> None:
        """The promotions, newest first."""

    def diff(self, text: str) -> None:
        """A difference as git shows it."""
