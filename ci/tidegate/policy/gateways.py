"""Every route hangs on a gateway that is rendered here and serves the route's hosts."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tidegate.findings import Finding
from tidegate.manifests.objects import Object, dig, title
from tidegate.policy.scope import Scope, namespace

# Istio's own name for every sidecar, which is no Gateway.
_MESH = "mesh"
_ISTIO, _API = "networking.istio.io", "gateway.networking.k8s.io"
# The kinds of routes of the Gateway API that name hosts.
_ROUTES = ("GRPCRoute", "HTTPRoute", "TLSRoute")


@dataclass(frozen=True, slots=True)
class Name:
    """What a route calls its gateway; `listener` where it names one of its listeners."""

    group: str
    namespace: str
    name: str
    listener: str | None = None


def check_gateways(scopes: Iterable[Scope]) -> Iterator[Finding]:
    """Findings of routes, over all scopes: a gateway is often another folder's."""
    scopes = list(scopes)
    # Several of one name: each cluster may have its own.
    gateways: dict[tuple[str, str, str], list[Object]] = {}
    for scope in scopes:
        for one in scope.of("Gateway"):
            key = (_group(one), namespace(one), one["metadata"]["name"])
            gateways.setdefault(key, []).append(one)
    for scope in scopes:
        for one in scope.of("VirtualService", *_ROUTES):
            for name in _names(one):
                meant = gateways.get((name.group, name.namespace, name.name), [])
                if meant:
                    yield from _check_hosts(scope, one, name, meant)
                else:
                    yield _missing(scope, one, name)


def _group(one: Object) -> str:
    return str(one["apiVersion"]).rpartition("/")[0]


def _names(one: Object) -> Iterator[Name]:
    own = namespace(one)
    if one["kind"] == "VirtualService":
        for text in dig(one, "spec", "gateways") or []:
            place, _, name = text.rpartition("/")
            if text != _MESH:
                yield Name(_ISTIO, place or own, name)
        return
    for parent in dig(one, "spec", "parentRefs") or []:
        if parent.get("kind", "Gateway") == "Gateway":
            place, listener = parent.get("namespace") or own, parent.get("sectionName")
            yield Name(_API, place, parent["name"], listener)


def _missing(scope: Scope, one: Object, name: Name) -> Finding:
    return scope.fault(
        title(one),
        "names what is not there",
        wanted=f"a Gateway of {name.group} in namespace {name.namespace}",
        found=name.name,
        next_step="list base/gateway or base/gateway-api where it is to stand, or correct the name",
    )


def _check_hosts(
    scope: Scope, one: Object, name: Name, meant: Iterable[Object]
) -> Iterator[Finding]:
    """Hosts that no server of the gateway has are dropped without a word.

    A host without a dot is a Service that callers inside the mesh name.
    """
    own = namespace(one)
    served = {host for gateway in meant for host in _served(gateway, name.listener, own)}
    for host in dig(one, "spec", "hosts") or dig(one, "spec", "hostnames") or []:
        outside = one["kind"] != "VirtualService" or "." in host
        if outside and not any(fnmatchcase(host, pattern) for pattern in served):
            yield scope.fault(
                title(one),
                "gateway does not serve the host",
                wanted=f"one of {', '.join(sorted(served)) or 'none'}, as Gateway/{name.name} says",
                found=host,
                next_step="give the route and the gateway the same environment",
            )


def _served(gateway: Object, listener: str | None, route: str) -> Iterator[str]:
    """Patterns of hosts that a gateway takes from routes in the namespace `route`."""
    own = namespace(gateway)
    for server in dig(gateway, "spec", "servers") or []:
        for host in server.get("hosts") or []:
            place, _, pattern = host.rpartition("/")
            if place in {"", "*", route} or (place == "." and own == route):
                yield pattern
    for one in dig(gateway, "spec", "listeners") or []:
        if listener in {None, one["name"]} and _admits(one, own, route):
            yield one.get("hostname") or "*"


def _admits(listener: Object, own: str, route: str) -> bool:
    allowed = dig(listener, "allowedRoutes", "namespaces") or {}
    match allowed.get("from", "Same"):
        case "All":
            return True
        case "Selector":
            labels = dig(allowed, "selector", "matchLabels") or {}
            return bool(labels.get("kubernetes.io/metadata.name", route) == route)
        case _:
            return own == route
