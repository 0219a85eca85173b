"""What must agree between the objects of a catalog, in memory: no file is broken for it."""

from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import ROOT
from tests.unit.catalog.samples import spec

from tidegate.catalog.checks import check_catalog, check_model, offers
from tidegate.catalog.load import Catalog, ModelFolder, load_valid
from tidegate.catalog.objects import Cluster, EngineArtifact, Environment
from tidegate.findings import Finding

V1 = "tidegate.dev/v1alpha1"


@cache
def qwen() -> ModelFolder:
    """A committed model that has no fault."""
    return load_valid(ROOT).models["qwen3-8b"]


def places(origins: dict[str, str | None], clusters: dict[str, Cluster]) -> Catalog:
    """A catalog of nothing but environments, each promoted from another or none, and clusters."""
    fields = {
        "namespace": "a",
        "domain": "a.example",
        "issuer": "https://a.example",
        "engineArtifact": EngineArtifact.IMAGE,
    }
    environments = {
        name: Environment.model_validate(
            {
                "apiVersion": V1,
                "kind": "Environment",
                "metadata": {"name": name},
                "spec": fields | {"promotesFrom": origin},
            }
        )
        for name, origin in origins.items()
    }
    return Catalog(ROOT, {}, {}, environments, clusters)


def cluster(*offered: dict[str, Any], environment: str = "dev") -> Cluster:
    """A cluster with these accelerators."""
    return Cluster.model_validate(
        {
            "apiVersion": V1,
            "kind": "Cluster",
            "metadata": {"name": "c"},
            "spec": {"environment": environment, "region": "r", "accelerators": list(offered)},
        }
    )


def engine_faults(**engine: Any) -> list[Finding]:  # noqa: ANN401 - any value of an engine file
    """Findings of qwen3-8b with keys of its engine file replaced; None removes one."""
    model = qwen()
    changed = model.engine | {key.replace("_", "-"): value for key, value in engine.items()}
    return check_model(
        replace(model, engine={key: v for key, v in changed.items() if v is not None})
    )


@settings(max_examples=50, deadline=None)
@given(st.permutations([f"e{i}" for i in range(6)]), st.integers(1, 6))
def test_releases_travel_in_one_order_whatever_the_folders_are_called(
    names: list[str], count: int
) -> None:
    """From the environment that promotes from none to the one from which nothing does."""
    way = names[:count]
    origins = dict(zip(way, [None, *way], strict=False))
    catalog = places({name: origins[name] for name in sorted(way)}, {})

    assert [e.metadata.name for e in catalog.ordered_environments()] == way
    assert check_catalog(catalog) == []


@pytest.mark.parametrize(
    ("origins", "off"),
    [
        ({"a": None, "b": "a", "c": "nowhere"}, ["c"]),
        ({"a": None, "b": "b"}, ["b"]),
        ({"a": None, "b": "c", "c": "b"}, ["b", "c"]),
        ({"a": None, "b": "a", "c": "a"}, ["b"]),
        ({"a": None, "b": None}, ["a"]),
    ],
    ids=["from nowhere", "from itself", "in a ring", "from one that two follow", "two first ones"],
)
def test_an_environment_off_the_one_way_is_told(
    origins: dict[str, str | None], off: list[str]
) -> None:
    """What would never be reached; the others keep their order."""
    catalog = places(origins, {})

    assert [(fault.file, fault.found) for fault in check_catalog(catalog)] == [
        (f"overlays/{name}/environment/environment.yaml", origins[name] or "none") for name in off
    ]


def test_a_cluster_is_of_an_environment_that_there_is() -> None:
    """The finding lists those that are."""
    catalog = places({"dev": None, "live": "dev"}, {"c": cluster(OFFER, environment="prod")})

    (finding,) = check_catalog(catalog)

    assert (finding.file, finding.found) == ("clusters/c/cluster.yaml", "prod")
    assert finding.wanted == "one of dev, live"


OFFER = {"kind": "nvidia-l40s", "memoryGiB": 48.0, "perNode": 2, "nodes": 1}
NEED = {"kind": "nvidia-l40s", "memoryGiB": 48.0, "count": 2}


@pytest.mark.parametrize(
    ("change", "enough"),
    [
        ({}, True),
        ({"memoryGiB": 80.0, "perNode": 8}, True),
        ({"memoryGiB": 47.9}, False),
        ({"perNode": 1, "nodes": 9}, False),
        ({"kind": "nvidia-h100", "memoryGiB": 80.0, "perNode": 8}, False),
    ],
    ids=["just enough", "more", "less memory", "spread over nodes", "another kind"],
)
def test_a_replica_needs_one_node_that_holds_all_of_it(
    change: dict[str, Any], *, enough: bool
) -> None:
    """Tensor parallelism does not cross nodes here; another kind is no substitute."""
    assert offers(cluster(OFFER | change), spec(accelerator=NEED)) is enough


def test_two_offers_do_not_add_up() -> None:
    """Memory of one and number of the other are no node; a whole offer beside them is enough."""
    little_memory, few = OFFER | {"memoryGiB": 24.0}, OFFER | {"perNode": 1}

    assert not offers(cluster(little_memory, few), spec(accelerator=NEED))
    assert offers(cluster(little_memory, few, OFFER), spec(accelerator=NEED))


@pytest.mark.parametrize("name", ["qwen3-8b", ["qwen3-8b"]])
def test_the_served_name_may_be_a_list_of_one(name: object) -> None:
    """An engine takes several names; the catalog has one."""
    assert engine_faults(served_model_name=name) == []


def test_one_accelerator_needs_no_word_in_the_engine_file() -> None:
    """1 is vLLM's own default; any other number must be said."""
    assert engine_faults(tensor_parallel_size=None) == []
    (finding,) = engine_faults(tensor_parallel_size=2)
    assert (finding.object, finding.wanted, finding.found) == ("tensor-parallel-size", "1", "2")


@pytest.mark.parametrize("key", ["max-model-len", "served-model-name"])
def test_what_the_engine_would_guess_must_be_said(key: str) -> None:
    """Its default is the model's own length and path, which are not what was promised."""
    (finding,) = engine_faults(**{key: None})

    assert (finding.file, finding.object) == ("models/qwen3-8b/engine.yaml", key)
    assert finding.found == "nothing"


def test_a_model_that_does_not_fit_says_what_it_needs() -> None:
    """By hand: 2 x 8190735360 bytes of weights are 15.3 GiB, 8 x 16384 x 144 KiB of cache 18.0.

    Of 48 GiB that is a share of 0.6928.
    """
    assert engine_faults(gpu_memory_utilization=0.693) == []
    (finding,) = engine_faults(gpu_memory_utilization=0.692)

    assert finding.file == "models/qwen3-8b/model.yaml"
    assert finding.wanted == "33.3 GiB (weights 15.3, cache 18.0)"
    assert finding.found == "33.2 GiB of 1 x nvidia-l40s"
