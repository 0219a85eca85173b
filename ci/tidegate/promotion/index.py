"""What was read before, kept in the git directory, so that status on thousands of units is quick.

An SQLite file holds the promotion records up to one commit, and YAML documents by their content.
It is a memory and no state: every answer is the one that git alone gives. What is damaged, foreign
or of another version of this code is made anew, and where it cannot be written, git is read. It
guards against accidents, not against somebody who may write to the git directory and could rewrite
history as well.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import ruamel.yaml

from tidegate.catalog import reading
from tidegate.promotion import history
from tidegate.promotion.git import GitError, Repository
from tidegate.promotion.history import Entry, Record, entries, record_of, records

FILE = "tidegate-index.sqlite"
DOCUMENTS = 20_000
"""How many documents are kept; the oldest are parsed again."""
_SOURCES = b"".join(Path(str(one)).read_bytes() for one in (__file__, history.__file__))
_READER = Path(reading.__file__).read_bytes() + ruamel.yaml.__version__.encode()
# SQLite keeps a number of 31 bits for whoever owns the file.
FORMAT = int.from_bytes(hashlib.sha256(_SOURCES + _READER).digest()[:4]) >> 1
# What says nothing about the file: busy, locked, read-only, unreadable, full, not to be opened.
_NO_DAMAGE = {5, 6, 8, 10, 13, 14}
# Longer than anybody but a first reader holds the file.
_WAIT_SECONDS = 2.0
_TABLES = {
    "tip": "id TEXT NOT NULL, count INTEGER NOT NULL",
    "records": "position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, service TEXT NOT NULL, "
    "environment TEXT NOT NULL, entry TEXT NOT NULL, digest TEXT NOT NULL",
    "documents": "position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, value TEXT NOT NULL, "
    "digest TEXT NOT NULL",
}
_SELECT = "SELECT id, service, environment, entry, digest FROM records"
_NEWEST = "position IN (SELECT max(position) FROM records GROUP BY service, environment)"


class DamagedError(sqlite3.DatabaseError):
    """The index does not hold what was written to it."""


def known_records(
    repository: Repository, ref: str = "HEAD", *, service: str | None = None, newest: bool = False
) -> list[Record]:
    """What `records` says, from the index where it can be brought up to `ref`.

    Args:
        repository: a clone with all of its history.
        ref: up to where to read.
        service: read this service's alone, which makes no index where there is none.
        newest: leave out all but each unit's newest record.

    Raises:
        CouldNotCheckError: as `records`.
    """
    found = None
    try:
        path = repository.git_path(FILE)
        if path.exists() or service is None:
            with opened(path) as index:
                found = _from_index(index, repository, ref, service, newest=newest)
    except (GitError, OSError, sqlite3.Error):
        pass  # git says what there is to say
    if found is None:
        found = records(repository, ref, service=service)
    if not newest:
        return found
    by_unit: dict[tuple[str, str], Record] = {}
    for record in found:
        by_unit.setdefault((record.service, record.environment), record)
    return list(by_unit.values())


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The index, locked, with its tables; what is written counts at the end, whole or not at all.

    Raises:
        sqlite3.Error: it cannot be read or written; a damaged one is removed.
    """
    try:
        with closing(sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None)) as index:
            index.execute("BEGIN IMMEDIATE")
            if index.execute("PRAGMA user_version").fetchone() != (FORMAT,):
                _make(index)
            yield index
            index.execute("COMMIT")
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _NO_DAMAGE:
            for left in (path, path.with_name(f"{path.name}-journal")):
                left.unlink(missing_ok=True)
        raise


def _make(index: sqlite3.Connection) -> None:
    for table, fields in _TABLES.items():
        index.execute(f"DROP TABLE IF EXISTS {table}")
        index.execute(f"CREATE TABLE {table} ({fields})")
    index.execute("CREATE INDEX units ON records (service, environment, position)")
    index.execute(f"PRAGMA user_version = {FORMAT}")


def _from_index(
    index: sqlite3.Connection,
    repository: Repository,
    ref: str,
    service: str | None,
    *,
    newest: bool,
) -> list[Record] | None:
    """The records; None where the clone is shallow, or the index too far away for one service."""
    told = repository.run("rev-parse", "--is-shallow-repository", f"{ref}^{{commit}}")
    shallow, tip = told.split()
    if shallow == "true" or not _move(index, repository, tip, anew=service is None):
        return None
    wanted = [_NEWEST] * newest + ["service = ?"] * (service is not None)
    where = f"WHERE {' AND '.join(wanted)}" if wanted else ""
    given = () if service is None else (service,)
    rows = index.execute(f"{_SELECT} {where} ORDER BY position DESC", given)
    found = (record_of(json.loads(_sound(row)[3])) for row in rows)
    return [record for record in found if record]


def _move(index: sqlite3.Connection, repository: Repository, tip: str, *, anew: bool) -> bool:
    """Bring the records up to a commit; False if that takes a whole reading, and `anew` is not."""
    known = index.execute("SELECT id, count FROM tip").fetchone()
    if known and index.execute("SELECT count(*) FROM records").fetchone() != (known[1],):
        raise DamagedError("records are missing")
    if known and known[0] == tip:
        return True
    base = _meeting(repository, known[0], tip) if known else None
    if base is None and not anew:
        return False
    if base is None:
        index.execute("DELETE FROM records")
    else:
        gone = repository.run("rev-list", f"{base}..{known[0]}").split()
        index.executemany("DELETE FROM records WHERE id = ?", ((one,) for one in gone))
    new = entries(repository, f"{base}..{tip}" if base else tip)
    index.executemany(
        "INSERT INTO records (id, service, environment, entry, digest) VALUES (?, ?, ?, ?, ?)",
        (row for entry in reversed(new) for row in _rows(entry)),
    )
    index.execute("DELETE FROM tip")
    index.execute("INSERT INTO tip SELECT ?, count(*) FROM records", (tip,))
    return True


def _meeting(repository: Repository, known: str, tip: str) -> str | None:
    """Where two histories part, if both are a line from there; None where a merge is in between.

    Only then is the order of one history that of the other with records put on top or taken off.
    """
    try:
        base = repository.run("merge-base", known, tip).strip()
        span = (known, tip, f"^{base}", "--")
        merges = repository.run("rev-list", "--merges", "--max-count=1", *span)
    except GitError:
        return None  # it has never been in this repository, or git has forgotten it
    return None if merges else base


def _rows(entry: Entry) -> Iterator[tuple[str, ...]]:
    """The row of a commit that is a record."""
    record = record_of(entry)
    if record:
        values = (record.commit, record.service, record.environment, json.dumps(entry))
        yield *values, _digest(*values)


def _digest(*values: str) -> str:
    return hashlib.sha256("\0".join(values).encode()).hexdigest()


def _sound(row: tuple[str, ...]) -> tuple[str, ...]:
    """A row whose last value is the digest of the others; raises DamagedError for another one."""
    *values, digest = map(str, row)
    if _digest(*values) != digest:
        raise DamagedError(f"{values[0]} is not what was written")
    return row


@contextmanager
def known_documents(repository: Repository) -> Iterator[None]:
    """Inside, a YAML document that was parsed in an earlier run is not parsed again."""
    known: dict[str, str] = {}
    try:
        with opened(repository.git_path(FILE)) as index:
            rows = index.execute("SELECT id, value, digest FROM documents")
            known = {row[0]: row[1] for row in map(_sound, rows)}
    except (GitError, OSError, sqlite3.Error):
        pass  # they are parsed
    memory = dict(known)
    with reading.remembering(memory):
        yield
    new = {key: value for key, value in memory.items() if key not in known}
    if new:
        with suppress(GitError, OSError, sqlite3.Error), opened(repository.git_path(FILE)) as index:
            _keep(index, new)


def _keep(index: sqlite3.Connection, documents: dict[str, str]) -> None:
    index.executemany(
        "INSERT OR IGNORE INTO documents (id, value, digest) VALUES (?, ?, ?)",
        ((*one, _digest(*one)) for one in documents.items()),
    )
    index.execute(
        "DELETE FROM documents WHERE position <= (SELECT max(position) FROM documents) - ?",
        (DOCUMENTS,),
    )
