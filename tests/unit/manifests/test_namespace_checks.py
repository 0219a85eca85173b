"""What an environment's units stand in, on objects small enough to read."""

from pathlib import Path
from typing import Any

import pytest
from tests.unit.manifests.samples import generator, thing, unit

from tidegate.manifests.namespaces import check_namespaces
from tidegate.manifests.render import Rendered
from tidegate.manifests.units import Folder

LEVELS = ("audit", "enforce", "warn")
SECURITY = {f"pod-security.kubernetes.io/{level}": "restricted" for level in LEVELS}
SECURITY |= {f"pod-security.kubernetes.io/{level}-version": "v1.37" for level in LEVELS}
BOTH = ["Ingress", "Egress"]


def named(kind: str, name: str) -> dict[str, Any]:
    """An object of the cluster."""
    return {"kind": kind, "metadata": {"name": name}}


def sound() -> dict[str, dict[str, Any]]:
    """Everything that the namespace of dev must hold."""
    return {
        "Namespace": {"kind": "Namespace", "metadata": {"name": "llm-dev", "labels": SECURITY}},
        "LimitRange": thing("LimitRange", {}),
        "ResourceQuota": thing("ResourceQuota", {"hard": {"requests.nvidia.com/gpu": "3"}}),
        "NetworkPolicy": thing("NetworkPolicy", {"podSelector": {}, "policyTypes": BOTH}),
        "serving": named("PriorityClass", "llm-dev.serving"),
        "headroom": named("PriorityClass", "llm-dev.headroom"),
    }


def faults(objects: dict[str, dict[str, Any]], *units: dict[str, Any]) -> list[tuple[str, str]]:
    """What is wrong with dev's namespace, and what was wanted."""
    folder = Rendered(Folder(Path(), "overlays/dev/namespace"), "", tuple(objects.values()))
    rendered = [Rendered(unit(), "", tuple(units))]
    found = check_namespaces([generator().environment], [folder], rendered)
    return [(finding.what, finding.wanted) for finding in found]


def test_a_complete_namespace_has_no_fault() -> None:
    """Restricted, limited, closed, with a quota that holds the unit and one replica more."""
    assert faults(sound(), thing("ScaledObject", {"maxReplicaCount": 2})) == []


@pytest.mark.parametrize("lost", sound())
def test_each_part_is_missed(lost: str) -> None:
    """By name, one finding a part."""
    objects = sound()
    del objects[lost]

    ((what, wanted),) = faults(objects)

    assert what == "incomplete"
    assert lost in wanted


@pytest.mark.parametrize(
    "spec",
    [
        {"podSelector": {"matchLabels": {"a": "b"}}, "policyTypes": BOTH},
        {"podSelector": {}, "policyTypes": ["Egress"]},
        {"podSelector": {}, "policyTypes": BOTH, "ingress": [{}]},
        {"podSelector": {}, "policyTypes": BOTH, "egress": [{}]},
    ],
    ids=["some pods", "one side", "an open ingress", "an open egress"],
)
def test_a_policy_that_lets_anything_through_is_no_default(spec: dict[str, Any]) -> None:
    """The default closes every pod in both directions."""
    result = faults(sound() | {"NetworkPolicy": thing("NetworkPolicy", spec)})

    assert result == [("incomplete", "NetworkPolicy of every pod in llm-dev")]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    ("suffix", "value"), [("", "baseline"), ("", None), ("-version", "latest"), ("-version", None)]
)
def test_pod_security_is_restricted_at_a_version(
    level: str, suffix: str, value: str | None
) -> None:
    """At all three levels; `latest` changes with an upgrade of the cluster."""
    label = f"pod-security.kubernetes.io/{level}{suffix}"
    labels = {key: text for key, text in SECURITY.items() if key != label}
    if value is not None:
        labels[label] = value
    namespace = {"kind": "Namespace", "metadata": {"name": "llm-dev", "labels": labels}}

    ((what, wanted),) = faults(sound() | {"Namespace": namespace})

    assert what == "pod security is not pinned to restricted"
    assert level in wanted


@pytest.mark.parametrize(
    ("objects", "fits"),
    [
        ([thing("ScaledObject", {"maxReplicaCount": 2})], True),
        ([thing("ScaledObject", {"maxReplicaCount": 3})], False),
        ([thing("ScaledObject", {})], False),
        ([thing("Deployment", {})], True),
        ([thing("Deployment", {"replicas": 3})], False),
    ],
    ids=["at its most", "one too many", "without a bound", "one replica", "fixed replicas"],
)
def test_the_quota_holds_every_unit_and_its_rollout(
    *, objects: list[dict[str, Any]], fits: bool
) -> None:
    """Three accelerators hold two replicas of one accelerator each, and a rollout's third."""
    result = faults(sound(), *objects)

    assert ([] if fits else ["quota stops a scale-up"]) == [what for what, _ in result]


def test_an_environment_without_a_namespace_is_told() -> None:
    """With the file that is missing."""
    (finding,) = check_namespaces([generator().environment], [], [])

    assert finding.file == "overlays/dev/namespace/kustomization.yaml"
    assert finding.what == "environment without a namespace"
