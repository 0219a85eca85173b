"""One fault a file in tests/fixtures/faults, made in the sound objects of tests/fixtures/sound."""

from pathlib import Path
from typing import Any

import pytest
from tests.unit.policy.samples import FIXTURES, broken, faults, read_fixture, scope, sound

from tidegate.registry import registry


def named() -> list[Any]:
    """The fixtures as parameters, so that a new file is a new test."""
    return [pytest.param(p, id=p.stem) for p in sorted((FIXTURES / "faults").glob("*.yaml"))]


def test_the_sound_objects_have_no_fault() -> None:
    """Every check has something to look at here, and nothing to say."""
    assert [str(fault) for fault in faults(scope(sound()))] == []


@pytest.mark.parametrize("path", named())
def test_a_fault_gives_exactly_its_own_finding(path: Path) -> None:
    """One code, told in one line that says where, what and what to do; nothing else fires."""
    fixture = read_fixture(path)

    found = faults(broken(fixture))

    lines = [str(one) for one in found if fixture["finding"] in str(one)]
    assert {one.code for one in found} == {fixture["code"]}, [str(one) for one in found]
    assert len(lines) == 1, [str(one) for one in found]


def test_every_check_on_objects_has_a_fault() -> None:
    """No check of schemas, queries, workloads, scaling, traffic or policies is untried."""
    files = [*(FIXTURES / "faults").glob("*.yaml"), *(FIXTURES / "invalid").glob("*.yaml")]
    tried = {read_fixture(path)["code"] for path in files}
    elsewhere = {f"TG7{number}" for number in (11, 12, 13, 14)}  # in text, not in objects

    wanted = {code for code in registry() if "TG220" < code < "TG900"}
    assert wanted - tried - elsewhere == set()
