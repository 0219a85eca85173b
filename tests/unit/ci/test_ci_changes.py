"""What the report of `tidegate ci` says of a change."""

from tests.conftest import Cli

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
    assert "| production/generator | 3.80 to 7.60 | 5.80 to 11.60 | 2.00 to 4.00 |" in report
