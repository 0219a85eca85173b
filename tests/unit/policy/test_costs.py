"""What a change costs: replicas, accelerators, clusters and prices, before and after."""

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.policy.samples import catalog, sound

from tidegate.policy.costs import Cost, cost_table, costs
from tidegate.policy.scope import Scope

CLUSTERS = {"production": ("west", "east")}
MODEL = catalog().models["qwen3-8b"]
PRICE = MODEL.spec.accelerator.count * MODEL.usd_per_hour


def unit(*objects: dict[str, Any], **changed: Any) -> Scope:  # noqa: ANN401 - any field of a model
    """Objects as those of production/generator, its model changed."""
    return Scope("production/generator", "x", objects, "llm", replace(MODEL, **changed))


@pytest.mark.parametrize(
    ("spec", "fewest", "most"),
    [
        ({"minReplicaCount": 2, "maxReplicaCount": 4}, 2, 4),
        ({"maxReplicaCount": 4}, 0, 4),
        ({}, 0, 100),
    ],
    ids=["both", "to zero", "as KEDA has it"],
)
def test_a_scaler_bounds_what_a_unit_costs(spec: dict[str, int], fewest: int, most: int) -> None:
    """On all clusters of its environment; what KEDA does where nothing is said counts."""
    scaler = sound()["scaledobject"]
    bounds = {"minReplicaCount": None, "maxReplicaCount": None}
    scaler["spec"] = {k: v for k, v in scaler["spec"].items() if k not in bounds} | spec

    found = costs([unit(*(sound() | {"scaledobject": scaler}).values())], CLUSTERS)

    assert found == {"production/generator": Cost(2 * fewest * PRICE, 2 * most * PRICE)}


@pytest.mark.parametrize(("replicas", "wanted"), [(3, 3), (None, 1)])
def test_a_unit_without_a_scaler_costs_its_replicas(replicas: int | None, wanted: int) -> None:
    """One where none are named, as Kubernetes has it."""
    deployment = sound()["deployment"]
    deployment["spec"] |= {"replicas": replicas} if replicas else {}

    found = costs([unit(deployment)], {"production": ("west",)})

    assert found == {"production/generator": Cost(wanted * PRICE, wanted * PRICE)}


def test_what_has_no_price_is_left_out() -> None:
    """A folder that is no unit, and a model whose price class nobody knows."""
    folder = Scope("clusters/west", "x", tuple(sound().values()))

    assert costs([folder, unit(usd_per_hour=None)], CLUSTERS) == {}


def test_the_table_has_what_changes_and_the_sum_of_everything() -> None:
    """New and gone units count; one that stays as it is only in the sum."""
    before = {"a": Cost(1, 2), "b": Cost(1, 1), "c": Cost(3, 3)}
    after = {"a": Cost(1, 4), "c": Cost(3, 3), "d": Cost(5, 5)}

    assert cost_table(before, after).splitlines()[5:] == [
        "| a | 1.00 to 2.00 | 1.00 to 4.00 | 0.00 to 2.00 |",
        "| b | 1.00 | 0.00 | -1.00 |",
        "| d | 0.00 | 5.00 | 5.00 |",
        "| all units | 5.00 to 6.00 | 9.00 to 12.00 | 4.00 to 6.00 |",
    ]
    assert cost_table(after, after) == "No unit's cost changes."
