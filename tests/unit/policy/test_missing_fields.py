"""Whatever optional field is missing, the check has findings or none, and never a traceback."""

import copy
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import ROOT

from tidegate.manifests.checks import Manifests, check_rendered, read_manifests
from tidegate.policy.repository import check_together, judge, of_unit
from tidegate.policy.schemas import MALFORMED

UNITS = ("production/generator", "staging/reranker", "dev/retriever")
# Kustomize refuses an object without these.
NEEDED = {("apiVersion",), ("kind",), ("metadata",), ("metadata", "name")}

Steps = tuple[str | int, ...]


@cache
def found() -> Manifests:
    """This repository, rendered."""
    return read_manifests(ROOT)


def fields(value: Any, path: Steps = ()) -> Iterator[Steps]:  # noqa: ANN401 - JSON
    """The path of everything in a value."""
    children = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in children:
        yield (*path, key)
        if isinstance(child, dict | list):
            yield from fields(child, (*path, key))


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_missing_field_is_no_traceback(data: st.DataObject) -> None:
    """Where the schema does without a field, so does every check."""
    name = data.draw(st.sampled_from(UNITS))
    rendered = next(one for one in found().units if one.unit.name == name)
    number = data.draw(st.integers(0, len(rendered.objects) - 1))
    one = copy.deepcopy(rendered.objects[number])
    path = data.draw(st.sampled_from([p for p in fields(one) if p not in NEEDED]))
    place: Any = one
    for step in path[:-1]:
        place = place[step]
    del place[path[-1]]
    objects = (*rendered.objects[:number], one, *rendered.objects[number + 1 :])

    scope = of_unit(rendered.unit, objects)
    said = list(judge(scope, []))
    if not any(fault.what == MALFORMED for fault in said):
        said += check_rendered(replace(rendered, objects=objects))
        said += check_together([scope])

    assert all(str(fault) for fault in said)
