"""Paths into rendered objects: the field that one names, and the names that changes go by."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.policy.difference import Change, differences, markdown
from tidegate.policy.origin import _below, _value
from tidegate.policy.scope import Scope

# Keys as labels have them: with dots, and one the beginning of another.
KEYS = st.sampled_from(["app", "app.kubernetes.io/name", "a", "a.b", "b", "name"])
LEAVES = st.integers(0, 99) | st.text("xyz", min_size=1, max_size=3)
TREES = st.recursive(
    LEAVES, lambda below: st.dictionaries(KEYS, below, max_size=3) | st.lists(below, max_size=3)
)

MAPPINGS = st.recursive(LEAVES, lambda below: st.dictionaries(KEYS, below, max_size=3))


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - JSON
    """Every single value with its path, list items by number."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, one in items:
            yield from leaves(one, (*path, str(key)))
    else:
        yield ".".join(path), value


def nodes(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - JSON
    """Every value with its path, those that hold others included."""
    yield ".".join(path), value
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, one in items:
            yield from nodes(one, (*path, str(key)))


@settings(max_examples=50)
@given(tree=st.dictionaries(KEYS, TREES, min_size=1, max_size=4))
def test_every_value_is_found_at_its_path(tree: dict[str, Any]) -> None:
    """Dots in keys included; where two values share a path, it is one of them."""
    every = list(nodes(tree))

    for path, _ in leaves(tree):
        assert _below(tree, path.split(".")) in [value for other, value in every if other == path]


@given(tree=st.dictionaries(KEYS, TREES, max_size=4))
def test_a_path_that_leads_nowhere_finds_nothing(tree: dict[str, Any]) -> None:
    """Neither past a value nor at a key that is not there."""
    paths = ["missing", *(f"{path}.missing" for path, _ in leaves(tree))]

    assert [_below(tree, path.split(".")) for path in paths] == [None] * len(paths)


def test_a_label_is_found_beside_one_that_begins_like_it() -> None:
    """The shorter key does not hide the longer one."""
    labels = {"app": "x", "app.kubernetes.io/name": "y"}

    assert _below({"labels": labels}, ["labels", "app", "kubernetes", "io/name"]) == "y"


TEXT = """\
kind: Service
metadata: {name: a}
spec: {ports: [{name: http, port: 1}, {port: 2}]}
---
kind: Service
metadata: {name: b}
spec: {ports: [{name: http, port: 3}]}
---
kind: PriorityClass
metadata: {name: a.serving}
value: 4
"""


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Service.spec.ports.http.port", 1),
        ("Service.spec.ports.0.port", 1),
        ("Service/a.spec.ports.1.port", 2),
        ("Service/b.spec.ports.http.port", 3),
        ("PriorityClass/a.serving.value", 4),
        ("PriorityClass.value", 4),
        ("PriorityClass/a.value", None),
        ("Service/c.spec.ports.http.port", None),
        ("Pod.spec.ports.http.port", None),
        ("Service/b.spec.ports.grpc.port", None),
        ("Service/a.spec.ports.7.port", None),
    ],
)
def test_a_field_is_named_by_kind_name_and_path(field: str, value: object) -> None:
    """Without a name the first of the kind that has it is meant; items go by name or by number."""
    assert _value(TEXT, field) == value


def unit(*objects: dict[str, Any]) -> Scope:
    """A unit of these objects."""
    return Scope("dev/x", "x.yaml", objects)


def data_of(name: str, kind: str = "ConfigMap", **data: str) -> dict[str, Any]:
    """An object with data under a name."""
    return {"kind": kind, "metadata": {"name": name}, "data": data}


def told(before: Scope, after: Scope) -> list[str]:
    """What changes, with its object."""
    return [f"{one.object} {one.words}" for one in differences([before], [after], {})]


@pytest.mark.parametrize(
    ("kind", "old", "new", "same"),
    [
        ("ConfigMap", "x-4dh9kfm44g", "x-7k2m9thbcc", True),
        ("Secret", "x-4dh9kfm44g", "x-7k2m9thbcc", True),
        ("Service", "x-4dh9kfm44g", "x-7k2m9thbcc", False),
        ("ConfigMap", "x-production", "x-generation", False),
        ("ConfigMap", "x-4dh9kfm44", "x-7k2m9thbc", False),
    ],
)
def test_only_a_generated_name_has_a_digest(
    kind: str,
    old: str,
    new: str,
    same: bool,  # noqa: FBT001 - a parameter
) -> None:
    """Ten characters of Kustomize's own alphabet: words of ten letters stay names."""
    wanted = [] if same else sorted([f"{kind}/{old} deleted", f"{kind}/{new} new"])

    assert sorted(told(unit(data_of(old, kind)), unit(data_of(new, kind)))) == wanted


def test_no_change_hides_behind_a_name_of_ten_letters() -> None:
    """Two ConfigMaps that only end alike are two."""
    other = data_of("x-generation", key="1")

    assert told(unit(data_of("x-production", key="1"), other), unit(other)) == [
        "ConfigMap/x-production deleted"
    ]


@given(before=MAPPINGS, after=MAPPINGS)
def test_what_is_equal_has_no_difference_and_what_is_not_has_one(before: Any, after: Any) -> None:  # noqa: ANN401 - JSON
    """However deep the mappings are in which they stand."""
    old, new = ({"kind": "X", "metadata": {"name": "a"}, "spec": one} for one in (before, after))

    assert told(unit(old), unit(old)) == []
    assert bool(told(unit(old), unit(new))) is (before != after)


@given(tree=TREES)
def test_a_rendering_never_differs_from_itself(tree: Any) -> None:  # noqa: ANN401 - JSON
    """Whatever stands in its lists, names that are no text included."""
    one = {"kind": "X", "metadata": {"name": "a"}, "spec": tree}

    assert told(unit(one), unit(one)) == []


def test_a_long_text_is_cut_and_a_text_of_lines_is_told_by_its_lines() -> None:
    """Lines that stay are not repeated, and no line of a report is endless."""
    before, after = data_of("a", t="same\nold\n", v="x"), data_of("a", t="same\n", v="y" * 200)

    assert told(unit(before), unit(after)) == [
        "ConfigMap/a content of t: old -> nothing",
        f"ConfigMap/a content of v x -> {'y' * 120} ...",
    ]


def test_changes_of_one_unit_share_a_heading() -> None:
    """A unit that no cluster runs is called without one."""
    some = [Change("dev/x", (), "A/a", "new"), Change("dev/x", (), "A/b", "deleted")]

    assert markdown(some) == "### dev/x\n\n- `A/a`: new\n- `A/b`: deleted"
