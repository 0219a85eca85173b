"""What is read fast and what is remembered: machine-written YAML, cache entries, check codes."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import ROOT

from tidegate import cache
from tidegate.catalog.load import load_valid
from tidegate.findings import Finding
from tidegate.machine_yaml import read_all
from tidegate.policy.repository import check_scope
from tidegate.policy.sarif import _rule, sarif
from tidegate.policy.scope import Scope
from tidegate.registry import code_of, registry

TEXTS = st.text(max_size=6)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS
JSON = st.recursive(SCALARS, lambda below: st.lists(below) | st.dictionaries(TEXTS, below))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("TIDEGATE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a: 2026-11-25", [{"a": "2026-11-25"}]),
        ("a: 2026-11-25T10:00:00Z", [{"a": "2026-11-25T10:00:00Z"}]),
        ("a: =", [{"a": "="}]),
        ("a: yes\nb: 'yes'", [{"a": True, "b": "yes"}]),
        ("a: 1\n---\n---\nb: ~\n", [{"a": 1}, {"b": None}]),
        ("", []),
        ("--- null\n---\n[]", [[]]),
    ],
)
def test_machine_written_yaml_is_plain_data(text: str, values: list[object]) -> None:
    """Dates and `=` stay text, and documents without content are left out."""
    assert list(read_all(text)) == values


@pytest.mark.parametrize("text", ["a: [", "a: !!python/object:os.system x", "\ta: 1"])
def test_what_is_no_plain_data_is_refused(text: str) -> None:
    """Broken text, and tags that would make objects."""
    with pytest.raises(yaml.YAMLError):
        list(read_all(text))


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=30,
)
@given(value=st.dictionaries(TEXTS, JSON), key=TEXTS)
def test_what_is_remembered_comes_back(value: dict[str, Any], key: str, place: Path) -> None:
    """The same data under the same key, and no data of another kind or that JSON cannot tell."""
    cache.write("test", f"{key}?", {"a": [value, {1: value}]})
    assert cache.read("test", f"{key}?", dict) is None

    cache.write("test", key, value)

    assert cache.read("test", key, dict) == value
    assert cache.read("test", key, str) is None
    assert cache.read("other", key, dict) is None
    assert cache.read("test", f"{key}!", dict) is None
    assert place.is_dir()


def test_a_key_and_its_purpose_do_not_run_into_each_other(place: Path) -> None:
    """`ab` of `c` is not `a` of `bc`."""
    cache.write("ab", "c", "one")
    cache.write("a", "bc", "two")

    assert (cache.read("ab", "c", str), cache.read("a", "bc", str)) == ("one", "two")
    assert len(list(place.glob("*/*.json"))) == 2


def test_a_verdict_is_remembered_for_all_that_it_was_made_from(place: Path) -> None:
    """Whatever of a scope is another, its verdict is worked out again; else it is not."""
    model = load_valid(ROOT).models["qwen3-8b"]
    one = {"kind": "A", "apiVersion": "v1", "metadata": {"name": "a", "1": "x"}}
    scope = Scope("a", "a.yaml", (one,), None, model)
    others = [
        replace(scope, name="b"),
        replace(scope, file="b.yaml"),
        replace(scope, namespace="b"),
        replace(scope, objects=({**one, "metadata": {"name": "a", 1: "x"}},)),
        replace(scope, model=None),
        replace(scope, model=replace(model, name="b")),
        replace(scope, model=replace(model, engine={"a": 1})),
        replace(scope, model=replace(model, spec=model.spec.model_copy(update={"owner": "b"}))),
    ]

    for number, asked in enumerate([scope, *others], 1):
        for _ in range(2):
            check_scope(asked, [])
        assert len(list(place.glob("verdict/*"))) == number


@pytest.mark.parametrize(
    ("own", "shared", "wanted"),
    [
        ("/own", "/shared", "/own"),
        ("", "/shared", "/shared/tidegate"),
        (None, "/shared", "/shared/tidegate"),
        (None, "", "/home/x/.cache/tidegate"),
        (None, None, "/home/x/.cache/tidegate"),
    ],
)
def test_the_cache_is_where_the_user_wants_it(
    own: str | None, shared: str | None, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable that is empty counts as none."""
    monkeypatch.setenv("HOME", "/home/x")
    for name, value in (("TIDEGATE_CACHE", own), ("XDG_CACHE_HOME", shared)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)

    assert cache.folder() == Path(wanted)


def test_what_a_finding_says_leads_to_its_code() -> None:
    """For every check; other words have none."""
    assert {code_of(check.what) for check in registry().values()} == set(registry())
    assert code_of("something else") == ""


@pytest.mark.parametrize("code", sorted(registry()))
def test_a_rule_links_to_its_own_heading(code: str) -> None:
    """The anchor is what a forge makes of `CODE: what`: no punctuation, spaces as hyphens."""
    check = registry()[code]
    heading = re.sub(r"[^\w\- ]", "", f"{code}: {check.what}".lower()).replace(" ", "-")

    assert _rule(check)["help"]["text"].endswith(f"#{heading}")


def test_a_report_names_each_rule_once_and_no_rule_for_other_words() -> None:
    """Two findings of one check share it; one that no check says still has a result."""
    known = [Finding(file, "A/b", "no fallback", "x", "y", "z") for file in ("a", "b")]
    other = Finding("c", "line x", "something else", "x", "y", "z")
    text = sarif([*known, other])

    assert text.count('"shortDescription"') == 1
    assert text.count('"ruleId": "TG505"') == 2
    assert text.count('"fullyQualifiedName"') == 3
    assert "startLine" not in text
