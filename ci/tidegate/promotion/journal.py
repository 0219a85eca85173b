"""A request's id, by which a run that was killed is known again and does nothing twice.

The commit of a request carries its id. From before the push until the caller was told, a file in
the git directory keeps the id too: the same command, run again in this checkout, goes on with it
and finds the commit if there is one. A caller that names the id, as a pipeline does with that of
its run, needs no such file and may come back from another clone.
"""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from tidegate.findings import FindingsError, cannot_check, refuse
from tidegate.manifests.release import Release
from tidegate.manifests.units import Unit
from tidegate.oci import write_atomically
from tidegate.promotion.git import GitError, Repository
from tidegate.promotion.history import Record

FOLDER = "tidegate-requests"
FORGET_SECONDS = 3600
"""A killed run is run again soon; later, the same words are a new request."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: what its commit is known by."""

    id: str = field(default_factory=lambda: uuid4().hex)
    resumed: bool = False
    """The id is that of a run which did not end, and not named by the caller."""


def named(request: str) -> Asked:
    """The request of an id that a caller names; raises FindingsError for one that is none."""
    if _ID.fullmatch(request):
        return Asked(request)
    raise refuse(
        "command line",
        "--request",
        "not an id",
        wanted="a letter or digit, and up to 127 of letters, digits and ._:/@+-",
        found=request or "nothing",
        next_step="name the id of the pipeline's run",
    )


@contextmanager
def journaled(repository: Repository, *command: str) -> Iterator[Asked]:
    """The request of a command that may have been killed; inside, nobody was told what it did.

    It is remembered where the block could not say what became of it, and forgotten else.

    Args:
        repository: the checkout that the command works on.
        command: what makes two runs the same.

    Raises:
        CouldNotCheckError: this is no checkout, or its git directory cannot be written.
    """
    try:
        file = repository.git_path(FOLDER) / sha256("\0".join(command).encode()).hexdigest()
        asked = _resumed(file) or _begun(file)
    except GitError as error:
        raise repository.not_a_checkout(error) from None
    except OSError as error:
        raise cannot_check(
            repository.path,
            "git directory",
            "cannot write",
            wanted="a disk with room that may be written to",
            found=f"{error.strerror or error}",
            next_step="nothing was done; make room or correct the rights, and run it again",
        ) from None
    try:
        yield asked
    except FindingsError:
        file.unlink(missing_ok=True)
        raise
    file.unlink(missing_ok=True)


def landed(
    asked: Asked, action: str, unit: Unit, own: list[Record], release: Release | None
) -> Record | None:
    """The record of an earlier run of the request, in which it landed.

    Args:
        asked: the request.
        action: what it does, because one run of a pipeline may promote and roll back.
        unit: where.
        own: the unit's records, newest first.
        release: the one that it names, if it does.

    Raises:
        FindingsError: that run was killed and the unit has changed since, so nobody can tell
            whether the command is run again or meant anew.
    """
    known = (r for r in own if (r.request, r.action) == (asked.id, action))
    found = next((r for r in known if release in {None, r.release}), None)
    if found and asked.resumed and (found != own[0] or unit.release != found.release):
        raise refuse(
            unit.file,
            action,
            "a killed run did it, and more has changed since",
            wanted=f"{found.commit[:8]} as the last change",
            found=f"{own[0].commit[:8]} and {unit.release or 'no release'}",
            next_step="look at what runs now, and run it again if that is meant",
        )
    return found


def _resumed(file: Path) -> Asked | None:
    """The request that a run left a short time ago, if one did; this run is as good as that one."""
    try:
        age = time.time() - file.stat().st_mtime
        found = file.read_text(encoding="latin-1")
    except FileNotFoundError:
        return None
    if age > FORGET_SECONDS or not _ID.fullmatch(found):
        return None
    file.touch()
    return Asked(found, resumed=True)


def _begun(file: Path) -> Asked:
    """A new request, on the disk before anything is pushed."""
    asked = Asked()
    write_atomically(file, asked.id.encode())
    for place in (file, file.parent):
        handle = os.open(place, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    return asked
