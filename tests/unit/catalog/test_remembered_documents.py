"""A YAML document from memory is the document that parsing gives, or it is not remembered."""

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ruamel.yaml.error import YAMLError

from tidegate.catalog import reading
from tidegate.catalog.reading import document, remembering

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=8),
    st.sampled_from(
        ["2026-11-26", "1e3", "0x1f", "on", "!!set {a, b}", "!!binary aGk=", "~", "*a"]
    ),
)
flows = st.recursive(
    scalars.map(str),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.lists(st.tuples(inner, inner), max_size=3).map(
            lambda pairs: "{" + ", ".join(f"? {key} : {value}" for key, value in pairs) + "}"
        ),
    ),
    max_leaves=6,
)


@pytest.mark.filterwarnings("ignore::ruamel.yaml.error.ReusedAnchorWarning")
@given(flows)
@example("{? &0 : &0}")
@settings(max_examples=60)
def test_a_remembered_document_is_the_parsed_one(text: str) -> None:
    """With all its types: dates, sets, numbered keys and what is no number included."""
    memory: dict[str, str] = {}
    try:
        plain = repr(document(text))
    except (YAMLError, ValueError, TypeError):
        return
    for _ in range(2):
        with remembering(memory):
            assert repr(document(text)) == plain


@pytest.mark.parametrize(
    ("text", "kept"), [("a: [1, x, null]", 1), ("a: 2026-11-26", 0), ("1: a", 0), ("a: .nan", 0)]
)
def test_only_what_json_can_tell_is_remembered(text: str, kept: int) -> None:
    """All else is parsed each time."""
    memory: dict[str, str] = {}
    with remembering(memory):
        document(text)
    assert len(memory) == kept


def test_a_document_is_parsed_once_for_all_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next process takes it from the user's cache; one that JSON cannot tell it parses."""
    monkeypatch.setenv("TIDEGATE_CACHE", str(tmp_path))
    texts = {"a: [1, x]": {"a": [1, "x"]}, "": None, "1: a": {1: "a"}}
    parsed = []

    def parse(text: str) -> object:
        parsed.append(text)
        return texts[text]

    monkeypatch.setattr(reading, "_parse", parse)
    for _ in range(2):
        reading._document.cache_clear()  # noqa: SLF001 - as in the next process
        assert {text: document(text) for text in texts} == texts

    assert parsed == [*texts, "1: a"]


def test_who_changes_a_remembered_document_changes_it_for_himself() -> None:
    """Each reader gets a document of his own."""
    with remembering({}):
        document("a: [1]")["a"].append(2)
        assert document("a: [1]") == {"a": [1]}


def test_a_text_that_is_no_document_is_refused_each_time() -> None:
    """A fault is not remembered."""
    memory: dict[str, str] = {}
    with remembering(memory):
        for _ in range(2):
            with pytest.raises(YAMLError):
                document("a: [")
    assert memory == {}
