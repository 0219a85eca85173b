"""One fault a file in tests/fixtures: invalid ones give their finding, valid ones give none.

An invalid fixture names the `finding` that must appear and its `code`, and under `also` what
follows from the fault; a golden file that is no longer right always may.
"""

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from tests.conftest import ROOT, Cli
from tests.unit.fixture_files import apply, files, read


def named(kind: str) -> list[Any]:
    """The fixtures of a folder as parameters."""
    return [pytest.param(path, id=path.stem) for path in files(kind)]


@pytest.mark.parametrize("path", named("invalid"))
def test_a_fault_gives_one_line_with_file_and_next_step(
    path: Path, repository: Path, cli: Cli
) -> None:
    """The finding names the file, says what was wanted and found, and what to do next."""
    fixture = read(path)
    apply(fixture, repository)

    ran = cli("check", "--root", repository)

    lines = [line for line in ran.err.splitlines() if fixture["finding"] in line]
    codes = set(re.findall(r"\[(TG[0-9]{3})\]$", ran.err, re.MULTILINE))
    assert codes - {"TG212"} == {fixture["code"], *fixture.get("also", [])} - {"TG212"}
    assert ran.code == fixture.get("exit", 1)
    assert len(lines) == 1, ran.err
    assert "; wanted " in lines[0]
    assert ", found " in lines[0]
    assert " - " in lines[0]


@pytest.mark.parametrize("path", named("valid"))
def test_a_sound_change_gives_no_finding_but_its_golden_file(
    path: Path, repository: Path, cli: Cli
) -> None:
    """What people should be free to change is free, once the golden files are regenerated."""
    apply(read(path), repository)
    updated = cli("render", "--update", "--root", repository)

    ran = cli("check", "--root", repository)

    assert updated.code == 0, updated.err
    assert ran.code == 0, ran.err


def test_the_repository_itself_is_clean(cli: Cli) -> None:
    """What is committed passes its own check."""
    ran = cli("check", "--root", ROOT)

    assert ran.code == 0, ran.err


def test_findings_are_json_for_machines(repository: Path, cli: Cli) -> None:
    """--json gives every part of a finding by name."""
    (repository / "models" / "qwen3-8b" / "README.md").unlink()

    ran = cli("check", "--json", "--root", repository)

    assert YAML(typ="safe").load(ran.out) == [
        {
            "code": "TG001",
            "file": "models/qwen3-8b/README.md",
            "object": "model card",
            "what": "missing file",
            "wanted": "a model card",
            "found": "no file",
            "next_step": "write what the model is for and what it must not be used for",
        }
    ]
