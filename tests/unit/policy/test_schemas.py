"""Schemas are strict and come with where they are from; values of their own kind pass."""

import gzip
import json
from importlib.resources import files
from typing import Any

import pytest
from ruamel.yaml import YAML
from tests.conftest import ROOT

from tidegate.policy.schemas import check_schemas
from tidegate.policy.scope import Scope
from tidegate.policy.values import check_values
from tidegate.policy.workloads import amount

FOLDER = files("tidegate") / "policy" / "data" / "crds"
GROUPS = sorted(path.name for path in FOLDER.iterdir())


def whats(one: dict[str, Any]) -> list[str]:
    """What is said about one object's form and values."""
    alone = Scope("x", "x.yaml", ({"metadata": {"name": "x"}} | one,))
    return [fault.what for check in (check_schemas, check_values) for fault in check(alone)]


@pytest.mark.parametrize("group", GROUPS)
def test_a_groups_schemas_say_their_module_version_and_checksum(group: str) -> None:
    """As tools/crds/sources.yaml pins them."""
    data = json.loads(gzip.decompress((FOLDER / group).read_bytes()))
    pinned = YAML(typ="safe").load((ROOT / "tools" / "crds" / "sources.yaml").read_text())
    versions = {source["project"]: source["version"] for source in pinned}

    assert data["kinds"]
    for project, source in data["sources"].items():
        assert source["version"] == versions[project]
        assert source["sum"].startswith("h1:")


def test_every_pinned_project_has_schemas() -> None:
    """A source that brings nothing is a pattern that matches nothing."""
    pinned = YAML(typ="safe").load((ROOT / "tools" / "crds" / "sources.yaml").read_text())
    found = {
        project
        for group in GROUPS
        for project in json.loads(gzip.decompress((FOLDER / group).read_bytes()))["sources"]
    }

    assert found == {source["project"] for source in pinned}


def test_descriptions_are_stripped() -> None:
    """What people read is in the projects' own documentation."""
    text = gzip.decompress((FOLDER / "keda.sh.json.gz").read_bytes())

    assert b'"description"' not in text
    assert b"additionalProperties" in text


@pytest.mark.parametrize(
    ("version", "kind", "spec"),
    [
        ("networking.istio.io/v1alpha3", "EnvoyFilter", {"configPatches": []}),
        ("networking.istio.io/v1beta1", "ProxyConfig", {"concurrency": 2}),
        ("v1", "Service", {"ports": [{"port": 1, "targetPort": "http"}]}),
        ("v1", "Service", {"ports": [{"port": 1, "targetPort": 80}]}),
        ("policy/v1", "PodDisruptionBudget", {"maxUnavailable": "25%"}),
        ("keda.sh/v1alpha1", "TriggerAuthentication", {"podIdentity": {"provider": "none"}}),
        ("gateway.networking.k8s.io/v1", "HTTPRoute", {"hostnames": ["a.example"]}),
        ("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet", None),
        ("serving.kserve.io/v1alpha1", "ClusterServingRuntime", None),
        ("kueue.x-k8s.io/v1beta2", "ResourceFlavor", {}),
        ("cert-manager.io/v1", "Issuer", {"selfSigned": {}}),
        ("inference.networking.k8s.io/v1", "InferencePool", None),
    ],
)
def test_a_sound_object_of_each_project_passes(version: str, kind: str, spec: Any) -> None:  # noqa: ANN401 - JSON
    """A kind is known; where a spec is given, all of it."""
    found = whats({"apiVersion": version, "kind": kind, "spec": spec or {}})

    assert not {"kind without a schema", "unknown field", "outdated API version"} & set(found)
    assert spec is None or found == []


@pytest.mark.parametrize(
    ("quantity", "number"),
    [("16Gi", 16 * 2**30), ("2", 2), ("1.5k", 1500), ("512Mi", 2**29), ("much", 0), (None, 0)],
)
def test_an_amount_is_a_number(quantity: object, number: float) -> None:
    """What is no quantity counts as nothing and has a finding of its own."""
    assert amount(quantity) == number


@pytest.mark.parametrize("value", [-1, 0, 70000])
def test_a_port_is_between_1_and_65535(value: int) -> None:
    """The schema says integer and no more."""
    one = {"apiVersion": "v1", "kind": "Service", "spec": {"ports": [{"port": value}]}}

    assert whats(one) == ["value that Kubernetes refuses"]
