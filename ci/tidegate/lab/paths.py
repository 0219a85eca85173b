"""Where the lab keeps what it makes: everything under `.lab/`, nothing anywhere else."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tidegate.findings import cannot_check

GIB = 2**30
# The engine's environment takes 5.5 GiB and its download cache as much again.
NEEDED_GIB = 12
# How the engine's own interpreter finds the modules here that it runs.
PACKAGE = {"PYTHONPATH": str(Path(__file__).parents[2])}


@dataclass(frozen=True, slots=True)
class Lab:
    """The lab of the repository at `root`."""

    root: Path

    @property
    def home(self) -> Path:
        """The folder that holds the whole lab; deleting it forgets everything."""
        return self.root / ".lab"

    @property
    def venv(self) -> Path:
        """The engine: a Python environment with vLLM."""
        return self.home / "venv"

    @property
    def python(self) -> Path:
        """The engine's interpreter."""
        return self.venv / "bin" / "python"

    @property
    def models(self) -> Path:
        """Trained models, a folder each."""
        return self.home / "models"

    @property
    def layout(self) -> Path:
        """The OCI layout with every artifact and its evidence."""
        return self.home / "oci"

    @property
    def registry(self) -> Path:
        """What the model registry keeps: deleted, it is made again from git."""
        return self.home / "registry"

    def state(self, name: str) -> Path:
        """What is remembered of a server of that name while it runs."""
        return self.run / f"{name}.json"

    @property
    def signing_key(self) -> Path:
        """The key that signs the lab's evidence; only its owner can read it."""
        return self.home / "keys" / "evidence.pem"

    @property
    def approver_key(self) -> Path:
        """The key by which the person at the lab approves."""
        return self.home / "keys" / "approver.pem"

    @property
    def remote(self) -> Path:
        """The bare git remote."""
        return self.home / "remote.git"

    @property
    def fork(self) -> Path:
        """A checkout of the remote."""
        return self.home / "fork"

    @property
    def run(self) -> Path:
        """One state file for each running server."""
        return self.home / "run"

    @property
    def logs(self) -> Path:
        """One log for each server and training."""
        return self.home / "logs"

    def require_space(self) -> None:
        """Nothing where the disk has room for the engine.

        Raises:
            CouldNotCheckError: it has not, and the engine is not there yet.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.home).free / GIB
        if free < NEEDED_GIB and not self.python.exists():
            raise cannot_check(
                self.home,
                "disk",
                "no space for the lab",
                wanted=f"{NEEDED_GIB} GiB free",
                found=f"{free:.1f} GiB",
                next_step="make room, or clone to a larger disk",
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps a second run out of the same lab; the kernel frees the lock with the process."""
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise cannot_check(
                    self.home,
                    "lock",
                    "the lab is busy",
                    wanted="one run at a time",
                    found="another",
                    next_step="wait for it, or end it with Ctrl-C",
                ) from None
            yield
