"""What pods survive, and whose volumes they mount, on objects small enough to read."""

from typing import Any

import pytest
from tests.unit.manifests.samples import release, thing, unit

from tidegate.manifests.coldstart import check_cold_start
from tidegate.manifests.render import Rendered
from tidegate.manifests.scaling import check_scaling
from tidegate.manifests.workloads import check_workloads

LABELS = {"app.kubernetes.io/name": "generator"}
OWN = {"labelSelector": {"matchLabels": LABELS}}
APART = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
SOUND: dict[str, Any] = {
    "priorityClassName": "llm-dev.serving",
    "topologySpreadConstraints": [{"topologyKey": "topology.kubernetes.io/zone", **OWN}],
    "affinity": {"podAntiAffinity": {PREFERRED: [{"weight": 1, "podAffinityTerm": OWN}]}},
}
BUDGET = {
    "maxUnavailable": 1,
    "unhealthyPodEvictionPolicy": "AlwaysAllow",
    "selector": {"matchLabels": LABELS},
}
SCALER: dict[str, Any] = {
    "scaleTargetRef": {"name": "generator"},
    "maxReplicaCount": 4,
    "triggers": [{"type": "prometheus", "metadata": {}}],
}


def server(pod: dict[str, Any] | None = None, **spec: object) -> dict[str, Any]:
    """A Deployment."""
    template = {"metadata": {"labels": LABELS}, "spec": SOUND if pod is None else pod}
    return thing("Deployment", {"template": template} | spec)


def workload_faults(*objects: dict[str, Any]) -> list[tuple[str, str]]:
    """What is wrong with pods beside their containers, and what was found."""
    return [(one.what, one.found) for one in check_workloads(objects, "file")]


def scaling_faults(*objects: dict[str, Any]) -> list[tuple[str, str]]:
    """What is wrong with scalers, and what was found."""
    return [(one.what, one.found) for one in check_scaling(Rendered(unit(release()), "", objects))]


def cold_start_faults(*objects: dict[str, Any]) -> list[tuple[str, str]]:
    """What is too impatient for a model whose p99 is 600 s, and what was found."""
    rendered = Rendered(unit(release()), "", objects)
    return [(one.what, one.found) for one in check_cold_start(rendered)]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, None),
        ({"maxUnavailable": "25%"}, None),
        ({"maxUnavailable": 0}, "maxUnavailable 0, unhealthyPodEvictionPolicy AlwaysAllow"),
        (
            {"unhealthyPodEvictionPolicy": "IfHealthyBudget"},
            "maxUnavailable 1, unhealthyPodEvictionPolicy IfHealthyBudget",
        ),
        ({"selector": {"matchLabels": {"app": "other"}}}, "none"),
    ],
)
def test_a_drain_takes_one_replica_and_is_not_stopped_by_a_sick_one(
    change: dict[str, Any], found: str | None
) -> None:
    """A budget that allows nothing stops every drain of its node."""
    result = workload_faults(server(), thing("PodDisruptionBudget", BUDGET | change))

    assert ([("eviction is not bounded", found)] if found else []) == result


def test_two_budgets_of_one_pod_stop_every_eviction() -> None:
    """Kubernetes refuses to evict a pod that two budgets select."""
    budget = thing("PodDisruptionBudget", BUDGET)

    ((what, _),) = workload_faults(server(), budget, budget)

    assert what == "eviction is not bounded"


@pytest.mark.parametrize(
    "lost", [("priorityClassName",), ("topologySpreadConstraints", "affinity")]
)
def test_replicas_do_not_share_a_fate(lost: tuple[str, ...]) -> None:
    """What lacks is named."""
    pod = {key: value for key, value in SOUND.items() if key not in lost}

    ((what, found),) = workload_faults(server(pod), thing("PodDisruptionBudget", BUDGET))

    assert what == "replicas may share one fate"
    assert found == f"no {', '.join(lost).replace('affinity', 'podAntiAffinity')}"


@pytest.mark.parametrize("kind", ["Deployment", "DaemonSet", "Job", "CronJob"])
def test_a_claim_is_rendered_by_the_unit_that_mounts_it(kind: str) -> None:
    """Whatever kind of object owns the pod."""
    volume = {"name": "cache", "persistentVolumeClaim": {"claimName": "cache"}}
    pod = SOUND | {"volumes": [volume, {"name": "tmp"}]}
    template = {"metadata": {"labels": LABELS}, "spec": pod}
    spec: dict[str, Any] = {"template": template}
    owner = thing(kind, {"jobTemplate": {"spec": spec}} if kind == "CronJob" else spec)
    budget = thing("PodDisruptionBudget", BUDGET | {"selector": {}})
    claim = {"kind": "PersistentVolumeClaim", "metadata": {"name": "cache"}}

    assert ("volume of another owner", "cache") in workload_faults(owner, budget)
    assert workload_faults(owner, budget, claim) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({}, None),
        ({"scaleTargetRef": {"name": "other"}}, ("scales nothing", "Deployment/other")),
        (
            {"scaleTargetRef": {"name": "generator", "kind": "Rollout"}},
            ("scales nothing", "Rollout/generator"),
        ),
        ({"triggers": [{"type": "cron", "metadata": {"desiredReplicas": "4"}}]}, None),
        (
            {"triggers": [{"type": "cron", "metadata": {"desiredReplicas": "5"}}]},
            ("asks for more replicas than there may be", "5"),
        ),
    ],
)
def test_a_scaler_has_a_target_and_a_signal(
    change: dict[str, Any], fault: tuple[str, str] | None
) -> None:
    """And asks for no more than it may have."""
    result = scaling_faults(server(), thing("ScaledObject", SCALER | change))

    assert ([fault] if fault else []) == result


ROLLOUT = {"workloadRef": {"kind": "Deployment", "name": "generator"}}


@pytest.mark.parametrize(
    ("others", "written"),
    [
        ([], False),
        ([thing("ScaledObject", SCALER)], True),
        ([thing("Rollout", ROLLOUT)], True),
        ([thing("Rollout", {"replicas": 2, "template": {}})], False),
    ],
    ids=["alone", "scaler", "rollout", "another-rollout"],
)
def test_replicas_have_one_writer(others: list[dict[str, Any]], *, written: bool) -> None:
    """Without a scaler or a Rollout that takes it over, a manifest may set them, zero included."""
    found = scaling_faults(server(replicas=0), *others)

    assert ([("two writers of replicas", "0")] if written else []) == found


@pytest.mark.parametrize(
    ("probe", "found"),
    [
        ({"periodSeconds": 2, "failureThreshold": 600}, None),
        ({"failureThreshold": 120}, None),
        ({"periodSeconds": 2, "failureThreshold": 599}, "1198"),
        ({"periodSeconds": 400}, None),
        ({}, "30"),
    ],
)
def test_a_start_has_twice_the_time_that_99_of_100_take(
    probe: dict[str, int], found: str | None
) -> None:
    """Period x threshold >= 2 x p99, with Kubernetes' defaults for what is not said."""
    pod = {"containers": [{"name": "engine", "startupProbe": probe}, {"name": "sidecar"}]}

    assert ([("slow starts are killed", found)] if found else []) == cold_start_faults(server(pod))


@pytest.mark.parametrize(("window", "found"), [(601, None), (600, "600"), (None, "300")])
def test_a_replica_is_kept_longer_than_a_new_one_takes(
    window: int | None, found: str | None
) -> None:
    """The window of scaling down is longer than the p99 of a cold start; its default is not."""
    down = {} if window is None else {"stabilizationWindowSeconds": window}
    behavior = {"behavior": {"scaleDown": down}}
    scaler = SCALER | {"advanced": {"horizontalPodAutoscalerConfig": behavior}}

    result = cold_start_faults(thing("ScaledObject", scaler))

    wanted = "scales down faster than it can scale up"
    assert ([(wanted, found)] if found else []) == result


@pytest.mark.parametrize(
    "selector",
    [None, {}, {"matchLabels": {"app.kubernetes.io/name": "other"}}, {"matchLabels": {"a": "b"}}],
)
@pytest.mark.parametrize("place", ["spread", APART, PREFERRED])
def test_what_keeps_replicas_apart_selects_them(
    place: str, selector: dict[str, Any] | None
) -> None:
    """A term that selects other pods, or every pod, keeps nothing apart that should be."""
    term = {"topologyKey": "topology.kubernetes.io/zone", "labelSelector": selector}
    spread = [term] if place == "spread" else SOUND["topologySpreadConstraints"]
    terms = {APART: [term], PREFERRED: [{"weight": 1, "podAffinityTerm": term}]}
    affinity = {"podAntiAffinity": {place: terms[place]} if place in terms else {"x": []}}

    pod = SOUND | {"topologySpreadConstraints": spread, "affinity": affinity}
    budget = thing("PodDisruptionBudget", BUDGET)

    told = workload_faults(server(pod), budget)
    assert told == [("keeps apart from other pods than its own", str(selector or {}))]
