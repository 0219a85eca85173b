"""Which metrics exist: the committed lists of every exporter that queries here may name."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

# What a query may say for a metric of each type, as Prometheus shows it.
_SUFFIXES = {
    "counter": ("", "_total"),
    "gauge": ("",),
    "histogram": ("_bucket", "_sum", "_count"),
    "unknown": ("", "_total", "_bucket", "_sum", "_count"),
}


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric: who exports it, its type, and its buckets where they are known."""

    exporter: str
    version: str
    name: str
    type: str
    family: str | None = None
    buckets: tuple[float, ...] = ()


@cache
def series() -> dict[str, Metric]:
    """Every name that a query may select, with its metric."""
    return {
        name: metric
        for path in sorted((files("tidegate") / "policy" / "data" / "metrics").iterdir(), key=str)
        for metric in _read(json.loads(path.read_text()), path.name.removesuffix(".json"))
        for name in _names(metric)
    }


def _read(data: Mapping[str, Any], exporter: str) -> list[Metric]:
    return [
        Metric(
            exporter,
            data["version"],
            name,
            one["type"],
            one.get("family"),
            tuple(one.get("buckets") or ()),
        )
        for name, one in data["metrics"].items()
    ]


def _names(metric: Metric) -> list[str]:
    """The Python client of vLLM ends every counter in `_total`; others say what they mean."""
    if metric.type == "counter" and metric.exporter == "vllm":
        return [f"{metric.name.removesuffix('_total')}_total"]
    return [f"{metric.name}{suffix}" for suffix in _SUFFIXES[metric.type]]


def edges(metric: Metric, engine: Mapping[str, Any]) -> tuple[float, ...]:
    """The upper bucket edges of a histogram, as an engine file may override them."""
    custom = engine.get("custom-histogram-buckets") or {}
    if isinstance(custom, str):
        custom = json.loads(custom)
    return tuple(custom.get(metric.family, metric.buckets))
