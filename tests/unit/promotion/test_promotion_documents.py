"""A file that status has parsed before is not parsed again, and one that was edited is."""

import sqlite3

import pytest
from tests.conftest import Cli
from tests.unit.promotion.conftest import Fork

from tidegate.catalog import reading
from tidegate.promotion import index as module
from tidegate.promotion.index import FILE, known_documents


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that were parsed as YAML."""
    texts: list[str] = []
    parse = reading._parse  # noqa: SLF001 - without what is remembered

    def told(text: str) -> object:
        texts.append(text)
        return parse(text)

    monkeypatch.setattr(reading, "_parse", told)
    return texts


def test_status_parses_what_changed_and_nothing_else(
    running: Fork, cli: Cli, parsed: list[str]
) -> None:
    """An edit that is not committed counts as ever; the tables are the same."""
    root = ("--root", running.git.path)
    first = cli("status", *root)
    everything = len(parsed)
    assert cli("status", *root) == first
    assert len(parsed) == everything > 10

    path = running.git.path / "overlays/dev/generator/kustomization.yaml"
    path.write_text(path.read_text().replace("newTag: v1", "newTag: v1-hotfix"))
    edited = cli("status", "--json", *root)

    assert len(parsed) == everything + 1
    assert edited.out.count('"unproven"') == 1
    path.write_text("images: [")
    broken = cli("status", *root)
    assert (broken.code, "unreadable" in broken.err) == (1, True)


def test_a_document_that_was_altered_or_pushed_out_is_parsed_again(
    running: Fork, monkeypatch: pytest.MonkeyPatch, parsed: list[str]
) -> None:
    """The index holds so many documents; one that is not what was written is not believed."""
    monkeypatch.setattr(module, "DOCUMENTS", 2)

    def read(*numbers: int) -> list[str]:
        parsed.clear()
        with known_documents(running.git):
            assert [reading.document(f"a: {n}") for n in numbers] == [{"a": n} for n in numbers]
        return list(parsed)

    assert read(1, 2) == ["a: 1", "a: 2"]
    assert read(1, 2) == []
    assert read(2, 3) == ["a: 3"]
    assert read(2, 3) == []
    assert read(1) == ["a: 1"]
    with sqlite3.connect(running.git.git_path(FILE)) as index:
        index.execute("""UPDATE documents SET value = '{"a": 9}'""")
    assert read(1) == ["a: 1"]
