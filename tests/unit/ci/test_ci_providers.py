"""The files of each CI system: a checkout, one `dagger call`, and nothing else."""

import re
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version
from ruamel.yaml import YAML
from tests.conftest import ROOT

from tidegate.supply.images import read_images

PROVIDERS = ROOT / "ci" / "providers"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yaml"))
FILES = [
    ROOT / ".gitlab-ci.yml",
    ROOT / "Jenkinsfile",
    *sorted(PROVIDERS.glob("*.yaml")),
    ROOT / ".github" / "workflows" / "ci.yaml",
]
CALL = re.compile(r"dagger call (--output=\S+ )?ci|command: \[dagger, call, ci\]|call: ci ")
SHELL = re.compile(r"\|\||&&|;\s*\w|\bif \[|\bfor \w+ in\b")


def read(path: Path) -> Any:  # noqa: ANN401 - YAML holds anything
    """A YAML file as data."""
    return YAML(typ="safe", pure=True).load(path.read_text())


def names(path: Path) -> str:
    """A parameter's id."""
    return path.name


@pytest.mark.parametrize("path", FILES, ids=names)
def test_a_pull_request_is_one_call(path: Path) -> None:
    """The same for every system, with the path filter of its own change."""
    text = path.read_text()

    assert len(CALL.findall(text)) == 1
    assert "--base=" in text
    lines = [line for line in text.splitlines() if not line.startswith("#") and "${{" not in line]
    assert not [line for line in lines if SHELL.search(line)]


@pytest.mark.parametrize("path", WORKFLOWS, ids=names)
def test_actions_are_pinned_and_have_few_rights(path: Path) -> None:
    """By the full hash with the version beside it; nothing is granted that is not named."""
    data, text = read(path), path.read_text()
    uses = re.findall(r"uses: (\S+)(.*)", text)

    assert uses
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action) for action, _ in uses)
    assert all(re.fullmatch(r" # v\d+\.\d+\.\d+", note) for _, note in uses)
    assert data["permissions"] == {}
    assert all(job["timeout-minutes"] for job in data["jobs"].values())
    steps = [step for job in data["jobs"].values() for step in job["steps"]]
    checkouts = [step for step in steps if "checkout" in step.get("uses", "")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_a_pull_request_of_a_stranger_gets_no_secret() -> None:
    """It is proven by code of its own, so it may read the code and nothing more."""
    path = ROOT / ".github" / "workflows" / "ci.yaml"
    data = read(path)

    assert "secrets." not in path.read_text()
    assert data[True if True in data else "on"].keys() == {"pull_request", "merge_group", "push"}
    assert data["jobs"]["ci"]["permissions"] == {"contents": "read"}


def test_only_a_job_that_runs_no_code_of_the_change_may_write() -> None:
    """It has no checkout, and the report reaches its shell as a variable."""
    job = read(ROOT / ".github" / "workflows" / "ci.yaml")["jobs"]["comment"]

    (step,) = job["steps"]
    assert job["permissions"] == {"pull-requests": "write"}
    assert "${{" not in step["run"]
    assert step["env"]["REPORT"] == "${{ needs.ci.outputs.report }}"


@pytest.mark.parametrize("path", WORKFLOWS, ids=names)
def test_the_command_is_of_the_version_of_the_engine(path: Path) -> None:
    """The list of images and the workflows name one engine, not older than the module's lowest.

    An engine refuses a module that asks for a newer one, so dagger.json asks for the oldest.
    """
    lowest = Version(read(ROOT / "dagger.json")["engineVersion"])
    version = read_images(ROOT)["dagger"].tag

    assert f'version: "{version.removeprefix("v")}"' in path.read_text()
    assert read_images(ROOT)["dagger-gpu"].tag == f"{version}-gpu"
    assert Version(version) >= lowest
    assert Version(version).release[:2] == lowest.release[:2]
    assert lowest.micro == 0
