"""The lab's folder: room for it, and one run at a time."""

import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest
from tests.unit.lab.conftest import one_line

from tidegate.findings import CouldNotCheckError
from tidegate.lab.paths import GIB, NEEDED_GIB, Lab

Usage = namedtuple("Usage", "total used free")  # noqa: PYI024 - as shutil's own
HOLD = (
    "import sys; from pathlib import Path; from tidegate.lab.paths import Lab\n"
    "with Lab(Path(sys.argv[1])).locked():\n"
    "    print('held', flush=True)\n"
    "    sys.stdin.read()"
)


def limit(monkeypatch: pytest.MonkeyPatch, free: float) -> None:
    """Let every disk have so much room, in GiB."""
    usage = Usage(100 * GIB, 0, int(free * GIB))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)


def test_everything_is_in_one_folder(lab: Lab) -> None:
    """Deleting it forgets the lab."""
    parts = (lab.venv, lab.python, lab.models, lab.layout, lab.remote, lab.fork, lab.run, lab.logs)

    assert all(lab.home in part.parents for part in parts)
    assert len(set(parts)) == len(parts)
    assert lab.home == lab.root / ".lab"


def test_a_disk_without_room_is_one_line(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says how much is wanted and how much there is."""
    limit(monkeypatch, NEEDED_GIB - 0.5)

    with pytest.raises(CouldNotCheckError) as failed:
        lab.require_space()

    assert one_line(failed) == (
        f"{lab.home}: disk: no space for the lab; wanted 12 GiB free, found 11.5 GiB - "
        "make room, or clone to a larger disk"
    )


def test_a_disk_with_just_enough_room_will_do(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound itself is enough."""
    limit(monkeypatch, NEEDED_GIB)
    lab.require_space()


def test_an_engine_that_is_there_needs_no_room(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change of a pin replaces what is there."""
    limit(monkeypatch, 0.1)
    lab.python.parent.mkdir(parents=True)
    lab.python.touch()
    lab.require_space()


def test_a_second_run_is_kept_out_while_the_first_lives(lab: Lab) -> None:
    """It is told so in one line; a first run that is killed keeps nobody out."""
    command = [sys.executable, "-c", HOLD, str(lab.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"held\n"
        with pytest.raises(CouldNotCheckError) as failed, lab.locked():
            pytest.fail("both are in")
        first.kill()

    with lab.locked():
        assert one_line(failed) == (
            f"{lab.home}: lock: the lab is busy; wanted one run at a time, found another - "
            "wait for it, or end it with Ctrl-C"
        )


def test_the_lock_is_free_after_a_failure(lab: Lab) -> None:
    """An error inside does not keep the next run out."""
    with pytest.raises(ZeroDivisionError), lab.locked():
        raise ZeroDivisionError
    with lab.locked():
        pass


def test_another_lab_is_not_locked(lab: Lab, tmp_path: Path) -> None:
    """Two clones have two labs."""
    with lab.locked(), Lab(tmp_path / "other").locked():
        pass
