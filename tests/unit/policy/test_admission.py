"""The policies of policies/ agree with Kubernetes, and miss no field of a securityContext."""

import copy
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import ROOT
from tests.unit.policy.samples import FIXTURES, scope, sound

from tidegate.findings import CouldNotCheckError
from tidegate.machine_yaml import read_all
from tidegate.policy.admission import Policy, check_admission, read_policies
from tidegate.policy.exceptions import LABEL


@cache
def pods() -> dict[str, Any]:
    """Kubernetes' own examples of Pod Security at 1.37, by `<level>/<pass or fail>/<name>`."""
    text = (FIXTURES / "pod-security" / "v1.37.json").read_text()
    found: dict[str, Any] = json.loads(text)["pods"]
    return found


def policies(*names: str) -> list[Policy]:
    """The policies of these files."""
    return [one for one in read_policies(ROOT) if one.file in {f"policies/{n}.yaml" for n in names}]


def refused(pod: dict[str, Any], *names: str) -> bool:
    """Whether one of the policies refuses a pod."""
    return any(True for policy in policies(*names) for _ in policy.refusals(pod))


def wrong(level: str, expected: str, *names: str) -> list[str]:
    """Kubernetes' examples on which the policies do not agree with it."""
    return [
        name
        for name, pod in pods().items()
        if name.startswith(f"{level}/{expected}/") and refused(pod, *names) == (expected == "pass")
    ]


def test_all_of_kubernetes_examples_are_there() -> None:
    """99 of the level restricted and 49 of baseline."""
    levels = [name.partition("/")[0] for name in pods()]

    assert (levels.count("restricted"), levels.count("baseline")) == (99, 49)


@pytest.mark.parametrize("expected", ["pass", "fail"])
def test_policies_agree_with_pod_security_restricted(expected: str) -> None:
    """What Kubernetes lets in is let in, what it refuses is refused: all 99 examples."""
    assert wrong("restricted", expected, "pod-baseline", "pod-restricted") == []


def test_policies_agree_with_pod_security_baseline() -> None:
    """What baseline refuses, restricted refuses too; what it lets in passes the baseline policy."""
    assert wrong("baseline", "fail", "pod-baseline", "pod-restricted") == []
    assert wrong("baseline", "pass", "pod-baseline") == []


def context_fields(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401 - JSON
    """The path of every field of every securityContext in a value."""
    children = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in children:
        if path and "securityContext" in path:
            yield (*path, key)
        if isinstance(child, dict | list):
            yield from context_fields(child, (*path, key))


DEPLOYMENT = sound()["deployment"]
FIELDS = list(context_fields(DEPLOYMENT))


def test_there_is_a_field_to_drop_for_each_rule() -> None:
    """User, groups, non-root, seccomp; escalation, capabilities and the read-only root."""
    last = {path[-1] for path in FIELDS}

    assert len(FIELDS) >= 11
    assert {"runAsUser", "drop", "seccompProfile", "readOnlyRootFilesystem"} <= last


@pytest.mark.parametrize("path", FIELDS, ids=lambda path: ".".join(map(str, path[3:])))
def test_dropping_any_field_of_a_security_context_is_caught(path: tuple[Any, ...]) -> None:
    """Mutation: whichever field of a securityContext is missing, a policy refuses the pod."""
    objects = sound()
    place: Any = objects["deployment"]
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]

    found = list(check_admission(scope(objects), read_policies(ROOT)))

    assert {"TG802", "TG803"} & {one.code for one in found}


def workload(kind: str, version: str, **spec: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """The sound pod in another kind that owns pods."""
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": "generator", "namespace": "llm-production"},
        "spec": spec,
    }


TEMPLATE = DEPLOYMENT["spec"]["template"]
KINDS = [
    workload("StatefulSet", "apps/v1", template=TEMPLATE),
    workload("DaemonSet", "apps/v1", template=TEMPLATE),
    workload("Job", "batch/v1", template=TEMPLATE),
    workload("CronJob", "batch/v1", jobTemplate={"spec": {"template": TEMPLATE}}),
    workload("Rollout", "argoproj.io/v1alpha1", template=TEMPLATE),
    workload(
        "LeaderWorkerSet",
        "leaderworkerset.x-k8s.io/v1",
        leaderWorkerTemplate={"leaderTemplate": TEMPLATE, "workerTemplate": TEMPLATE},
    ),
    TEMPLATE | {"apiVersion": "v1", "kind": "Pod"},
]


@pytest.mark.parametrize("one", KINDS, ids=lambda one: str(one["kind"]))
def test_pods_are_held_to_the_policies_whatever_owns_them(one: dict[str, Any]) -> None:
    """No kind is a way around: the sound pod passes and a privileged one does not."""
    bad = copy.deepcopy(one)
    text = json.dumps(bad).replace('"readOnlyRootFilesystem": true', '"privileged": true')
    found = [
        {name for policy in policies("pod-baseline") for name, _ in policy.refusals(pod)}
        for pod in (one, json.loads(text))
        if policies("pod-baseline")[0].matches(pod)
    ]

    assert found == [set(), {"no privileged container"}]


def test_a_policy_that_does_not_compile_stops_the_check(tmp_path: Any) -> None:  # noqa: ANN401 - a path
    """An expression that cannot be evaluated is no expression that holds."""
    folder = tmp_path / "policies"
    folder.mkdir()
    text = (ROOT / "policies" / "services.yaml").read_text()
    (folder / "services.yaml").write_text(text.replace("!(object", "!((object"))

    with pytest.raises(CouldNotCheckError, match="policy does not compile; wanted CEL"):
        read_policies(tmp_path)


def test_what_is_no_policy_stops_the_check(tmp_path: Any) -> None:  # noqa: ANN401 - a path
    """A file in policies/ that cannot be read as one must not pass for none."""
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "extra.yaml").write_text("a: 1")

    with pytest.raises(CouldNotCheckError, match="wanted a ValidatingAdmissionPolicy"):
        read_policies(tmp_path)


def test_every_policy_is_bound_and_shipped() -> None:
    """A policy without a binding does nothing in a cluster."""
    names = {path.stem for path in (ROOT / "policies").glob("*.yaml")} - {"kustomization"}
    bindings = [
        next(read_all(path.read_text()))
        for path in (ROOT / "policies" / "bindings").glob("*.yaml")
        if path.stem != "kustomization"
    ]

    assert {f"tidegate-{name}" for name in names} == {one["spec"]["policyName"] for one in bindings}
    assert {tuple(one["spec"]["validationActions"]) for one in bindings} == {("Deny", "Audit")}


def test_an_expression_that_fails_is_a_refusal() -> None:
    """As `failurePolicy: Fail` says, a pod that cannot be judged is not let in."""
    broken = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": {}}

    assert refused(broken, "pod-restricted")


SIDECAR = {
    "name": "istio-proxy",
    "image": "docker.io/istio/proxyv2:1.31.0",
    "restartPolicy": "Always",
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsGroup": 1337,
        "runAsNonRoot": True,
        "runAsUser": 1337,
    },
}


def injected(container: dict[str, Any], kind: str = "Pod") -> dict[str, Any]:
    """The sound pod with a container beside the engine, as a pod or as a Deployment's template."""
    template = copy.deepcopy(TEMPLATE)
    template["spec"].setdefault("initContainers", []).append(container)
    if kind == "Pod":
        return {"apiVersion": "v1", "kind": "Pod", **template}
    return {"apiVersion": "apps/v1", "kind": kind, "spec": {"template": template}}


def test_a_pod_may_start_with_the_sidecar_that_istio_adds() -> None:
    """It runs as user 1337 from an image by tag; the policies look at pods after it was added."""
    assert not refused(injected(SIDECAR), *ON_PODS)


ON_PODS = ("pod-baseline", "pod-restricted", "pod-hardening", "images")


@pytest.mark.parametrize(
    "container",
    [
        SIDECAR | {"image": "docker.io/other/proxyv2:1.31.0"},
        SIDECAR | {"name": "helper"},
        SIDECAR | {"securityContext": {"privileged": True}},
    ],
)
def test_nothing_else_gets_in_as_a_sidecar(container: dict[str, Any]) -> None:
    """Another image, another name, or more rights."""
    assert refused(injected(container), *ON_PODS)


def test_a_sidecar_that_a_commit_brings_is_held_to_every_rule() -> None:
    """What Istio adds is added to pods, never to what is written down."""
    assert refused(injected(SIDECAR, "Deployment"), *ON_PODS)


@pytest.mark.parametrize("policy", read_policies(ROOT), ids=lambda policy: policy.file)
def test_a_cluster_leaves_out_what_bears_the_label_of_the_policy(policy: Policy) -> None:
    """On the object, or on the template of its pods, as a controller copies it; no other label."""
    own = {"labels": {f"{LABEL}/{Path(policy.file).stem}": "an-exception"}}
    other = {"labels": {f"{LABEL}/another": "an-exception"}}

    assert policy.leaves_out({"metadata": own})
    assert policy.leaves_out({"metadata": {}, "spec": {"template": {"metadata": own}}})
    for metadata in ({}, other):
        assert not policy.leaves_out({"metadata": metadata})
        assert not policy.leaves_out({"metadata": {}, "spec": {"template": {"metadata": metadata}}})
