"""What a change costs: replicas times accelerators times the list price, before and after."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tidegate.policy.scope import SERVERS, Scope

# KEDA's own default where a scaler names no maximum.
_MAXIMUM = 100


@dataclass(frozen=True, slots=True)
class Cost:
    """What a unit costs an hour on all of its clusters together, in US dollars."""

    fewest: float
    """With as few replicas as its scaler may leave."""
    most: float
    """With as many as its scaler may start."""

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.fewest + other.fewest, self.most + other.most)

    def __sub__(self, other: "Cost") -> "Cost":
        return Cost(self.fewest - other.fewest, self.most - other.most)

    def __str__(self) -> str:
        return " to ".join(f"{one:.2f}" for one in dict.fromkeys((self.fewest, self.most)))


NOTHING = Cost(0.0, 0.0)


def costs(scopes: Iterable[Scope], clusters: Mapping[str, Sequence[str]]) -> dict[str, Cost]:
    """The cost of every unit by its name; `clusters` are those of each environment.

    cost = clusters * replicas * accelerators of a replica * price of one, as
    models/prices.yaml has it. A model without a price is left out.
    """
    found = {}
    for scope in scopes:
        if scope.model is None or scope.model.usd_per_hour is None:
            continue
        price = scope.model.spec.accelerator.count * scope.model.usd_per_hour
        places = len(clusters.get(scope.name.partition("/")[0], ()))
        fewest, most = _replicas(scope)
        found[scope.name] = Cost(places * fewest * price, places * most * price)
    return found


def _replicas(scope: Scope) -> tuple[int, int]:
    """The fewest and the most replicas of a unit: its scaler's bounds, or a fixed number."""
    scalers = [one["spec"] for one in scope.of("ScaledObject")]
    if scalers:
        return (
            sum(one.get("minReplicaCount", 0) for one in scalers),
            sum(one.get("maxReplicaCount", _MAXIMUM) for one in scalers),
        )
    fixed = sum(one["spec"].get("replicas", 1) for one in scope.of(*SERVERS))
    return fixed, fixed


def cost_table(before: Mapping[str, Cost], after: Mapping[str, Cost]) -> str:
    """The units whose cost changes as a Markdown table with the sum of all units, or one line."""
    changed = [
        name
        for name in sorted(before.keys() | after.keys())
        if before.get(name, NOTHING) != after.get(name, NOTHING)
    ]
    if not changed:
        return "No unit's cost changes."
    rows = [_row(name, before.get(name, NOTHING), after.get(name, NOTHING)) for name in changed]
    total = [sum(one.values(), NOTHING) for one in (before, after)]
    return "\n".join(
        [
            "US dollars an hour on all clusters, from the fewest to the most replicas, at the",
            "prices of `models/prices.yaml`.",
            "",
            "| unit | before | after | more |",
            "|---|---:|---:|---:|",
            *rows,
            _row("all units", *total),
        ]
    )


def _row(name: str, before: Cost, after: Cost) -> str:
    return f"| {name} | {before} | {after} | {after - before} |"
