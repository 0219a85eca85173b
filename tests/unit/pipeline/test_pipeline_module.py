"""The Dagger module loads without an engine, as `dagger functions` would list it."""

import json
import tomllib
from importlib.metadata import entry_points
from typing import Any, get_args, get_type_hints

import dagger
import pytest
from cattrs.preconf.json import make_converter
from dagger.mod._module import Module
from dagger.mod.cli import load_module
from tests.conftest import ROOT
from tests.unit.pipeline.conftest import Caller, Engine

from tidegate.ci.steps import STEPS
from tidegate.pipeline import Tidegate

NEVER_CACHED = {
    "bench", "check", "ci", "gate", "promote", "publish", "release", "results", "rollback", "sbom",
    "scan", "sign", "smoke", "verify_production",
}  # fmt: skip
FUNCTIONS = {"build", "docs", "lint", "render", "test"} | NEVER_CACHED
CHECKS = {"lint", "check", "test"}
SECRETS = {
    *("api_key", "evidence_key", "key", "key_password", "kubeconfig", "password"),
    *("registry_config", "token"),
}
# What has to be said, because nothing could stand for it.
REQUIRED = {
    "gate": {"url", "model"},
    "promote": {"service", "to", "store"},
    "publish": {"username", "password"},
    "rollback": {"service", "env"},
    "verify_production": {"url", "kubeconfig"},
    "sign": {"reference", "key", "key_password", "registry_config"},
    "release": {
        *("service", "model", "model_artifact", "username", "password", "key", "key_password"),
        *("evidence_key", "registry_config", "store"),
    },
}


def functions() -> dict[str, Any]:
    """The functions of the module by the name that Dagger calls them."""
    return dict(load_module().get_object("Tidegate").functions)


def constructor() -> Any:  # noqa: ANN401 - dagger's own type
    """The function that makes the main object."""
    return load_module().get_object("Tidegate").get_constructor(make_converter())


def test_the_engine_finds_the_module_by_its_entry_point() -> None:
    """The name in pyproject.toml is what the runtime loads."""
    (found,) = entry_points(group="dagger.mod", name="main_object")

    assert found.load() is Tidegate


def test_the_functions_are_the_documented_ones() -> None:
    """And each says in a sentence what it does."""
    found = functions()

    assert {name for name in found if name} == FUNCTIONS
    for name in FUNCTIONS:
        sentence = (found[name].doc or "").splitlines()[0]
        assert sentence[-1:] == ".", name
        assert sentence[:1].isupper(), name


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_argument_is_explained_and_typed(name: str) -> None:
    """`dagger call NAME --help` shows a sentence for each."""
    found = functions()[name]

    assert [p.name for p in found.parameters.values() if not (p.doc or "").strip()] == []
    assert found.return_type in {str, dagger.Container, dagger.Directory, dagger.File}


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_defaults_work_from_a_clean_clone(name: str) -> None:
    """Only what cannot be known has to be said."""
    found = functions()[name].parameters.values()

    assert {p.name for p in found if not p.is_optional} == REQUIRED.get(name, set())


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_what_acts_or_measures_is_never_served_from_a_cache(name: str) -> None:
    """A second `publish` publishes, and a second `smoke` measures."""
    assert functions()[name].cache_policy == ("never" if name in NEVER_CACHED else None)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_secrets_are_secrets(name: str) -> None:
    """An argument that holds a credential has Dagger's own type for it."""
    for one in functions()[name].parameters.values():
        kinds = set(get_args(one.resolved_type)) or {one.resolved_type}
        assert (dagger.Secret in kinds) is (one.name in SECRETS), one.name


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_checks_are_listed_as_checks(name: str) -> None:
    """`dagger check` runs the single ones, without an argument; `ci` would run them twice."""
    found = functions()[name]

    assert found.check is (name in CHECKS)
    assert not found.check or list(found.parameters) == []


def test_the_steps_of_both_pipelines_are_equal() -> None:
    """A step of `tidegate ci` is a function of the module that needs no argument."""
    steps = [step.name for step in STEPS]

    assert steps == ["lint", "check", "test", "build", "sbom", "scan", "smoke"]
    for name in steps:
        assert all(p.is_optional for p in functions()[name].parameters.values()), name


def test_the_constructor_explains_itself() -> None:
    """Source, registry, mirrors and platform, none of which has to be given."""
    found = {p.name: p for p in constructor().parameters.values()}

    assert set(found) == {"source", "registry", "images", "platform"}
    assert all(p.is_optional and p.doc for p in found.values())


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


@pytest.mark.anyio
async def test_the_engine_can_register_the_module(
    engine: Engine, module: Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every type, default and note has a form that the engine's own interface takes."""
    monkeypatch.setattr(module, "_main_name", "Tidegate")
    monkeypatch.setattr(module, "_main", module.get_object("Tidegate"))

    assert await module._typedefs()  # noqa: SLF001 - what `dagger functions` runs

    assert {one["name"] for one in engine.calls("function")} == FUNCTIONS | {""}
    found = {(one["name"], one.get("defaultPath")) for one in engine.calls("withArg")}
    assert {("source", "/"), ("git", "/.git")} <= found
    assert all(one["description"] for one in engine.calls("withArg"))


@pytest.mark.anyio
async def test_what_the_constructor_makes_is_what_functions_get(call: Caller) -> None:
    """The state of the object as the engine keeps it between two calls, mirrors included."""
    made = await call.module.get_result("Tidegate", {}, "", call.state | {"images": "images-id"})

    again = await call.module.get_result("Tidegate", made, "lint", {})

    assert set(made) == {"source", "registry", "images", "platform"}
    assert again == "done"
