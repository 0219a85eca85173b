"""`tidegate ci` on the command line."""

import json
from pathlib import Path

import pytest
from tests.conftest import Cli

from tidegate.ci.steps import named


@pytest.fixture(autouse=True)
def _no_docker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without containers, whatever this one has."""
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))


def test_a_step_passes_and_is_exported(repository: Path, cli: Cli) -> None:
    """One table, and files for other tools."""
    ran = cli("ci", "--only", "lint/dockerfile", "--root", repository)

    assert (ran.code, ran.err) == (0, "")
    assert [line.split()[:2] for line in ran.out.splitlines()[2:]] == [
        ["lint/dockerfile", "passed"]
    ]
    exported = {path.name for path in (repository / ".lab" / "ci").iterdir()}
    assert exported == {"lint-dockerfile.log", "junit.xml", "results.json", "report.md"}


def test_a_failing_step_shows_its_findings(repository: Path, cli: Cli) -> None:
    """The log of what failed is what a person needs next."""
    (repository / "models" / "qwen3-8b" / "README.md").unlink()

    ran = cli("ci", "--only", "check", "--root", repository)

    assert ran.code == 1
    assert "models/qwen3-8b/README.md: model card: missing file; wanted " in ran.err


def test_how_a_step_ended_is_json_for_machines(repository: Path, cli: Cli) -> None:
    """Without the log, which is a file of its own."""
    (repository / "ci" / "images" / "engine" / "Dockerfile").write_text("FROM scratch:latest\n")

    ran = cli("ci", "--only", "lint/dockerfile", "--json", "--root", repository)

    assert (ran.code, ran.err) == (1, "")
    assert [one["outcome"] for one in json.loads(ran.out)] == ["failed"]


def test_what_cannot_run_is_told_and_counts_unless_said_otherwise(
    repository: Path, cli: Cli
) -> None:
    """Exit 2 is no success; --here asks for this machine alone."""
    ran = cli("ci", "--only", "build", "--root", repository)
    (result,) = json.loads((repository / ".lab" / "ci" / "results.json").read_text())
    more = ("--only", "build", "--only", "lint/dockerfile", "--here")
    here = cli("ci", *more, "--root", repository)

    assert ran.code == 2
    assert "cannot run here" in ran.out
    assert result["reason"] == (
        "no docker command - install Docker, or `dagger call` with a remote engine"
    )
    assert here.code == 0


def test_the_plan_runs_nothing(repository: Path, cli: Cli) -> None:
    """Every command with what would become of it."""
    ran = cli("ci", "--plan", "--json", "--root", repository)

    planned = json.loads(ran.out)
    assert ran.code == 0
    assert [one["name"] for one in planned] == [name for name, _, _ in named()]
    assert all(one["needed"] for one in planned)
    assert {one["outcome"] for one in planned} == {"to run", "cannot run here"}
    assert not (repository / ".lab").exists()
    assert "lint/format         to run" in cli("ci", "--plan", "--root", repository).out


def test_an_unknown_step_is_told_with_those_that_are(repository: Path, cli: Cli) -> None:
    """Before anything runs."""
    ran = cli("ci", "--only", "deploy", "--root", repository)

    assert ran.code == 1
    assert "--only: unknown step; wanted one of build, build/image, check, " in ran.err
    assert "found deploy - correct the name" in ran.err


UNLOCKED = """\
apiVersion: tidegate.dev/v1alpha1
kind: ImageList
metadata: {name: mirror}
spec:
  images:
    - {name: python, repository: mirror.example/python, tag: "3.11", digest: null, for: base}
"""


def test_without_its_base_an_image_is_neither_built_nor_judged(
    repository: Path, cli: Cli, tmp_path: Path
) -> None:
    """A line each, although Docker would serve the image of an earlier run."""
    docker, images = tmp_path / "empty" / "docker", tmp_path / "images.yaml"
    docker.parent.mkdir()
    docker.write_text("#!/bin/sh\n")
    docker.chmod(0o755)
    images.write_text(UNLOCKED)

    only = ("--only", "build", "--only", "smoke")
    ran = cli("ci", *only, "--images", images, "--root", repository)

    build, smoke = ran.err.splitlines()
    assert ran.code == 2
    assert "digest is not known; wanted sha256:<64 hex>, found mirror.example/python:3.11 " in build
    assert smoke.startswith("smoke/gates: could not check: smoke/gates: build/image: nothing of ")
