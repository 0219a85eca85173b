"""Every command of the README and of docs/ runs, in order, in a fresh clone without a home."""

import re
from pathlib import Path

import pytest
from tests.lab.conftest import ROOT, Clone

BLOCK = re.compile(r"^```console\n(?P<commands>.*?)^```$", re.DOTALL | re.MULTILINE)
TRANSCRIPT = ROOT / "docs" / "tutorial" / "demo.txt"
# The models are trained by then, by the same code, so the demo need not train them again.
DEMO, TOLD = "scripts/demo", ".lab/demo.txt"
INSTEAD = {DEMO: f"{DEMO} --fast --transcript {TOLD}"}
# This test is part of what it would run.
ITSELF = "scripts/test"


def commands(page: Path) -> list[str]:
    """The lines after `$ ` in a page's console blocks."""
    return [
        line.removeprefix("$ ")
        for block in BLOCK.finditer(page.read_text())
        for line in block["commands"].splitlines()
        if line.startswith("$ ")
    ]


def run_all(page: Path, clone: Clone) -> None:
    """Run a page's commands; the first that fails says what it said."""
    for command in commands(page):
        ran_before = command == DEMO and (clone.root / TOLD).exists()
        if command == ITSELF or ran_before:
            continue
        done = clone.run(INSTEAD.get(command, command))
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def shape(transcript: str) -> list[str]:
    """A transcript without what differs between two runs: digests, numbers, layout, reuse."""
    lines = [re.sub(r"\b[0-9a-f]{7,}\b", "#", line) for line in transcript.splitlines()]
    lines = [re.sub(r"\d+([.:e+-]*\d+)*", "0", line) for line in lines]
    lines = [re.sub(r"[\s━─┃│┏┓┡┩└┘├┤┬┴┼╇┳]+", " ", line).strip() for line in lines]
    return [line for line in lines if line and not line.startswith("reused")]


def test_the_readme_says_the_two_commands_first(clone: Clone) -> None:
    """A newcomer needs two commands, and CI runs the second."""
    first, second, *_ = commands(clone.root / "README.md")

    assert (first, second) == (DEMO, ITSELF)
    assert f"exec {ITSELF}" in (clone.root / ".ci" / "run").read_text()


def test_the_readme_is_short(clone: Clone) -> None:
    """It reads top to bottom in one go."""
    assert len((clone.root / "README.md").read_text().splitlines()) <= 150


def test_every_command_of_the_readme_runs(clone: Clone) -> None:
    """From the demo to the rollback, as typed."""
    clone.reset()
    run_all(clone.root / "README.md", clone)


def test_the_transcript_in_the_tutorial_is_what_the_demo_shows(clone: Clone) -> None:
    """It is generated; a change of what the demo tells is a change of this file."""
    shown = (clone.root / TOLD).read_text()

    assert shape(TRANSCRIPT.read_text()) == shape(shown)


PAGES = [
    Path("CONTRIBUTING.md"),
    *sorted(path.relative_to(ROOT) for path in (ROOT / "docs").rglob("*.md")),
]


def follows(page: Path) -> bool:
    """Whether a page goes on where the demo ended."""
    return any(".lab/fork" in command or command == DEMO for command in commands(ROOT / page))


WITH_COMMANDS = [page for page in PAGES if commands(ROOT / page)]


@pytest.mark.parametrize("page", [page for page in WITH_COMMANDS if follows(page)], ids=str)
def test_every_command_of_a_page_after_the_demo_runs(page: Path, clone: Clone) -> None:
    """Each starts from a fresh clone in which the README's commands ran."""
    clone.reset()
    run_all(clone.root / page, clone)


@pytest.mark.parametrize("page", [page for page in WITH_COMMANDS if not follows(page)], ids=str)
def test_every_command_of_a_page_runs(page: Path, clone: Clone) -> None:
    """Each page starts from a fresh clone."""
    clone.reset()
    run_all(clone.root / page, clone)


@pytest.mark.parametrize("page", [Path("README.md"), Path("SECURITY.md"), *PAGES], ids=str)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    """Relative links name files of this repository."""
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", (ROOT / page).read_text())
    missing = [link for link in links if not (ROOT / page.parent / link).exists()]

    assert missing == []
