"""Single-field mutations of the golden files, and which of them the check catches.

A mutation drops a field, renames a key, changes a number or swaps a text for another of the same
file. Golden drift does not count: it says that something changed, not that it is wrong. Run as
`python -m tests.bench.mutations [COUNT] [SEED]` it prints each mutation that is missed.
"""

import copy
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from tidegate.catalog.load import load_valid
from tidegate.catalog.objects import Cluster
from tidegate.findings import Finding
from tidegate.manifests.checks import check_rendered, read_manifests
from tidegate.manifests.monitoring import check_monitoring
from tidegate.manifests.render import Rendered
from tidegate.manifests.units import Unit
from tidegate.policy.admission import read_policies
from tidegate.policy.repository import check_together, find_scopes, judge, of_unit
from tidegate.policy.schemas import MALFORMED
from tidegate.policy.scope import Scope

ROOT = Path(__file__).parents[2]
COUNT = 500
SEED = 2  # another one whenever checks were written from what this one missed

# Kustomize itself refuses an object without these.
_NEEDED = {"apiVersion", "kind", "metadata"}

Path_ = tuple[str | int, ...]


@dataclass(frozen=True)
class Mutation:
    """What was done to which unit, and what the check then says."""

    unit: str
    words: str
    findings: tuple[Finding, ...]


def leaves(value: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Any]]:  # noqa: ANN401 - JSON
    """Every scalar in a value with its path."""
    if isinstance(value, dict | list):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(one, (*path, key))
    else:
        yield path, value


def mutate(objects: list[dict[str, Any]], dice: random.Random) -> str:
    """Change one field in place; returns what was done."""
    path, value = dice.choice(list(leaves(objects)))
    place: Any = objects
    for step in path[:-1]:
        place = place[step]
    where = f"{objects[int(path[0])]['kind']}: {'.'.join(map(str, path[1:]))}"
    kind = dice.choice(["drop", "rename", "change"])
    if kind == "drop" or (kind == "rename" and isinstance(place, list)):
        del place[path[-1]]
        return f"{where} dropped, was {value!r}"
    if kind == "rename":
        place[f"{path[-1]}x"] = place.pop(path[-1])
        return f"{where} renamed to {path[-1]}x"
    place[path[-1]] = new = another(value, objects, dice)
    return f"{where} {value!r} -> {new!r}"


def another(value: Any, objects: list[dict[str, Any]], dice: random.Random) -> Any:  # noqa: ANN401 - JSON
    """A value of the same type that is not this one."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return dice.choice([0, value + 1, value * 10, -value])
    texts = {one for _, one in leaves(objects) if isinstance(one, str)} - {value}
    return dice.choice(sorted(texts))


@cache
def clusters() -> tuple[Cluster, ...]:
    """What the catalog's clusters are."""
    return tuple(load_valid(ROOT).clusters.values())


def findings(
    rendered: Rendered[Unit], objects: tuple[dict[str, Any], ...], others: list[Scope]
) -> Iterator[Finding]:
    """What the check says about a unit with these objects."""
    file = rendered.unit.file
    if not all(one.keys() >= _NEEDED and "name" in one["metadata"] for one in objects):
        yield Finding(file, "object", "does not render", "kind and name", "neither", "add them")
        return
    scope = of_unit(rendered.unit, objects)
    form = list(judge(scope, read_policies(ROOT)))
    yield from form
    if not any(one.what == MALFORMED for one in form):
        changed = replace(rendered, objects=objects)
        yield from check_rendered(changed)
        yield from check_monitoring(changed, clusters())
        yield from check_together([scope, *others])


def mutations(count: int, seed: int) -> list[Mutation]:
    """That many mutations, the same for the same seed."""
    dice = random.Random(seed)  # noqa: S311 - nothing secret
    repository = read_manifests(ROOT)
    rendered, scopes = repository.units, find_scopes(repository)
    found = []
    for _ in range(count):
        one = dice.choice(rendered)
        objects = copy.deepcopy(list(one.objects))
        words = mutate(objects, dice)
        others = [scope for scope in scopes if scope.file != one.unit.file]
        said = tuple(findings(one, tuple(objects), others))
        found.append(Mutation(one.unit.name, words, said))
    for one in rendered:  # else everything would seem to be caught
        others = [scope for scope in scopes if scope.file != one.unit.file]
        if wrong := list(findings(one, one.objects, others)):
            raise ValueError(f"{one.unit.name} has findings of its own: {wrong[0]}")
    return found


def main() -> None:
    """Print what is missed, and the share."""
    count, seed = [*map(int, sys.argv[1:]), COUNT, SEED][:2] if sys.argv[2:] else (COUNT, SEED)
    all_ = mutations(count, seed)
    missed = [one for one in all_ if not one.findings]
    for one in missed:
        sys.stdout.write(f"{one.unit}: {one.words}\n")
    sys.stdout.write(f"{len(missed)} of {len(all_)} missed\n")


if __name__ == "__main__":
    main()
