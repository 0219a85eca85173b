"""The Dagger module loads without an engine, as `dagger functions` would list it."""

import inspect
import json
import tomllib
from importlib.metadata import entry_points
from typing import Any, get_args, get_type_hints

import dagger
import pytest
from dagger.mod.cli import load_module
from tests.conftest import ROOT

from tidegate.pipeline import Tidegate

FUNCTIONS = ["check", "ci", "test"]


def functions() -> dict[str, Any]:
    """The functions of the module by the name that Dagger calls them."""
    return dict(load_module().get_object("Tidegate").functions)


def test_the_engine_finds_the_module_by_its_entry_point() -> None:
    """The name in pyproject.toml is what the runtime loads."""
    (found,) = entry_points(group="dagger.mod", name="main_object")

    assert found.load() is Tidegate


def test_the_functions_are_the_documented_ones() -> None:
    """And each says in a sentence what it does."""
    found = functions()

    assert sorted(name for name in found if name) == FUNCTIONS
    for name in FUNCTIONS:
        sentence = (inspect.getdoc(getattr(Tidegate, name)) or "").splitlines()[0]
        assert sentence[-1:] in {".", ";"}, name


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_can_be_called_without_an_argument(name: str) -> None:
    """`dagger call ci` works from a clean clone."""
    parameters = list(inspect.signature(getattr(Tidegate, name)).parameters.values())[1:]

    assert [p.name for p in parameters if p.default is inspect.Parameter.empty] == []
    assert get_type_hints(getattr(Tidegate, name))["return"] is str


@pytest.mark.parametrize(("name", "is_check"), [("check", True), ("test", True), ("ci", False)])
def test_checks_are_listed_as_checks(name: str, *, is_check: bool) -> None:
    """`dagger check` runs the single ones; `ci` would run them twice."""
    assert functions()[name].meta.check is is_check


def test_the_source_is_the_repository_without_what_is_made_in_it() -> None:
    """A clean clone needs no argument, and a used one sends no gigabytes."""
    hint = get_type_hints(Tidegate, include_extras=True)["source"]

    directory, *notes = get_args(hint)
    by_type = {type(note): note for note in notes}
    assert directory is dagger.Directory
    assert by_type[dagger.DefaultPath].from_context == "/"
    assert {".git", ".lab", ".venv"} <= set(by_type[dagger.Ignore].patterns)
    assert by_type[dagger.Doc].documentation


def test_dagger_json_holds_what_was_proven_with_an_engine() -> None:
    """Module name, Python SDK, and the two things that the runtime needs to install it."""
    found = json.loads((ROOT / "dagger.json").read_text())

    assert found.pop("engineVersion").startswith("v0.21.")
    assert found == {
        "name": "tidegate",
        "sdk": {"source": "python"},
        "source": ".",
        "include": ["ci", "pyproject.toml"],
    }


def test_the_engine_may_supply_its_own_sdk() -> None:
    """Its build is version 0.0.0, so a bound on dagger-io would keep the module from loading."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())

    assert "dagger-io" in project["project"]["dependencies"]
    pins = project["tool"]["uv"]["constraint-dependencies"]
    assert not any(pin.startswith("dagger-io") for pin in pins)
    assert not (ROOT / "requirements.lock").exists()
