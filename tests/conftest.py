"""What tests share: a copy of this repository to break, the command line, and git remotes."""

import atexit
import gc
import os
import shutil
import signal
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from tidegate.cli import main
from tidegate.promotion.git import Repository

# On a busy machine a sound test takes longer than any deadline.
settings.register_profile("tidegate", deadline=None)
settings.load_profile("tidegate")

ROOT = Path(__file__).parents[1]
# What tests render a thousand times over is not kept in anyone's home.
os.environ.setdefault("TIDEGATE_CACHE", str(ROOT / ".lab" / "cache"))
PARTS = (
    *("models", "base", "overlays", "clusters", "policies", "exceptions"),
    *("ci/images", "docs/runbooks", "tests/golden"),
)
MEMORY, MEMORY_BYTES = Path("/dev/shm"), 4 * 10**9  # noqa: S108 - each run makes its own folder
GARBAGE_OBJECTS = 50_000
FILES = ("docs/reference/components.md", "requirements/engine.txt")


def pytest_configure() -> None:
    """Temporary folders lie in memory where it has room: thousands of files are made and removed.

    Some file systems take milliseconds for each. Who sets TMPDIR chooses another place.
    """
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK):
        return
    if shutil.disk_usage(MEMORY).free > MEMORY_BYTES:
        os.environ["TMPDIR"] = tempfile.mkdtemp(prefix="tidegate.", dir=MEMORY)
        tempfile.tempdir = None
        # At the very end, after what multiprocessing removes itself.
        atexit.register(shutil.rmtree, os.environ["TMPDIR"], ignore_errors=True)


def pytest_collection_finish() -> None:
    """What was imported and collected stays; to look through it again and again takes a tenth."""
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS)


def _group(nodeid: str) -> str:
    """The real lab is shared, so one worker runs its tests; all others go where there is room."""
    return "lab" if nodeid.startswith("tests/lab/") else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """How tests are spread: xdist's own groups lose their names under this pytest."""
    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = _group  # noqa: SLF001 - the one method that xdist has for this
    return scheduler


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


class Copy:
    """A copy of this repository's own files, for one test after the other.

    To mend what a test did takes a fiftieth of the time that a new copy of 400 files does.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        files = (path for part in PARTS for path in (ROOT / part).rglob("*"))
        wanted = [*files, *(ROOT / file for file in FILES)]
        folders = {folder for path in wanted for folder in path.parents if ROOT in folder.parents}
        everything = {*wanted, *folders}
        self._wanted = {f"{path.relative_to(ROOT)}": _state(path.lstat()) for path in everything}

    def mend(self) -> None:
        """Make every file as it is in this repository, and remove all others."""
        self.root.mkdir(exist_ok=True)
        found = dict(_states(str(self.root)))
        for path in sorted(found):
            if found[path] != self._wanted.get(path):
                _remove(self.root / path)
        for path in sorted(self._wanted):
            if found.get(path) != self._wanted[path]:
                _copy(ROOT / path, self.root / path)


State = tuple[int, int, int]


def _states(root: str, below: str = "") -> Iterator[tuple[str, State]]:
    """All that is in a folder, by its path there."""
    with os.scandir(f"{root}/{below}") as entries:
        for entry in entries:
            path = f"{below}{entry.name}"
            yield path, _state(entry.stat(follow_symlinks=False))
            if entry.is_dir(follow_symlinks=False):
                yield from _states(root, f"{path}/")


def _state(state: os.stat_result) -> State:
    """What any change to a file changes; the same for all folders."""
    if stat.S_ISDIR(state.st_mode):
        return stat.S_IFDIR, 0, 0
    return state.st_mode, state.st_size, state.st_mtime_ns


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        target.mkdir()
    else:
        shutil.copy2(source, target)


Cli = Callable[..., Ran]


@pytest.fixture(autouse=True)
def _signals_as_in_a_terminal() -> None:
    """What an interrupted command, or a shell in the background, left ignored is heeded again."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture(scope="session")
def one_copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """The copy that the tests of a worker share."""
    return Copy(tmp_path_factory.mktemp("copy"))


@pytest.fixture
def repository(one_copy: Copy) -> Path:
    """A copy of this repository's own files, valid until a test breaks it."""
    one_copy.mend()
    return one_copy.root


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Runs `tidegate ARGUMENT...` in this process, to its exit code."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str | Path) -> Ran:
        monkeypatch.setattr(sys, "argv", ["tidegate", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        code = ended.value.code
        return Ran(code if isinstance(code, int) else 0, captured.out, captured.err)

    return run


@pytest.fixture
def own_repository(tmp_path: Path) -> Path:
    """A copy that no other test gets to see."""
    own = Copy(tmp_path / "repository")
    own.mend()
    return own.root


@pytest.fixture
def fork(own_repository: Path, tmp_path: Path) -> Repository:
    """A copy of its own as a git checkout with one commit and a bare remote called origin."""
    git = Repository(own_repository)
    git.run("init", "--quiet", "--initial-branch=main")
    for key, value in {
        "user.name": "Test",
        "user.email": "test@tidegate.invalid",
        "commit.gpgSign": "false",
    }.items():
        git.run("config", key, value)
    git.run("init", "--quiet", "--bare", "--initial-branch=main", str(tmp_path / "remote.git"))
    git.run("remote", "add", "origin", str(tmp_path / "remote.git"))
    git.run("add", "--all")
    git.run("commit", "--quiet", "--message=feat: fork")
    git.run("push", "--quiet", "--set-upstream", "origin", "main")
    return git
