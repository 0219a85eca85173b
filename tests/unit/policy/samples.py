"""A sound set of objects that passes every check, and single faults made in it."""

import copy
from functools import cache
from pathlib import Path
from typing import Any

from tests.conftest import ROOT

from tidegate.catalog.load import load_valid
from tidegate.findings import Finding
from tidegate.machine_yaml import read_all
from tidegate.policy.admission import read_policies
from tidegate.policy.repository import check_together, judge
from tidegate.policy.scope import Scope

FIXTURES = ROOT / "tests" / "fixtures"
FILE = "sound.yaml"

Objects = dict[str, dict[str, Any]]


@cache
def _sound() -> Objects:
    return {
        path.stem: next(read_all(path.read_text()))
        for path in sorted((FIXTURES / "sound").glob("*.yaml"))
    }


def sound() -> Objects:
    """A copy of the sound objects by file name, to break."""
    return copy.deepcopy(_sound())


@cache
def catalog() -> Any:  # noqa: ANN401 - cached, so that mypy sees no signature
    """This repository's catalog."""
    return load_valid(ROOT)


def scope(objects: Objects, *extra: dict[str, Any]) -> Scope:
    """The objects as a production unit of the generator."""
    model = catalog().models["qwen3-8b"]
    return Scope("sound", FILE, (*objects.values(), *extra), "llm-production", model)


def faults(one: Scope) -> list[Finding]:
    """What every check on objects says about a scope."""
    return [*judge(one, read_policies(ROOT)), *check_together([one])]


def parent(objects: Objects, path: str) -> tuple[Any, str | int]:
    """What holds the last step of a JSON pointer, and that step."""
    value: Any = objects
    *steps, last = [part.replace("~1", "/") for part in path.split("/")]
    for step in steps:
        value = value[int(step)] if isinstance(value, list) else value[step]
    return value, int(last) if isinstance(value, list) else last


def broken(fixture: dict[str, Any]) -> Scope:
    """The sound objects with a fixture's fault in them."""
    objects = sound()
    for path, value in fixture.get("set", {}).items():
        place, key = parent(objects, path)
        place[key] = value
    for path in fixture.get("remove", []):
        place, key = parent(objects, path)
        del place[key]
    return scope(objects, *fixture.get("add", []))


def read_fixture(path: Path) -> dict[str, Any]:
    """A fixture as data."""
    (data,) = read_all(path.read_text())
    fixture: dict[str, Any] = data
    return fixture
