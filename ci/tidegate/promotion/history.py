"""What git remembers: every promotion as a record, and what runs where by the newest of them."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tidegate.findings import cannot_check, refuse
from tidegate.manifests.release import Release
from tidegate.manifests.units import Unit
from tidegate.promotion.git import GitError, Repository

TRAILERS = ("Environment", "Service", "Release", "Evidence", "Gates", "Action", "Reason")
# What a record may have beside these: all the evidence, when the release was built, what is bad,
# its version, and the request.
MORE_TRAILERS = ("Proof", "Built", "Bad", "Version", "Request")
PREFIX = "Tidegate-"
_FIELDS = ("%H", "%cI", "%an", "%(trailers:only,unfold)")
# What git tells of a commit, as it tells it: these fields.
Entry = tuple[str, str, str, str]


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
    proof: str = ""
    """Every piece of evidence as `kind=digest`."""
    built: str = ""
    """When the release came to be, as its evidence says; ISO 8601."""
    bad: Release | None = None
    """The release that a rollback took away and marked."""
    version: str = ""
    request: str = ""
    """The id of the request that made it: a request makes one commit, however often it is run."""

    def as_dict(self) -> dict[str, Any]:
        """The record as JSON-ready data."""
        values = {field: getattr(self, field) for field in self.__slots__}
        return values | {
            "time": self.time.isoformat(),
            "release": self.release.as_dict(),
            "bad": self.bad.as_dict() if self.bad else None,
        }


def trailer_lines(record: dict[str, str]) -> str:
    """The trailer block of a promotion's commit message."""
    lines = [f"{PREFIX}{key}: {record[key]}" for key in TRAILERS]
    return "\n".join(lines + [f"{PREFIX}{k}: {record[k]}" for k in MORE_TRAILERS if record.get(k)])


def records(
    repository: Repository, ref: str = "HEAD", *, service: str | None = None, since: str = ""
) -> list[Record]:
    """Every promotion up to `ref`, newest first, whatever the reader's git configuration.

    Args:
        repository: a clone with all of its history.
        ref: up to where to read.
        service: read this service's alone, which is much faster among many.
        since: an ancestor of `ref` after which to read.

    Raises:
        CouldNotCheckError: there is no such ref, or the clone does not hold all of its history.
    """
    try:
        shallow = repository.run("rev-parse", "--is-shallow-repository").strip() == "true"
        found = entries(repository, f"{since}..{ref}" if since else ref, service)
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
    listed = [record for record in map(record_of, found) if record]
    return [record for record in listed if service in {None, record.service}]


def entries(repository: Repository, span: str, service: str | None = None) -> list[Entry]:
    """The commits of a span that could be records, newest first; raises GitError."""
    options = ("--topo-order", "--basic-regexp", "--no-show-signature", "-z")
    form = f"--format=tformat:{'%x00'.join(_FIELDS)}"
    grep = f"--grep=^{PREFIX}Service: {service}$" if service else f"--grep=^{PREFIX}Release: "
    values = iter(repository.run("log", *options, form, grep, span, "--").split("\0"))
    return list(zip(values, values, values, values, strict=False))  # one end of line is left


def record_of(entry: Entry) -> Record | None:
    """The promotion that a commit tells of; None where it only quotes a trailer."""
    commit, time, author, trailers = entry
    own = (line for line in trailers.split("\n") if line.startswith(PREFIX))
    pairs = (line.removeprefix(PREFIX).partition(":") for line in own)
    found = {key: value.strip() for key, _, value in pairs}
    try:
        release = _release(found["Release"])
        bad = _release(found["Bad"]) if "Bad" in found else None
        named = {key.lower(): found[key] for key in TRAILERS if key != "Release"}
    except (KeyError, TypeError, ValueError):
        return None
    more = {key.lower(): found[key] for key in MORE_TRAILERS if key in found and key != "Bad"}
    moment = datetime.fromisoformat(time)
    return Record(commit, moment, author, release=release, bad=bad, **named, **more)


def _release(line: str) -> Release:
    return Release.from_dict(json.loads(line))


def of_unit(found: list[Record], environment: str, service: str) -> list[Record]:
    """The records of one service in one environment, in the order given."""
    return [r for r in found if (r.environment, r.service) == (environment, service)]


def find_release(found: list[Record], name: str) -> Release:
    """The release that a name as people read it stands for.

    Args:
        found: where to look.
        name: `<engine>+<model>`, the first 8 digits of each digest, or a version.

    Raises:
        FindingsError: no record has it, or records of several releases do.
    """
    known = {r.release for r in found if name and name in {str(r.release), r.version}}
    if len(known) != 1:
        raise refuse(
            "command line",
            "RELEASE",
            "several releases" if known else "no such release",
            wanted="one on record",
            found=f"{name}: {', '.join(sorted(map(str, known)))}" if known else name or "nothing",
            next_step="see `tidegate history`, or name it by digests",
        )
    return known.pop()


def marked_bad(own: list[Record], release: Release) -> Record | None:
    """The rollback that took a release off a unit, unless it was put back since.

    Args:
        own: the unit's records, newest first.
        release: the release in question.
    """
    for record in own:
        if record.release == release:
            return None
        if record.bad == release:
            return record
    return None


def running_since(own: list[Record], release: Release) -> datetime | None:
    """Since when a unit has run a release without a change; None where no record says it runs.

    A clock that was slow cannot make it earlier than the unit's record before it.
    """
    floor = start = current = None
    for record in reversed(own):
        floor = max(record.time, floor or record.time)
        if record.release != current:
            start, current = floor, record.release
    return start if current == release else None


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
            "author": self.record.author if self.record else None,
        }


def standing(units: list[Unit], found: list[Record]) -> list[Standing]:
    """What each unit runs, proven by its newest record if that one names the same release."""
    newest = {(r.environment, r.service): r for r in reversed(found)}
    result = []
    for unit in units:
        record = newest.get((unit.environment.metadata.name, unit.service.metadata.name))
        proven = record is not None and record.release == unit.release
        result.append(Standing(unit, record if proven else None))
    return result
