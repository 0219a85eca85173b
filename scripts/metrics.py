"""Makes the metric lists of ci/tidegate/policy/data/metrics from what tools/metrics names.

vLLM's list is made in the lab from the installed package; see tidegate.lab.metrics.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from scripts.schemas import module

from tidegate.machine_yaml import read_all

ROOT = Path(__file__).parents[1]
DATA = ROOT / "ci" / "tidegate" / "policy" / "data" / "metrics"
TYPES = ("gauge", "counter", "histogram")
# A row of a table whose first cell is a metric, and the type if a cell says it.
ROW = re.compile(r"^\|\s*`?([a-z][a-z0-9_]+_[a-z0-9_]+)`?\s*\|(.*)$", re.MULTILINE)
# KEDA's options: a namespace, a subsystem where there is one, a name.
OPTIONS = re.compile(r'Namespace:.*\n(?:\s*Subsystem: +"(\w+)",\n)?\s*Name: +"(\w+)"')


def kind(cells: str) -> str:
    """The type that a table row names."""
    words = re.findall(r"[a-z]+", cells.lower())
    return next((word for word in words if word in TYPES), "unknown")


def listed(text: str) -> dict[str, str]:
    """Metric names with their types in a page or a Go file."""
    rows = {match[1]: kind(match[2]) for match in ROW.finditer(text)}
    named = {
        "_".join(filter(None, ("keda", *match.groups()))): "unknown"
        for match in OPTIONS.finditer(text)
    }
    return rows | named


def metrics(source: dict[str, Any]) -> dict[str, str]:
    """All metrics of one exporter."""
    if "module" not in source:
        return {name: kind for kind in TYPES for name in source.get(kind, "").split()}
    folder, _ = module(source)
    found: dict[str, str] = {}
    for path in sorted(folder.glob(source["files"])):
        found |= listed(path.read_text(encoding="utf-8"))
    return found


def main() -> int:
    """Write one file an exporter."""
    DATA.mkdir(parents=True, exist_ok=True)
    (sources,) = read_all((ROOT / "tools" / "metrics" / "sources.yaml").read_text())
    for source in sources:
        found = {n: {"type": t} for n, t in sorted(metrics(source).items())}
        data = {k: v for k, v in source.items() if k not in TYPES} | {"metrics": found}
        (DATA / f"{source['exporter']}.json").write_text(json.dumps(data, indent=1) + "\n")
        sys.stdout.write(f"{source['exporter']}: {len(found)} metrics\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
