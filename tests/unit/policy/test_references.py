"""References, selectors and pods: what is found, and what is nobody's business."""

from typing import Any

import pytest
from tests.unit.policy.samples import scope, sound

from tidegate.manifests.objects import dig
from tidegate.manifests.pods import pods
from tidegate.policy.references import check_references
from tidegate.policy.scope import Scope
from tidegate.policy.traffic import check_traffic, seconds


def route(host: str) -> dict[str, Any]:
    """A VirtualService to one host."""
    objects = sound()
    objects["virtualservice"]["spec"]["http"][0]["route"][0]["destination"]["host"] = host
    return objects


@pytest.mark.parametrize(
    ("host", "there"),
    [
        ("generator", True),
        ("generator.llm-production", True),
        ("generator.llm-production.svc.cluster.local", True),
        ("other", False),
        ("other.llm-production.svc.cluster.local", False),
        ("other.elsewhere.svc.cluster.local", True),
        ("api.example.com", True),
    ],
)
def test_a_host_is_a_service_of_a_namespace_that_is_known(host: str, there: bool) -> None:  # noqa: FBT001 - a parameter
    """Hosts of other clusters, namespaces and the outside are not this repository's to know."""
    found = [fault.found for fault in check_references([scope(route(host))])]

    assert found == ([] if there else ["other"])


def test_names_are_looked_up_in_every_scope() -> None:
    """A unit may name what another folder brings into its namespace."""
    objects = sound()
    account = objects.pop("serviceaccount")
    alone = list(check_references([scope(objects)]))
    beside = list(check_references([scope(objects), Scope("b", "b.yaml", (account,))]))

    assert {fault.found for fault in alone} == {"generator"}
    assert beside == []


def test_a_secret_may_come_from_an_external_secret() -> None:
    """The operator makes it, under the name of the ExternalSecret."""
    objects = sound()
    volumes = objects["deployment"]["spec"]["template"]["spec"]["volumes"]
    volumes.append({"name": "token", "secret": {"secretName": "registry"}})

    assert list(check_references([scope(objects)])) == []


def blue_green(**names: str) -> dict[str, Any]:
    """A Rollout that switches from one Service to another, once an analysis lets it."""
    analysis = {"templates": [{"templateName": names.pop("template", "latency")}]}
    strategy = {"activeService": "generator", "previewService": "generator", **names}
    spec = {"strategy": {"blueGreen": strategy | {"prePromotionAnalysis": analysis}}}
    metadata = {"name": "blue-green", "namespace": "llm-production"}
    return {"kind": "Rollout", "metadata": metadata, "spec": spec}


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        ({}, []),
        ({"previewService": "green"}, ["green"]),
        ({"activeService": "blue"}, ["blue"]),
        ({"template": "none"}, ["none"]),
    ],
)
def test_a_rollout_names_what_is_there(names: dict[str, str], missing: list[str]) -> None:
    """Services, and the analysis that lets it go on."""
    found = [fault.found for fault in check_references([scope(sound(), blue_green(**names))])]

    assert found == missing


@pytest.mark.parametrize(
    ("policy", "demanded"),
    [
        ({"rules": [{"from": [{"source": {"requestPrincipals": ["*"]}}]}]}, True),
        ({"rules": [{"from": [{"source": {"principals": ["*"]}}]}]}, False),
        ({"rules": [{"from": [{}]}]}, False),
        ({"rules": [{}]}, False),
        (
            {"action": "DENY", "rules": [{"from": [{"source": {"requestPrincipals": ["*"]}}]}]},
            False,
        ),
        (None, False),
    ],
    ids=["token", "certificate", "no-source", "anyone", "deny", "none"],
)
def test_a_token_is_demanded_by_every_rule(
    policy: dict[str, Any] | None, *, demanded: bool
) -> None:
    """A RequestAuthentication refuses a wrong token and lets none at all pass."""
    objects = sound()
    guard = objects.pop("authorizationpolicy")
    selector = {"selector": guard["spec"]["selector"]}
    extra = [] if policy is None else [guard | {"spec": selector | policy}]

    codes = {fault.code for fault in check_traffic(scope(objects, *extra))} - {"TG606"}

    assert codes == (set() if demanded else {"TG607"})


def test_a_secret_may_come_from_a_certificate() -> None:
    """As above; a certificate of another name makes no such Secret."""
    objects = sound()
    volumes = objects["deployment"]["spec"]["template"]["spec"]["volumes"]
    volumes.append({"name": "tls", "secret": {"secretName": "server"}})

    def faults(name: str) -> list[str]:
        made = {"kind": "Certificate", "metadata": {"name": name, "namespace": "llm-production"}}
        return [one.found for one in check_references([scope(objects, made)])]

    assert faults("server") == []
    assert faults("other") == ["server"]


@pytest.mark.parametrize(
    ("one", "count"),
    [
        ({"kind": "ConfigMap", "data": {}}, 0),
        ({"kind": "Rollout", "spec": {"workloadRef": {}}}, 0),
        ({"kind": "Job", "spec": {"template": {"spec": {}}}}, 1),
        ({"kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": {"spec": {}}}}}}, 1),
        ({"kind": "LeaderWorkerSet", "spec": {"leaderWorkerTemplate": {}}}, 0),
        ({"kind": "InferenceService", "metadata": {}, "spec": {"predictor": {}}}, 1),
        ({"kind": "LLMInferenceService", "metadata": {}, "spec": {}}, 0),
    ],
)
def test_pods_are_found_where_a_kind_keeps_them(one: dict[str, Any], count: int) -> None:
    """None is found in what owns none, or borrows those of another."""
    assert len(pods(one)) == count


@pytest.mark.parametrize(
    ("path", "found"),
    [(("a", 0, "b"), 1), (("a", 1), None), (("a", "b"), None), ((), {"a": [{"b": 1}]})],
)
def test_what_is_not_there_is_none(path: tuple[str | int, ...], found: object) -> None:
    """A missing step is no error: the schema has said what must be there."""
    assert dig({"a": [{"b": 1}]}, *path) == found


@pytest.mark.parametrize(
    ("text", "number"), [("60s", 60), ("1m30s", 90), ("1h", 3600), ("0.5s", 0.5), ("soon", 0)]
)
def test_durations_are_seconds(text: str, number: float) -> None:
    """As Istio writes them."""
    assert seconds(text) == number
