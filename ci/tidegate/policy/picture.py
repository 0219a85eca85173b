"""Where everything on the map stands: what is served, how, where, and what leads to what."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tidegate.manifests.graph import read_file, references
from tidegate.policy.scope import Scope

WIDTH, HEIGHT, ROW, COLUMN, TOP = 190, 26, 40, 262, 56
# Column by place: what is served, how it looks, which and where, on what.
_COLUMNS = ("What", "How", "How, by service", "Which", "Where")


@dataclass(frozen=True, slots=True)
class Node:
    """A folder on the map."""

    name: str
    label: str
    column: int
    row: int
    faults: int

    @property
    def x(self) -> int:
        """Left edge, in pixels."""
        return self.column * COLUMN

    @property
    def y(self) -> int:
        """Upper edge, in pixels."""
        return TOP + self.row * ROW


@dataclass(frozen=True, slots=True)
class Edge:
    """One folder is rendered with another."""

    source: Node
    target: Node

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
    links = _links(root.resolve(), [scope.file.rpartition("/")[0] for scope in scopes])
    names = sorted({name for pair in links for name in pair}, key=_order)
    rows: dict[int, int] = {}
    nodes: dict[str, Node] = {}
    for name in names:
        column = _column(name)
        row = rows.get(column, 0)
        rows[column] = row + 1
        faults = sum(file.startswith(f"{name}/") for file in files)
        nodes[name] = Node(name, _label(name), column, row, faults)
    edges = tuple(Edge(nodes[source], nodes[target]) for source, target in sorted(links))
    height = TOP + max(rows.values(), default=0) * ROW
    titles = tuple((n * COLUMN, title) for n, title in enumerate(_COLUMNS) if n in rows)
    width = max(rows, default=0) * COLUMN + WIDTH + ROW
    return Picture(titles, tuple(nodes.values()), edges, width, height)


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
    for file in sorted((root / "clusters").glob("*/cluster.yaml")):
        environment = (read_file(file).get("spec") or {}).get("environment")
        cluster = file.parent.relative_to(root).as_posix()
        pairs |= {(one, cluster) for one in units if one.startswith(f"overlays/{environment}/")}
    return pairs


def _column(name: str) -> int:
    place, _, rest = name.partition("/")
    if place == "base":
        return 2 if rest.startswith("services/") else 1
    return {"models": 0, "overlays": 3, "clusters": 4}.get(place, 3)


def _order(name: str) -> tuple[int, int, str]:
    """Environments in the order in which releases travel."""
    ranks = {"dev": 0, "staging": 1, "production": 2}
    part = name.split("/")[1] if "/" in name else name
    return _column(name), ranks.get(part.partition("-")[0], 3), name


def _label(name: str) -> str:
    _, _, rest = name.partition("/")
    return (rest or name).removeprefix("components/").removeprefix("services/")
