"""Which gateway a route hangs on, and whether that takes the route's hosts."""

from typing import Any

import pytest

from tidegate.policy.gateways import check_gateways
from tidegate.policy.scope import Scope

ISTIO, API = "networking.istio.io/v1", "gateway.networking.k8s.io/v1"


def thing(version: str, kind: str, place: str, **spec: Any) -> dict[str, Any]:  # noqa: ANN401 - YAML
    """An object called `llm`."""
    metadata = {"name": "llm", "namespace": place}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


def virtual(*gateways: str, hosts: list[str] | None = None) -> dict[str, Any]:
    """A VirtualService in namespace `a`."""
    hosts = hosts or ["x.example.com"]
    return thing(ISTIO, "VirtualService", "a", gateways=list(gateways), hosts=hosts)


def gateway(*hosts: str, place: str = "a") -> dict[str, Any]:
    """Istio's Gateway."""
    return thing(ISTIO, "Gateway", place, servers=[{"hosts": list(hosts)}])


def found(*objects: dict[str, Any]) -> list[str]:
    """What is said about objects of several folders."""
    scopes = [Scope(f"{n}", f"{n}.yaml", (one,)) for n, one in enumerate(objects)]
    return [fault.what for fault in check_gateways(scopes)]


MISSING, UNSERVED = ["names what is not there"], ["gateway does not serve the host"]


@pytest.mark.parametrize(
    ("name", "place", "said"),
    [
        ("llm", "a", []),
        ("a/llm", "a", []),
        ("b/llm", "b", []),
        ("llm", "b", MISSING),
        ("b/llm", "a", MISSING),
        ("other", "a", MISSING),
        ("mesh", "b", []),
    ],
)
def test_a_gateway_is_looked_for_in_the_route_s_own_namespace(
    name: str, place: str, said: list[str]
) -> None:
    """Or in the one that it names; `mesh` is no object."""
    assert found(virtual(name), gateway("*", place=place)) == said


def test_a_gateway_of_the_other_kind_is_none() -> None:
    """Istio's and the Gateway API's share the name of their kind and nothing else."""
    other = thing(API, "Gateway", "a", listeners=[{"name": "https"}])

    assert found(virtual("llm"), other) == MISSING


@pytest.mark.parametrize(
    ("served", "hosts", "said"),
    [
        ("*.example.com", ["x.example.com"], []),
        ("*.example.com", ["x.example.com", "x"], []),  # a Service, for callers inside the mesh
        ("*.example.com", ["x.example.org"], UNSERVED),
        ("*.example.com", ["x.example.org", "y.example.org"], UNSERVED * 2),
        ("./*.example.com", ["x.example.com"], []),
        ("a/*.example.com", ["x.example.com"], []),
        ("b/*.example.com", ["x.example.com"], UNSERVED),
        ("*/x.example.com", ["x.example.com"], []),
    ],
)
def test_a_host_must_be_one_that_the_gateway_serves_to_the_namespace(
    served: str, hosts: list[str], said: list[str]
) -> None:
    """Istio drops the others without a word."""
    assert found(virtual("llm", hosts=hosts), gateway(served)) == said


def test_one_gateway_of_the_name_that_serves_the_host_is_enough() -> None:
    """Each cluster may have one of its own, for the environment that it runs."""
    assert found(virtual("llm"), gateway("*.example.org"), gateway("*.example.com")) == []


def test_a_dot_means_the_gateway_s_own_namespace() -> None:
    """So a route of another one cannot take a host."""
    assert found(virtual("b/llm"), gateway("./*.example.com", place="b")) == UNSERVED


ALL, SELF = {"from": "All"}, {"from": "Same"}
CHOSEN = {"from": "Selector", "selector": {"matchLabels": {"kubernetes.io/metadata.name": "a"}}}


@pytest.mark.parametrize(
    ("listener", "said"),
    [
        ({"hostname": "*.example.com", "allowedRoutes": {"namespaces": ALL}}, []),
        ({"hostname": "*.example.com", "allowedRoutes": {"namespaces": CHOSEN}}, []),
        ({"allowedRoutes": {"namespaces": ALL}}, []),
        ({"hostname": "*.example.com", "allowedRoutes": {"namespaces": SELF}}, UNSERVED),
        ({"hostname": "*.example.com"}, UNSERVED),
        ({"hostname": "*.example.org", "allowedRoutes": {"namespaces": ALL}}, UNSERVED),
        ({"name": "http", "allowedRoutes": {"namespaces": ALL}}, UNSERVED),
    ],
)
def test_a_route_takes_the_listener_that_it_names(
    listener: dict[str, Any], said: list[str]
) -> None:
    """Its host and its namespace must be let in there."""
    parent = {"name": "llm", "namespace": "b", "sectionName": "https"}
    route = thing(API, "HTTPRoute", "a", parentRefs=[parent], hostnames=["x.example.com"])
    other = thing(API, "Gateway", "b", listeners=[{"name": "https"} | listener])

    assert found(route, other) == said


def test_a_route_may_hang_on_something_else() -> None:
    """A Service, in the mesh of the Gateway API."""
    route = thing(API, "HTTPRoute", "a", parentRefs=[{"kind": "Service", "name": "x"}])

    assert found(route) == []
