"""Path filters: what changed in a checkout decides what runs."""

import json

import pytest
from tests.conftest import Cli

from tidegate.ci.machine import changed_files
from tidegate.findings import CouldNotCheckError
from tidegate.promotion.git import Repository


def test_only_what_differs_from_a_branch_counts(fork: Repository, cli: Cli) -> None:
    """Committed, changed, deleted and new files; a rename is both of its names."""
    fork.run("checkout", "--quiet", "-b", "change")
    fork.run("mv", "models/minilm/README.md", "models/minilm/CARD.md")
    fork.run("commit", "--quiet", "--message=docs: rename")
    (fork.path / "overlays" / "schema.json").write_text("{}")
    (fork.path / "new ä.txt").touch()

    assert changed_files(fork.path, "main") == [
        "models/minilm/CARD.md",
        "models/minilm/README.md",
        "new ä.txt",
        "overlays/schema.json",
    ]
    plan = json.loads(cli("ci", "--plan", "--json", "--base", "main", "--root", fork.path).out)
    assert {one["name"] for one in plan if one["needed"]} == {
        *("check/repository", "test/repository", "test/fixtures", "test/documents"),
        *("test/promotion", "test/gates", "test/unit", "test/engines", "test/lab"),
        *("test/pages", "smoke/gates"),
    }


def test_a_base_that_git_does_not_know_is_no_empty_change(
    fork: Repository,
) -> None:
    """A shallow clone must not pass for an unchanged one."""
    with pytest.raises(CouldNotCheckError) as failed:
        changed_files(fork.path, "no-such-branch")

    (finding,) = failed.value.findings
    assert finding.what == "cannot tell what changed"
    assert finding.wanted == "a checkout that has no-such-branch"
    assert "--base" in finding.next_step
