"""What the report of `tidegate ci` says of a change."""

import shutil
from pathlib import Path

import pytest
from tests.conftest import Cli

from tidegate.ci.removals import removals
from tidegate.ci.run import Outcome
from tidegate.promotion.git import Repository


def test_the_report_of_a_change_says_what_it_does_in_the_clusters(
    fork: Repository, cli: Cli
) -> None:
    """With `--base` alone: without it there is nothing to compare with."""
    file = fork.path / "models" / "prices.yaml"
    file.write_text(file.read_text().replace("1.9", "2.9"))

    ran = cli("ci", "--only", "check", "--base", "HEAD", "--root", fork.path)

    report = (fork.path / ".lab" / "ci" / "report.md").read_text()
    assert ran.code == 0
    assert "Nothing changes in any cluster." in report
    assert "| check/removals | passed |" in report
    assert "| production/generator | 3.80 to 7.60 | 5.80 to 11.60 | 2.00 to 4.00 |" in report


@pytest.mark.parametrize(
    ("trailer", "outcome"),
    [("", Outcome.FAILED), ("\n\nTidegate-Allow-Removal: nobody calls it", Outcome.PASSED)],
)
def test_a_unit_that_a_change_removes_needs_a_trailer(
    fork: Repository, tmp_path: Path, trailer: str, outcome: Outcome
) -> None:
    """Each commit since the base is judged, not the last one alone."""
    base = fork.run("rev-parse", "HEAD").strip()
    shutil.rmtree(fork.path / "overlays" / "dev" / "reranker")
    fork.run("commit", "--quiet", "--all", f"--message=feat: no reranker{trailer}")
    fork.run("commit", "--quiet", "--allow-empty", "--message=docs: another one on top")

    result = removals(fork.path, base, tmp_path / "results")

    assert (result.name, result.outcome) == ("check/removals", outcome)
    assert result.log
    told = "overlays/dev/reranker: " in result.log.read_text()
    assert told is (outcome is Outcome.FAILED)


def test_removals_that_git_cannot_tell_are_not_none(fork: Repository, tmp_path: Path) -> None:
    """A pipeline that fetched too little could not check."""
    result = removals(fork.path, "nowhere", tmp_path / "results")

    assert result.outcome is Outcome.BROKEN
    assert "no such commit" in result.reason
