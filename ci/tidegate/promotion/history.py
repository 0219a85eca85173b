"""What git remembers: every promotion as a record, and what runs where by the newest of them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tidegate.findings import cannot_check
from tidegate.manifests.release import Release
from tidegate.manifests.units import Unit
from tidegate.promotion.git import GitError, Repository

TRAILERS = ("Environment", "Service", "Release", "Evidence", "Gates", "Action", "Reason")
_PREFIX = "Tidegate-"
_FIELDS = ("%H", "%aI", "%an", "%(trailers:only,unfold)")


@dataclass(frozen=True, slots=True)
class Record:
    """One promotion or rollback, as its commit's trailers tell it."""

    commit: str
    time: datetime
    author: str
    environment: str
    service: str
    release: Release
    evidence: str
    gates: str
    action: str
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """The record as JSON-ready data."""
        values = {field: getattr(self, field) for field in self.__slots__}
        return values | {"time": self.time.isoformat(), "release": self.release.as_dict()}


def trailer_lines(record: dict[str, str]) -> str:
    """The trailer block of a promotion's commit message."""
    return "\n".join(f"{_PREFIX}{key}: {record[key]}" for key in TRAILERS)


def records(repository: Repository, ref: str = "HEAD") -> list[Record]:
    """Every promotion up to `ref`, newest first, whatever the reader's git configuration.

    Raises:
        CouldNotCheckError: there is no such ref, or the clone does not hold all of its history.
    """
    options = ("--topo-order", "--basic-regexp", "--no-show-signature", "-z")
    form = f"--format=tformat:{'%x00'.join(_FIELDS)}"
    try:
        shallow = repository.run("rev-parse", "--is-shallow-repository").strip() == "true"
        log = repository.run("log", *options, form, f"--grep=^{_PREFIX}Release: ", ref, "--")
    except GitError as error:
        raise repository.fault("no history", error, "name a ref that exists") from None
    if shallow:
        raise cannot_check(
            repository.path,
            "git",
            "not the whole history",
            wanted="every promotion",
            found="a shallow clone",
            next_step="run `git fetch --unshallow`",
        )
    return list(_parse(log))


def _parse(log: str) -> Iterator[Record]:
    values = log.split("\0")[:-1]  # every value ends with a NUL, which no commit can hold
    for start in range(0, len(values), len(_FIELDS)):
        commit, time, author, trailers = values[start : start + len(_FIELDS)]
        own = (line for line in trailers.split("\n") if line.startswith(_PREFIX))
        pairs = (line.removeprefix(_PREFIX).partition(":") for line in own)
        found = {key: value.strip() for key, _, value in pairs}
        try:
            release = Release.from_dict(json.loads(found["Release"]))
            named = {key.lower(): found[key] for key in TRAILERS if key != "Release"}
        except (KeyError, TypeError, ValueError):
            continue  # a commit that only quotes a trailer is no promotion
        yield Record(commit, datetime.fromisoformat(time), author, release=release, **named)


def of_unit(found: list[Record], environment: str, service: str) -> list[Record]:
    """The records of one service in one environment, in the order given."""
    return [r for r in found if (r.environment, r.service) == (environment, service)]


@dataclass(frozen=True, slots=True)
class Standing:
    """What a unit runs, and the record that put it there; no record means no proof."""

    unit: Unit
    record: Record | None

    @property
    def state(self) -> str:
        """`never promoted`, `proven`, or `unproven` for a release that no promotion recorded."""
        if self.unit.release is None:
            return "never promoted"
        return "proven" if self.record else "unproven"

    def as_dict(self) -> dict[str, Any]:
        """The standing as JSON-ready data."""
        release = self.unit.release
        return {
            "environment": self.unit.environment.metadata.name,
            "service": self.unit.service.metadata.name,
            "model": self.unit.model.name,
            "state": self.state,
            "release": release.as_dict() if release else None,
            "since": self.record.time.isoformat() if self.record else None,
            "evidence": self.record.evidence if self.record else None,
            "gates": self.record.gates if self.record else None,
            "commit": self.record.commit if self.record else None,
        }


def standing(units: list[Unit], found: list[Record]) -> list[Standing]:
    """What each unit runs, proven by its newest record if that one names the same release."""
    result = []
    for unit in units:
        own = of_unit(found, unit.environment.metadata.name, unit.service.metadata.name)
        proven = own[:1] if own and own[0].release == unit.release else []
        result.append(Standing(unit, proven[0] if proven else None))
    return result
