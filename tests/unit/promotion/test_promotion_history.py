"""Git is the memory: which commits are promotions, and what runs where on which proof."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.unit.promotion.conftest import ENVIRONMENTS, MODELS, Fork
from tests.unit.promotion.files import write_hook

from tidegate.findings import CouldNotCheckError, FindingsError
from tidegate.promotion.git import Repository
from tidegate.promotion.history import TRAILERS, find_release, records, trailer_lines

FILE = "overlays/dev/generator/kustomization.yaml"


def trailers(forked: Fork, **changed: str) -> str:
    """The trailer block of the newest promotion, with some values changed."""
    record = forked.records()[0]
    values = {
        key: record.release.to_line() if key == "Release" else getattr(record, key.lower())
        for key in TRAILERS
    }
    return trailer_lines(values | changed)


def commit(forked: Fork, message: str) -> None:
    """An empty commit with a message of somebody's own."""
    forked.git.run("commit", "--quiet", "--allow-empty", f"--message={message}")


def test_a_record_is_complete_as_data(running: Fork) -> None:
    """Machines get every field, the time with its zone and the release by reference."""
    record = running.records()[0]

    data = json.loads(json.dumps(record.as_dict()))

    release = running.store.release("v1")
    assert data == {
        "commit": running.tip(),
        "time": record.time.isoformat(),
        "author": "Test",
        "environment": "production",
        "service": "generator",
        "release": {"engine": str(release.engine), "model": str(release.model)},
        "evidence": record.evidence,
        "gates": "pass 1/1",
        "action": "promote",
        "reason": "not given",
        "proof": f"verdict={record.evidence}",
        "built": "2024-01-01T12:00:00+00:00",
        "bad": None,
        "version": "1.0.0",
        "request": record.request,
    }
    assert abs(datetime.now(UTC) - record.time).total_seconds() < 3600


def test_a_fork_that_never_promoted_has_no_records(forked: Fork) -> None:
    """Its units all say so, and none is proven."""
    states = {found.state for found in forked.standings().values()}

    assert forked.records() == []
    assert states == {"never promoted"}
    assert len(forked.standings()) == len(ENVIRONMENTS) * len(MODELS)


@pytest.mark.parametrize(
    "message",
    [
        pytest.param("docs: about it\n\n{all}\n\nThat is how a record looks.", id="in the text"),
        pytest.param(
            "docs: about it\n\nTidegate-Release: {{}}\nand more text", id="one line of text"
        ),
        pytest.param("docs: about it\n\n{release}", id="one trailer of all"),
    ],
)
def test_a_commit_that_only_quotes_a_trailer_is_no_record(running: Fork, message: str) -> None:
    """A record is the last paragraph of a commit, whole."""
    before = running.records()
    block = trailers(running)
    release = next(line for line in block.splitlines() if "Release:" in line)

    commit(running, message.format(all=block, release=release))

    assert running.records() == before


def test_a_record_without_a_pinned_release_is_none(running: Fork) -> None:
    """Whatever somebody wrote by hand, the log can still be read."""
    before = running.records()
    shapes = ("", "v2", "null", "5", "[]", '["engine"]', "{}", '{"engine":1,"model":2}')
    for release in (*shapes, '{"engine":"a/b:v1","model":"a/b:v1"}'):
        commit(running, f"feat: by hand\n\n{trailers(running, Release=release)}")

    assert running.records() == before


def test_a_revert_by_hand_is_no_record_and_leaves_the_release_unproven(running: Fork) -> None:
    """The file says v1 again, but the newest record says v2."""
    running.to_dev("v2")
    running.git.run("revert", "--no-edit", "HEAD")

    standing = running.standings()["dev/generator"]

    assert standing.unit.release == running.store.release("v1")
    assert standing.state == "unproven"
    assert standing.as_dict()["evidence"] is None


def test_a_release_edited_by_hand_is_unproven(running: Fork) -> None:
    """Another tag on the same digest is a release that no promotion recorded."""
    running.replace(FILE, "newTag: v1", "newTag: v1-hotfix")

    standings = running.standings()

    assert standings["dev/generator"].state == "unproven"
    assert standings["dev/generator"].record is None
    assert standings["staging/generator"].state == "proven"


def test_a_standing_names_its_proof_as_data(running: Fork) -> None:
    """Since when, on which evidence, by which commit; nothing of it where nothing ran."""
    record = running.records()[-1]

    standings = running.standings()

    assert standings["dev/generator"].as_dict() == {
        "environment": "dev",
        "service": "generator",
        "model": MODELS["generator"],
        "state": "proven",
        "release": record.release.as_dict(),
        "since": record.time.isoformat(),
        "evidence": record.evidence,
        "gates": "pass 1/1",
        "commit": record.commit,
        "author": "Test",
    }
    absent = standings["dev/retriever"].as_dict()
    assert absent["state"] == "never promoted"
    assert {absent[key] for key in ("release", "since", "evidence", "gates", "author")} == {None}


def test_records_read_the_same_under_any_configuration(running: Fork) -> None:
    """A reader's own settings for logs and searches change nothing."""
    expected = running.records()
    for key, value in {
        "grep.patternType": "fixed",
        "color.ui": "always",
        "log.date": "relative",
        "format.pretty": "oneline",
        "log.decorate": "full",
    }.items():
        running.git.run("config", key, value)

    assert running.records() == expected


def test_a_signed_promotion_is_a_record_where_signatures_are_shown(
    forked: Fork, tmp_path: Path
) -> None:
    """The fork's git signs it, and what git prints about the signature is no part of the log."""
    signer = tmp_path / "sign"
    write_hook(
        signer,
        """cat >/dev/null # all of it, else git is told of a broken pipe
        case "$*" in
        *--verify*) echo 'gpg: Good signature' >&2; printf '\\n[GNUPG:] GOODSIG 1 me\\n';;
        *) cat >/dev/null; echo '[GNUPG:] SIG_CREATED ' >&2
           printf -- '-----BEGIN PGP SIGNATURE-----\\n\\nabcd\\n-----END PGP SIGNATURE-----\\n';;
        esac""",
    )
    for key, value in {
        "gpg.program": str(signer),
        "commit.gpgSign": "true",
        "log.showSignature": "true",
    }.items():
        forked.git.run("config", key, value)

    done = forked.to_dev()

    assert "gpgsig " in forked.git.run("cat-file", "commit", "HEAD")
    assert "Good signature" in forked.git.run("log", "-1")
    assert [record.commit for record in forked.records()] == [done.commit]


def test_records_are_in_the_order_of_history_not_of_clocks(
    running: Fork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine whose clock is slow cannot push its promotion down the list."""
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2001-01-01T00:00:00Z")
    running.to_dev("v2")
    monkeypatch.delenv("GIT_COMMITTER_DATE")
    running.git.run("switch", "--quiet", "--create", "side", "HEAD~1")
    commit(running, "docs: aside")
    running.git.run("switch", "--quiet", "main")
    running.git.run("merge", "--quiet", "--no-edit", "side")

    newest, *_ = running.records()

    assert newest.release == running.store.release("v2")


def test_a_ref_that_is_not_there_cannot_be_read(forked: Fork) -> None:
    """No history is not an empty one."""
    with pytest.raises(CouldNotCheckError, match=r"no history.*name a ref that exists"):
        records(forked.git, "v9")


def test_a_shallow_clone_cannot_say_what_was_promoted(running: Fork) -> None:
    """Half a history would call a proven release unproven."""
    path = running.git.path.parent / "shallow"
    url = running.remote.path.as_uri()
    running.remote.run("clone", "--quiet", "--depth=1", url, str(path))
    shallow = Repository(path)

    with pytest.raises(CouldNotCheckError, match="found a shallow clone - run `git fetch --unsh"):
        records(shallow)

    shallow.run("fetch", "--quiet", "--unshallow")
    assert records(shallow) == running.records()


def test_a_name_of_two_releases_is_no_release(running: Fork) -> None:
    """As services have versions of their own; the finding names both."""
    running.to_dev("v2")
    found = [replace(record, version="1.0.0") for record in running.records()]

    with pytest.raises(FindingsError) as refused:
        find_release(found, "1.0.0")

    (finding,) = refused.value.findings
    both = sorted(str(running.store.release(tag)) for tag in ("v1", "v2"))
    assert finding.what == "several releases"
    assert finding.found == f"1.0.0: {', '.join(both)}"


def test_a_record_without_a_version_has_no_name_but_its_digests(running: Fork) -> None:
    """Nothing is named by nothing."""
    found = [replace(record, version="") for record in running.records()]

    with pytest.raises(FindingsError, match="no such release"):
        find_release(found, "")
