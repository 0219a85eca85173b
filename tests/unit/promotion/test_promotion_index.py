"""The index is a memory: with it, without it and whatever became of it, the answers are git's."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.unit.promotion.conftest import Fork

from tidegate.catalog import reading
from tidegate.findings import CouldNotCheckError
from tidegate.manifests.release import Release
from tidegate.oci import Reference
from tidegate.promotion import index as module
from tidegate.promotion.git import Repository
from tidegate.promotion.history import Entry, Record, entries, records, trailer_lines
from tidegate.promotion.index import FILE, known_documents, known_records, opened

RELEASE = Release(*(Reference("a/b", "v1", f"sha256:{digit * 64}") for digit in "ab"))


@dataclass(frozen=True)
class Commit:
    """A commit of a made-up history: how far back its parents are, and what it records."""

    back: tuple[int, ...]
    service: str | None
    date: int

    def message(self, number: int) -> str:
        """Its message, with trailers where it records a promotion."""
        if self.service is None:
            return f"docs: {number}"
        values = dict.fromkeys(("Evidence", "Gates", "Action", "Reason"), f"{number}")
        unit = {"Environment": "dev" if self.date % 2 else "staging", "Service": self.service}
        block = trailer_lines(values | unit | {"Release": RELEASE.to_line()})
        return f"promote: {number}\n\n{block}"


def stream(history: list[Commit]) -> str:
    """The history for `git fast-import`; commit N is at refs/heads/N."""
    text = ""
    for number, commit in enumerate(history):
        data = commit.message(number)
        parents = dict.fromkeys(number - back for back in commit.back if back <= number)
        first, *others = [f"refs/heads/{one}" for one in parents] or [""]
        text += f"commit refs/heads/{number}\ncommitter A <a@b> {commit.date} +0000\n"
        text += f"data {len(data)}\n{data}\n" + (f"from {first}\n" if first else "")
        text += "".join(f"merge {other}\n" for other in others)
    return text


commits = st.builds(
    Commit,
    st.one_of(st.just((1,)), st.tuples(*[st.integers(1, 4)] * 2)),
    st.sampled_from(["generator", "retriever", "reranker", None]),
    st.integers(1, 1000),
)
readings = st.tuples(
    st.integers(0, 11), st.sampled_from([None, "generator"]), st.sampled_from([True, False])
)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A repository without a commit."""
    repository = Repository(tmp_path_factory.mktemp("index"))
    repository.run("init", "--quiet", "--bare")
    return repository


def newest_of(found: list[Record]) -> list[Record]:
    """Those records after which none of the same unit comes."""
    later = [(one, found[:number]) for number, one in enumerate(found)]
    return [
        one
        for one, newer in later
        if not any((one.service, one.environment) == (r.service, r.environment) for r in newer)
    ]


def recorded(*back: int) -> Commit:
    """A commit of this place that is a record."""
    return Commit(back, "generator", 1)


# A branch that took main in, merged: git tells main's last commits between those of the branch.
TAKEN_IN = [recorded(1), recorded(1), recorded(2), recorded(1, 2), recorded(3, 1)]


@example(TAKEN_IN, [(1, None, False), (4, None, False)])
@example(TAKEN_IN, [(4, None, False), (1, None, False)])
@given(st.lists(commits, min_size=2, max_size=12), st.lists(readings, min_size=1, max_size=5))
@settings(max_examples=30)
def test_the_index_answers_as_git_does_in_any_history(
    empty: Repository, history: list[Commit], wanted: list[tuple[int, str | None, bool]]
) -> None:
    """Forward, backward, to another branch, over merges and whatever the clocks say."""
    empty.run("fast-import", "--quiet", "--force", given=stream(history))
    empty.git_path(FILE).unlink(missing_ok=True)

    for number, service, newest in wanted:
        ref = f"refs/heads/{number % len(history)}"
        expected = records(empty, ref, service=service)
        if newest:
            expected = newest_of(expected)
        assert known_records(empty, ref, service=service, newest=newest) == expected


def rows(forked: Fork, query: str) -> list[tuple[object, ...]]:
    """What a query of the index answers."""
    with opened(forked.git.git_path(FILE)) as index:
        return index.execute(query).fetchall()


def change(forked: Fork, statement: str) -> None:
    """Change the index behind its back."""
    with sqlite3.connect(forked.git.git_path(FILE)) as index:
        index.execute(statement)


def truncate(forked: Fork) -> None:
    """Cut the file in the middle."""
    path = forked.git.git_path(FILE)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def garble(forked: Fork) -> None:
    """Another kind of file."""
    forked.git.git_path(FILE).write_text("no database\n" * 1000)


def borrow(forked: Fork) -> None:
    """The index of a repository that has nothing in common with this one."""
    other = Repository(forked.git.path.parent / "other")
    other.path.mkdir()
    other.run("init", "--quiet")
    other.run("fast-import", "--quiet", given=stream([Commit((1,), "generator", 5)] * 3))
    assert len(known_records(other, "refs/heads/2")) == 3
    forked.git.git_path(FILE).write_bytes(other.git_path(FILE).read_bytes())


def replace_table(forked: Fork) -> None:
    """A table of somebody else under the same name."""
    change(forked, "DROP TABLE records")
    change(forked, "CREATE TABLE records (a TEXT)")


def altered(statement: str) -> Callable[[Fork], None]:
    """The index after a statement."""
    return lambda forked: change(forked, statement)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(truncate, id="truncated"),
        pytest.param(garble, id="no database"),
        pytest.param(borrow, id="of another repository"),
        pytest.param(replace_table, id="another table"),
        pytest.param(altered("DELETE FROM records WHERE position = 2"), id="record lost"),
        pytest.param(
            altered("UPDATE records SET entry = replace(entry, 'v1', 'v9')"), id="release altered"
        ),
        pytest.param(altered("UPDATE records SET service = 'reranker'"), id="service altered"),
        pytest.param(altered("DELETE FROM tip"), id="tip lost"),
        pytest.param(altered("PRAGMA user_version = 7"), id="another version"),
    ],
)
def test_an_index_that_is_not_its_own_is_made_anew(
    running: Fork, damage: Callable[[Fork], None]
) -> None:
    """It is never believed, and it is whole again after one more reading of everything."""
    expected = known_records(running.git)
    damage(running)

    for _ in range(2):
        assert known_records(running.git) == expected
        assert known_records(running.git, service="generator") == expected

    assert rows(running, "SELECT id, count FROM tip") == [(running.tip(), 3)]
    assert [row[0] for row in rows(running, "SELECT id FROM records ORDER BY position DESC")] == [
        record.commit for record in expected
    ]


def test_only_what_came_since_is_read(running: Fork, monkeypatch: pytest.MonkeyPatch) -> None:
    """A promotion more is one commit to read, by whoever asks for one service as well."""
    known_records(running.git)
    before = running.tip()
    running.to_dev("v2")
    spans: list[str] = []

    def told(git: Repository, span: str, *service: str) -> list[Entry]:
        spans.append(span)
        return entries(git, span, *service)

    monkeypatch.setattr(module, "entries", told)

    found = known_records(running.git)
    again = known_records(running.git, newest=True)

    assert found == records(running.git)
    assert again == newest_of(found)
    assert spans in ([], [f"{before}..{running.tip()}"])  # the promotion itself may have read it


def test_one_service_makes_no_index(running: Fork) -> None:
    """A pipeline's fresh clone promotes once and is thrown away."""
    assert len(known_records(running.git, service="generator")) == 3
    assert not running.git.git_path(FILE).exists()


@pytest.mark.parametrize("folder", [False, True], ids=["locked", "not to be opened"])
def test_where_the_index_cannot_be_used_git_is_read(
    running: Fork, monkeypatch: pytest.MonkeyPatch, *, folder: bool
) -> None:
    """Another process that holds it, or a place that cannot be written, stops nobody."""
    monkeypatch.setattr(module, "_WAIT_SECONDS", 0)
    path = running.git.git_path(FILE)
    expected = records(running.git)
    if folder:
        path.mkdir()
        assert known_records(running.git) == expected
        with known_documents(running.git):
            assert reading.document("a: 1") == {"a": 1}
        assert list(path.iterdir()) == []
        return
    known_records(running.git)
    with opened(path):
        assert known_records(running.git) == expected
        assert running.to_dev("v2").commit == running.tip()
    assert known_records(running.git) == records(running.git)


def test_a_process_that_ends_in_the_middle_leaves_the_index_as_it_was(running: Fork) -> None:
    """What is written counts as a whole, once it is all there."""
    known_records(running.git)

    def stopped() -> None:
        with opened(running.git.git_path(FILE)) as index:
            index.execute("DELETE FROM records")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()

    assert rows(running, "SELECT count(*) FROM records") == [(3,)]


def test_an_index_does_not_hide_that_the_clone_is_shallow(running: Fork) -> None:
    """Half a history is refused with one as without one."""
    known_records(running.git)
    path = running.git.path.parent / "shallow"
    url = running.remote.path.as_uri()
    running.remote.run("clone", "--quiet", "--depth=1", url, str(path))
    index = Repository(path).git_path(FILE)
    index.write_bytes(running.git.git_path(FILE).read_bytes())

    with pytest.raises(CouldNotCheckError, match="a shallow clone"):
        known_records(Repository(path))

    with pytest.raises(CouldNotCheckError, match=r"no history.*name a ref that exists"):
        known_records(running.git, "v9")
