"""What must hold of routes, rollouts, guards and alerts, on objects small enough to read."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.conftest import ROOT
from tests.unit.manifests.samples import thing, unit

from tidegate.catalog.load import load_valid
from tidegate.findings import Finding
from tidegate.manifests.alerts import check_alerts, runbook
from tidegate.manifests.render import Rendered
from tidegate.manifests.rollouts import check_rollouts
from tidegate.manifests.routes import check_routes, longest_answer, seconds
from tidegate.manifests.units import Unit

Object = dict[str, Any]
POD = {"app": "generator", "sidecar.istio.io/inject": "true"}
CONTAINER = {"name": "engine", "ports": [{"containerPort": 8000}]}
TEMPLATE = {"metadata": {"labels": POD}, "spec": {"containers": [CONTAINER]}}
DEPLOYMENT = thing("Deployment", {"template": TEMPLATE})
SERVICE = thing("Service", {"selector": {"app": "generator"}, "ports": [{"port": 8000}]})
SELECTOR = {"matchLabels": {"app": "generator"}}


def found(
    check: Callable[[Rendered[Unit]], Iterator[Finding]], *objects: Object
) -> list[list[str]]:
    """Object, fault and what was found, each of one finding."""
    faults = check(Rendered(unit(), "", objects))
    return [[fault.object, fault.what, fault.found] for fault in faults]


def virtual_service(**route: object) -> Object:
    """A VirtualService with one sound route, but for what is given."""
    sound = {
        "timeout": "300s",
        "retries": {"attempts": 2, "retryOn": "connect-failure,refused-stream"},
        "route": [{"destination": {"host": "generator", "port": {"number": 8000}}}],
    }
    http = {key: value for key, value in (sound | route).items() if value is not None}
    return thing("VirtualService", {"hosts": ["generator"], "http": [http]})


@pytest.mark.parametrize(
    ("route", "fault"),
    [
        ({}, None),
        ({"timeout": "1m44s"}, ["timeout below the longest answer", "1m44s"]),
        ({"timeout": "104.9s"}, ["timeout below the longest answer", "104.9s"]),
        ({"timeout": "105s"}, None),
        (
            {"timeout": None},
            ["timeout below the longest answer", "none, so the default of the proxy"],
        ),
        ({"retries": None}, ["retries what the engine may have begun", "Istio's default"]),
        ({"retries": {"attempts": 0}}, None),
        (
            {"retries": {"attempts": 2}},
            ["retries what the engine may have begun", "Istio's default"],
        ),
        ({"mirror": {"host": "shadow"}}, ["routes to nothing", "shadow"]),
        ({"mirrors": [{"destination": {"host": "other"}}]}, ["routes to nothing", "other"]),
    ],
)
def test_a_route_waits_and_retries_as_a_stream_of_tokens_needs(
    route: Object, fault: list[str] | None
) -> None:
    """Longer than 1,024 tokens at 0.1 s each, and again only before the engine saw the request."""
    wanted = [] if fault is None else [["VirtualService/generator", *fault]]

    assert wanted == found(check_routes, SERVICE, virtual_service(**route))


@pytest.mark.parametrize(
    ("host", "known"),
    [("generator", True), ("generator.dev.llm.example", True), ("generator.llm.example", False)],
)
def test_a_service_is_found_at_its_own_name_alone(host: str, *, known: bool) -> None:
    """In the mesh by its name, outside in the environment's domain."""
    one = virtual_service()
    one["spec"]["hosts"] = [host]

    faults = found(check_routes, SERVICE, one)

    assert ([] if known else [[host]]) == [fault[2:] for fault in faults]


def http_route(backend: Object) -> Object:
    """An HTTPRoute with one rule."""
    rule = {"timeouts": {"request": "5m"}, "backendRefs": [backend]}
    return thing("HTTPRoute", {"hostnames": ["generator.dev.llm.example"], "rules": [rule]})


@pytest.mark.parametrize(
    ("backend", "fault"),
    [
        ({"name": "generator", "port": 8000}, None),
        ({"name": "generator", "port": 80}, ["routes to no port", "80"]),
        ({"name": "other", "port": 8000}, ["routes to nothing", "other"]),
        ({"kind": "InferencePool", "name": "generator"}, None),
        ({"kind": "InferencePool", "name": "x"}, ["routes to nothing", "InferencePool/x"]),
    ],
)
def test_a_backend_is_a_service_or_a_pool_of_the_unit(
    backend: Object, fault: list[str] | None
) -> None:
    """With a port of the Service; a pool has its own."""
    pool = thing("InferencePool", {"selector": SELECTOR, "targetPorts": [{"number": 8000}]})
    wanted = [] if fault is None else [["HTTPRoute/generator", *fault]]

    assert wanted == found(check_routes, DEPLOYMENT, SERVICE, pool, http_route(backend))


@pytest.mark.parametrize(("labels", "port"), [({"app": "generator"}, 80), ({"app": "x"}, 8000)])
def test_a_pool_selects_pods_that_listen(labels: dict[str, str], port: int) -> None:
    """Neither other pods nor another port."""
    spec = {"selector": {"matchLabels": labels}, "targetPorts": [{"number": port}]}

    faults = found(check_routes, DEPLOYMENT, thing("InferencePool", spec))

    assert faults == [["InferencePool/generator", "routes to no port", str(port)]]


@pytest.mark.parametrize(
    ("text", "wanted"), [("300s", 300), ("1m30s", 90), ("1.5h", 5400), ("250ms", 0.25)]
)
def test_a_duration_is_read_in_seconds(text: str, wanted: float) -> None:
    """In every unit that Istio and the Gateway API know."""
    assert seconds(text) == pytest.approx(wanted)


@pytest.mark.parametrize(("name", "wanted"), [("qwen3-8b", 104.9), ("bge-m3", 1)])
def test_the_longest_answer_follows_from_what_the_model_promises(name: str, wanted: float) -> None:
    """First token, then every token at its slowest; or the whole answer where nothing streams."""
    assert longest_answer(load_valid(ROOT).models[name].spec) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("target", "past"),
    [
        ({"kind": "Rollout", "name": "generator"}, None),
        ({"kind": "Deployment", "name": "generator"}, "Deployment/generator"),
        ({"name": "generator"}, "Deployment/generator"),
    ],
)
def test_a_scaler_scales_the_rollout_where_there_is_one(target: Object, past: str | None) -> None:
    """The Deployment keeps the template only; scaled too, it would run a second set of pods."""
    scaler = thing("ScaledObject", {"scaleTargetRef": target})
    rollout = thing("Rollout", {"strategy": {"blueGreen": {"activeService": "generator"}}})

    wanted = [] if past is None else [["ScaledObject/generator", "scales past the Rollout", past]]
    assert wanted == found(check_rollouts, rollout, scaler)


@pytest.mark.parametrize(
    ("alert", "file"),
    [
        ("ScalerInFallback", "docs/runbooks/scaler-in-fallback.md"),
        ("Down", "docs/runbooks/down.md"),
    ],
)
def test_a_runbook_is_named_as_its_alert(alert: str, file: str) -> None:
    """So that nobody has to remember where it is."""
    assert file == runbook(alert)


def alert(**changed: object) -> Object:
    """A sound alert of the unit, but for what is given."""
    labels = {"namespace": "llm-dev", "service": "generator", "severity": "warning"}
    annotations = {"summary": "Wait.", "runbook": "docs/runbooks/requests-waiting.md"}
    sound = {"alert": "RequestsWaiting", "for": "5m", "labels": labels, "annotations": annotations}
    return {key: value for key, value in (sound | changed).items() if value is not None}


@pytest.mark.parametrize(
    ("changed", "lacks"),
    [
        ({}, None),
        ({"labels": {"namespace": "llm-dev", "service": "generator"}}, "label severity"),
        (
            {"labels": {"namespace": "x", "service": "generator", "severity": "critical"}},
            "label namespace",
        ),
        (
            {"labels": {"namespace": "llm-dev", "service": "x", "severity": "critical"}},
            "label service",
        ),
        ({"annotations": {"runbook": "docs/runbooks/requests-waiting.md"}}, "annotation summary"),
        ({"alert": None}, "alert"),
    ],
)
def test_an_alert_reaches_somebody(changed: Object, lacks: str | None) -> None:
    """By the labels that routes go by, with words that a person understands."""
    one = thing("PrometheusRule", {"groups": [{"rules": [alert(**changed)]}]})
    lost = [fault for fault in found(check_alerts, one) if fault[1] == "alert that reaches nobody"]

    assert [fault[2].startswith(f"no {lacks}") for fault in lost] == ([True] if lacks else [])


@pytest.mark.parametrize(
    ("annotation", "shown"),
    [
        ("docs/runbooks/requests-waiting.md", None),
        ("docs/runbooks/other.md", "docs/runbooks/other.md"),
        (None, "none"),
    ],
)
def test_an_alert_names_its_runbook(annotation: str | None, shown: str | None) -> None:
    """The annotation is what a person clicks."""
    rule = alert(annotations={"summary": "Requests wait.", "runbook": annotation})
    one = thing("PrometheusRule", {"groups": [{"rules": [{"record": "a:b"}, rule]}]})

    wanted = [] if shown is None else [["alert RequestsWaiting", "without its runbook", shown]]
    assert wanted == found(check_alerts, one)
