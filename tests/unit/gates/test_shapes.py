"""Shapes of answers: what is missing, and what callers of the previous release would miss."""

from hypothesis import given
from hypothesis import strategies as st

from tidegate.gates.shapes import broken, missing, shape_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=8,
)


def test_a_shape_names_each_leaf_by_its_path() -> None:
    """Lists count by what they hold."""
    answer = {"id": "x", "choices": [{"index": 0, "message": {"content": None}}, {"index": 1.5}]}

    assert shape_of(answer) == {
        "id": "string",
        "choices[].index": "number",
        "choices[].message.content": "null",
    }


def test_a_value_beside_null_gives_the_type() -> None:
    """One chunk of many has the finish reason, the others have null."""
    assert shape_of([{"a": None}, {"a": True}, {"a": None}]) == {"[].a": "boolean"}


@given(JSON)
def test_nothing_is_broken_by_the_same_shape(value: object) -> None:
    """Whatever the answer."""
    assert broken(shape_of(value), shape_of(value)) == []
    assert missing(shape_of(value), shape_of(value)) == []


@given(JSON, JSON)
def test_what_is_added_breaks_nobody(old: object, new: object) -> None:
    """Only what the old shape has can be missed."""
    both = shape_of(new) | shape_of(old)

    assert broken(shape_of(old), both) == []


def test_a_removed_path_and_a_changed_type_are_found() -> None:
    """Null on either side says nothing."""
    old = {"a": "string", "b": "number", "c": "null", "d": "string"}
    new = {"a": "number", "c": "string", "d": "null"}

    assert broken(old, new) == ["a was string, is number", "b was number, is gone"]


def test_a_wanted_path_must_be_there_in_its_type() -> None:
    """Null is not enough."""
    assert missing({"a": "string", "b": "number"}, {"a": "null"}) == [
        "wanted a: string, found null",
        "wanted b: number, found nothing",
    ]
