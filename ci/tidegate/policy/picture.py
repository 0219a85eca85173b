"""Where everything on the map stands: what is served, how, where, and what leads to what."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tidegate.manifests.graph import read_file, references
from tidegate.policy.scope import Scope

WIDTH, HEIGHT, ROW, COLUMN, TOP = 190, 26, 36, 272, 56
# Column by place: what is served, how it looks, which and where, on what.
_COLUMNS = ("What", "How", "How, by service and place", "Which", "Where")
_ENVIRONMENTS = ("dev", "staging", "production")
# What the units of an environment share.
_SHARED = ("environment", "profile")
# Folders of base/ that hold several of a kind.
_GROUPS = ("components", "services", "variants")


@dataclass(frozen=True, slots=True)
class Node:
    """A folder on the map; x and y of its upper left corner in pixels."""

    name: str
    label: str
    x: int
    y: int
    faults: int
    tone: int
    """Which colour: of its environment, in the order in which releases travel, or of none."""


@dataclass(frozen=True, slots=True)
class Edge:
    """One folder is rendered with another."""

    source: Node
    target: Node

    @property
    def tone(self) -> int:
        """The colour of the environment that it belongs to."""
        return min(self.source.tone, self.target.tone)

    @property
    def path(self) -> str:
        """A curve from the right edge of the source to the left edge of the target."""
        x1, y1 = self.source.x + WIDTH, self.source.y + HEIGHT // 2
        x2, y2 = self.target.x, self.target.y + HEIGHT // 2
        if x2 <= x1:  # within a column, or backwards: around on the right
            bend = x1 + ROW + abs(y2 - y1) // 8
            return f"M{x1},{y1} C{bend},{y1} {bend},{y2} {self.target.x + WIDTH},{y2}"
        middle = (x1 + x2) // 2
        return f"M{x1},{y1} C{middle},{y1} {middle},{y2} {x2},{y2}"


@dataclass(frozen=True, slots=True)
class Picture:
    """The whole map; sizes in pixels."""

    titles: tuple[tuple[int, str], ...]
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    width: int
    height: int


def picture(root: Path, scopes: Iterable[Scope], faulty: Iterable[str]) -> Picture:
    """The map of a repository; `faulty` has the file of each finding."""
    files = list(faulty)
    found = _links(root.resolve(), [scope.file.rpartition("/")[0] for scope in scopes])
    links = {(_whole(a), _whole(b)) for a, b in found if _whole(a) != _whole(b)}
    columns = {column: _rows(names) for column, names in _arranged(links).items()}
    most = max((max(rows.values()) + 1 for rows in columns.values()), default=0)
    nodes = {
        name: _node(name, column, row + (most - 1 - max(rows.values())) / 2, files)
        for column, rows in columns.items()
        for name, row in rows.items()
    }
    edges = tuple(Edge(nodes[source], nodes[target]) for source, target in sorted(links))
    titles = tuple((n * COLUMN, title) for n, title in enumerate(_COLUMNS) if n in columns)
    width = max(columns, default=0) * COLUMN + WIDTH + ROW
    return Picture(titles, tuple(nodes.values()), edges, width, TOP + int(most * ROW))


def _rows(names: list[str]) -> dict[str, float]:
    """The row of each name; half a row is left free between two environments."""
    rows: dict[str, float] = {}
    gap = 0.0
    for row, name in enumerate(names):
        gap += 0.5 * (row > 0 and _rank(name) != _rank(names[row - 1]))
        rows[name] = row + gap
    return rows


def _node(name: str, column: int, row: float, files: list[str]) -> Node:
    faults = sum(file.startswith(f"{name}/") for file in files)
    return Node(name, _label(name), column * COLUMN, TOP + int(row * ROW), faults, _rank(name))


def _arranged(links: set[tuple[str, str]]) -> dict[int, list[str]]:
    """The names of each column from top to bottom, each near to what it leads to."""
    columns: dict[int, list[str]] = {}
    for name in sorted({name for pair in links for name in pair}, key=_order):
        columns.setdefault(_column(name), []).append(name)
    place = {n: i / len(names) for names in columns.values() for i, n in enumerate(names)}
    for column in (1, 0):
        middles = {name: _middle(name, links, place) for name in columns.get(column, [])}
        columns[column] = sorted(middles, key=lambda name: (middles[name], name))
        place |= {name: i / len(middles) for i, name in enumerate(columns[column])}
    return {column: names for column, names in sorted(columns.items()) if names}


def _middle(name: str, links: set[tuple[str, str]], place: dict[str, float]) -> float:
    """Where what a folder leads to stands on average, from 0 at the top to 1."""
    there = [place[b] for a, b in links if a == name and _column(b) > _column(name)]
    return sum(there) / len(there) if there else 1


def _links(root: Path, folders: list[str]) -> set[tuple[str, str]]:
    """(rendered folder, folder that renders it) pairs, from the roots downwards."""
    found: set[tuple[str, str]] = set()
    waiting, seen = [root / folder for folder in folders], set()
    while waiting:
        folder = waiting.pop()
        if folder in seen:
            continue
        seen.add(folder)
        for path in _folders(folder):
            if path.is_relative_to(root):
                name = path.relative_to(root).as_posix()
                found.add((name, folder.relative_to(root).as_posix()))
                waiting.append(path)
    return found | _clusters(root, {target for _, target in found})


def _folders(folder: Path) -> Iterator[Path]:
    return (path for path in references(folder) if path.is_dir())


def _clusters(root: Path, units: set[str]) -> set[tuple[str, str]]:
    """Each unit leads to the clusters of its environment."""
    pairs = set()
    units = {one for one in units if one.rpartition("/")[2] not in _SHARED}
    for file in sorted((root / "clusters").glob("*/cluster.yaml")):
        environment = (read_file(file).get("spec") or {}).get("environment")
        cluster = file.parent.relative_to(root).as_posix()
        pairs |= {(one, cluster) for one in units if one.startswith(f"overlays/{environment}/")}
    return pairs


def _whole(name: str) -> str:
    """The folder that people know, for a part of one."""
    parts = name.split("/")
    grouped = parts[:1] == ["base"] and parts[1:2] and parts[1] in _GROUPS
    depth = {"policies": 1, "base": 3 if grouped else 2}.get(parts[0], len(parts))
    return "/".join(parts[:depth])


def _column(name: str) -> int:
    place, _, rest = name.partition("/")
    if place == "base":
        return 2 if rest.startswith("services/") else 1
    if place == "overlays" and rest.rpartition("/")[2] in _SHARED:
        return 2
    return {"models": 0, "overlays": 3, "clusters": 4}.get(place, 3)


def _rank(name: str) -> int:
    """Environments in the order in which releases travel, then what belongs to none."""
    place, _, rest = name.partition("/")
    first = rest.partition("/")[0].partition("-")[0]
    known = place in {"overlays", "clusters"} and first in _ENVIRONMENTS
    return _ENVIRONMENTS.index(first) if known else len(_ENVIRONMENTS)


def _order(name: str) -> tuple[int, bool, int, str]:
    """By column; services before what environments share."""
    return _column(name), name.startswith("overlays/"), _rank(name), name


def _label(name: str) -> str:
    _, _, rest = name.partition("/")
    return (rest or name).removeprefix("components/").removeprefix("services/")
