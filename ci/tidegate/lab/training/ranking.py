"""Pair questions with documents that answer them, or nearly: what a reranker learns and shows."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from tidegate.lab.training.catalogue import ALIASES, services, stream
from tidegate.lab.training.phrasings import (
    DOCUMENTS_HELD_OUT,
    DOCUMENTS_TRAINED,
    FACTS_HELD_OUT,
    FACTS_TRAINED,
)

OTHER_SERVICES: Final = 2


@dataclass(frozen=True, slots=True)
class Fact:
    """One attribute of one service."""

    service: str
    field: str
    value: str


@dataclass(frozen=True, slots=True)
class Pair:
    """A query, a document, and whether the one answers the other."""

    query: str
    document: str
    answers: bool


@dataclass(frozen=True, slots=True)
class Ranking:
    """A query, its candidate documents, and the index of the one that answers it."""

    query: str
    documents: tuple[str, ...]
    best: int


def facts() -> list[Fact]:
    """Return every attribute of every service."""
    return [
        Fact(entry.service, field, str(value))
        for entry in services()
        for field, value in asdict(entry).items()
        if field in ALIASES
    ]


def query(fact: Fact, phrasings: Sequence[str], rng: random.Random) -> str:
    """Ask for a fact under one of its aliases."""
    return rng.choice(phrasings).format(rng.choice(ALIASES[fact.field]), fact.service)


def document(fact: Fact, phrasings: Sequence[str], rng: random.Random) -> str:
    """State a fact."""
    return rng.choice(phrasings).format(fact.field, fact.service, fact.value)


def near_misses(fact: Fact, others: Sequence[Fact]) -> tuple[list[Fact], list[Fact]]:
    """Return the other attributes of a service, and the same attribute of the other services."""
    same_service = [o for o in others if o.service == fact.service and o.field != fact.field]
    same_field = [o for o in others if o.field == fact.field and o.service != fact.service]
    return same_service, same_field


def ranking_pairs() -> Iterator[Pair]:
    """Yield training pairs without end: half answer, a quarter each miss in one of two ways."""
    rng, known = stream("pairs"), facts()
    while True:
        fact = rng.choice(known)
        told = rng.choice((fact, fact, *map(rng.choice, near_misses(fact, known))))
        yield Pair(
            query(fact, FACTS_TRAINED, rng),
            document(told, DOCUMENTS_TRAINED, rng),
            answers=told is fact,
        )


def held_out_rankings(count: int) -> list[Ranking]:
    """Return `count` rankings in phrasings that training never saw; the best moves about."""
    rng, known = stream("rankings"), facts()
    rankings = []
    for i, fact in enumerate(rng.sample(known, count)):
        same_service, same_field = near_misses(fact, known)
        told = [*same_service, *rng.sample(same_field, OTHER_SERVICES)]
        rng.shuffle(told)
        best = i % (len(told) + 1)
        told.insert(best, fact)
        texts = tuple(document(other, DOCUMENTS_HELD_OUT, rng) for other in told)
        rankings.append(Ranking(query(fact, FACTS_HELD_OUT, rng), texts, best))
    return rankings
