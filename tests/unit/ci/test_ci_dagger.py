"""`scripts/dagger`: what people type where there is no engine."""

import os
import subprocess
from pathlib import Path

import pytest
from tests.conftest import ROOT

HOST = "_EXPERIMENTAL_DAGGER_RUNNER_HOST"
NEXT = (
    "run `scripts/tidegate ci --here`, the same steps without one; "
    "nothing was started, published or promoted"
)


def dagger(folder: Path, script: str | None) -> subprocess.CompletedProcess[str]:
    """`scripts/dagger call ci --base=main` with this in the place of the dagger command."""
    if script is not None:
        (folder / "dagger").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "dagger").chmod(0o755)
    return subprocess.run(
        [ROOT / "scripts" / "dagger", "call", "ci", "--base=main"],
        env=os.environ | {"PATH": f"{folder}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("script", "what"),
    [
        (None, "no dagger command; wanted the version of dagger.json on PATH, found none"),
        (
            '[ "$1" = call ] && touch called; echo a page of text >&2; exit 1',
            "no engine answers; wanted Docker, Podman, or a remote one in $HOST, found none",
        ),
    ],
    ids=["no command", "no engine"],
)
def test_without_an_engine_one_line_names_the_way_without(
    script: str | None, what: str, tmp_path: Path
) -> None:
    """Exit 2: nothing was checked, and no function was called."""
    ran = dagger(tmp_path, script)

    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == f"dagger: engine: {what.replace('$HOST', HOST)} - {NEXT}\n"


def test_with_an_engine_it_is_the_command_itself(tmp_path: Path) -> None:
    """Its words, its output and its exit code."""
    ran = dagger(tmp_path, '[ "$*" = "core version" ] && exit 0; echo "$*"; exit 3')

    assert (ran.returncode, ran.stdout, ran.stderr) == (3, "call ci --base=main\n", "")
