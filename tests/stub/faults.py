"""What a stub does wrong; by default nothing."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


def echo(prompt: str) -> str:
    """An answer that says what was asked."""
    return f"you said {prompt}"


def letters(text: str) -> list[float]:
    """An embedding of a text: how often each letter stands in it."""
    return [float(text.lower().count(chr(97 + i))) + 0.01 for i in range(26)]


def overlap(query: str, document: str) -> float:
    """The share of a query's words that stand in a document."""
    words = set(query.lower().split())
    return len(words & set(document.lower().split())) / max(len(words), 1)


@dataclass
class Behaviour:
    """How a stub answers."""

    answer: Callable[[str], str] = echo
    model: str = "stub"
    context: int = 512
    embed: Callable[[str], list[float]] = letters
    rank: Callable[[str, str], float] = overlap
    first_token_seconds: float = 0.0
    token_seconds: float = 0.0
    stall_after: int | None = None
    reset_after: int | None = None
    malformed_at: int | None = None
    usage_off_by: int = 0
    error_burst: range = range(0)
    error_on: str = ""
    """Only requests with this text count for the burst."""
    error_status: int = 503
    never_answers: bool = False
    unauthorized: bool = False
    without: tuple[str, ...] = ()
    deaf_to_errors: bool = False
    stream_differs: bool = False
    no_done: bool = False
    openapi: bool = True
    health: int = 200
    slots: int | None = None
    queue_seconds: float = 0.0
    leaks_slots: bool = False
    asked: list[dict[str, Any]] = field(default_factory=list)


def noisy(seed: int, size: float) -> Callable[[str], list[float]]:
    """The same embedding with noise, as of damaged weights."""

    def embed(text: str) -> list[float]:
        rng = random.Random(f"{seed}/{text}")  # noqa: S311 - test data
        return [x + rng.gauss(0, size) for x in letters(text)]

    return embed
