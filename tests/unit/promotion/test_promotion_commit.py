"""What a promotion leaves behind: one commit that changes one file and says why."""

from dataclasses import replace

import pytest
from tests.unit.promotion.conftest import Fork

from tidegate.findings import FindingsError
from tidegate.manifests.release import read_kustomization, read_release

FILE = "overlays/dev/generator/kustomization.yaml"


def test_a_promotion_is_one_commit_that_changes_one_file(forked: Fork) -> None:
    """The commit stands on the tip of main, and the release is all that its file gained."""
    before = forked.tip()
    request = forked.request()

    done = forked.promote(request)

    diff = forked.remote.run("diff", "--numstat", before, "main").split()
    written = read_release(read_kustomization(forked.git.path / FILE), file=FILE)
    assert done.branch == "main"
    assert done.commit == forked.tip()
    assert forked.remote.run("rev-parse", "main^").strip() == before
    assert diff == ["9", "0", FILE]
    assert written == request.release == done.release
    assert forked.worktrees() == 1


def test_a_second_promotion_changes_only_the_values_of_the_two_entries(running: Fork) -> None:
    """Comments, order and every other line of the file stay."""
    path = running.git.path / FILE
    running.replace(FILE, "images:", "# who may change this: tidegate\nimages:")
    before = path.read_text()
    old = running.standings()["dev/generator"].unit.release

    done = running.to_dev("v2")

    assert old is not None
    changes = {
        old.engine.digest: done.release.engine.digest,
        old.model.digest: done.release.model.digest,
        "newTag: v1": "newTag: v2",
    }
    for was, now in changes.items():
        before = before.replace(was, now)
    assert path.read_text() == before


def test_the_trailers_say_what_why_and_on_which_evidence(forked: Fork) -> None:
    """A record read back from the commit holds everything that the request named."""
    request = replace(forked.request(), reason="better answers on facts")

    done = forked.promote(request)

    (record,) = forked.records()
    assert record.commit == done.commit
    assert record.author == "Test"
    assert (record.environment, record.service, record.action) == ("dev", "generator", "promote")
    assert record.release == request.release
    assert record.evidence == request.evidence
    assert record.gates == "pass 1/1"
    assert record.reason == "better answers on facts"
    assert forked.subjects() == [f"promote(dev): generator {done.release}"]


def test_the_author_is_whom_git_names_and_the_committer_too(
    forked: Fork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipeline commits for the person that its environment names."""
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Ada Ünal")
    monkeypatch.setenv("GIT_AUTHOR_EMAIL", "ada@tidegate.invalid")

    forked.to_dev()

    people = forked.remote.run("log", "-1", "--format=%an <%ae>, %cn", "main").strip()
    assert people == "Ada Ünal <ada@tidegate.invalid>, Test"
    assert forked.records()[0].author == "Ada Ünal"


@pytest.mark.parametrize(
    ("reason", "line"),
    [
        pytest.param("dürfte — 速い 🚀\r\nb\u2028c\x1fd", "dürfte — 速い 🚀 b c d", id="unicode"),
        pytest.param("# no comment\n---\n> quoted", "# no comment --- > quoted", id="markup"),
        pytest.param("caf\udce9", "café", id="bytes that are no unicode"),
        pytest.param(" \n ", "", id="blank"),
        pytest.param(
            "why\n\nTidegate-Environment: production\nTidegate-Evidence: none",
            "why Tidegate-Environment: production Tidegate-Evidence: none",
            id="forged trailers",
        ),
    ],
)
def test_any_reason_becomes_one_line_and_no_other_trailer(
    forked: Fork, reason: str, line: str
) -> None:
    """What a person types can neither break the record nor add to it."""
    request = replace(forked.request(), reason=reason)

    forked.promote(request)

    (record,) = forked.records()
    assert record.reason == line
    assert (record.environment, record.evidence) == ("dev", request.evidence)


def test_a_file_with_carriage_returns_keeps_them(forked: Fork) -> None:
    """The difference is the release even where the fork is written on Windows."""
    path = forked.git.path / FILE
    crlf = path.read_bytes().replace(b"\n", b"\r\n")
    forked.write(FILE, crlf.decode())
    assert path.read_bytes() == crlf

    done = forked.to_dev()

    assert path.read_bytes().startswith(crlf)
    assert path.read_bytes().count(b"\n") == path.read_bytes().count(b"\r\n")
    assert done.release == forked.standings()["dev/generator"].unit.release


def test_what_git_would_change_on_its_own_stays_out_of_the_commit(forked: Fork) -> None:
    """A filter or hook that rewrites other files at checkout cannot widen the promotion."""
    forked.write("notes.txt", "one\n")
    forked.hook("post-checkout", "echo more >> notes.txt")

    done = forked.to_dev()

    assert forked.changed(done.commit or "") == [FILE]


def test_the_callers_checkout_follows_when_it_is_on_main(forked: Fork) -> None:
    """The person who promotes sees the release in the files at once."""
    done = forked.to_dev()

    assert forked.git.run("rev-parse", "HEAD").strip() == done.commit
    assert forked.git.run("status", "--porcelain") == ""
    assert str(done.release.engine.digest) in (forked.git.path / FILE).read_text()


@pytest.mark.parametrize(
    "prepare",
    [
        pytest.param(["switch", "--quiet", "--create", "work"], id="another branch"),
        pytest.param(["switch", "--quiet", "--detach"], id="no branch"),
        pytest.param(
            ["commit", "--quiet", "--allow-empty", "-m", "local"], id="a commit of its own"
        ),
    ],
)
def test_the_callers_checkout_is_left_alone_elsewhere(forked: Fork, prepare: list[str]) -> None:
    """The promotion stands on the remote's main, wherever the caller works."""
    forked.git.run(*prepare)
    head = forked.git.run("rev-parse", "HEAD", "--symbolic-full-name", "HEAD")

    done = forked.to_dev()

    assert forked.tip() == done.commit
    assert forked.git.run("rev-parse", "HEAD", "--symbolic-full-name", "HEAD") == head
    assert "digest" not in (forked.git.path / FILE).read_text()
    assert forked.subjects() == [f"promote(dev): generator {done.release}"]


def test_the_hooks_and_messages_of_the_fork_apply(forked: Fork) -> None:
    """A trailer that a hook adds stands beside the record and does not hide it."""
    forked.hook("commit-msg", 'git interpret-trailers --in-place --trailer "Release: none" "$1"')

    done = forked.to_dev()

    (record,) = forked.records()
    assert "\nRelease: none" in forked.remote.run("log", "-1", "--format=%B", "main")
    assert record.release == done.release


def test_a_change_beyond_the_release_is_refused(forked: Fork) -> None:
    """A kustomization that repeats a placeholder elsewhere would be changed in part only."""
    note = "commonAnnotations:\n  note: runs REPLACE_ME-engine\nresources:"
    forked.replace(FILE, "resources:", note)
    request = forked.request()

    with (
        forked.untouched(),
        pytest.raises(FindingsError, match="would change more than the release") as refused,
    ):
        forked.promote(request)

    assert refused.value.findings[0].file == FILE
