"""What must hold of a unit's routes: they lead somewhere, wait long enough and retry in time."""

import re
from collections.abc import Iterator
from typing import Any

from tidegate.catalog.objects import ModelSpec
from tidegate.findings import Finding
from tidegate.manifests.objects import Object, of, selects, title
from tidegate.manifests.pods import pods
from tidegate.manifests.render import Rendered
from tidegate.manifests.units import Unit

# A retry on anything else may follow a request that the engine has seen, or a first byte.
_BEFORE_THE_REQUEST = {"connect-failure", "refused-stream"}
_DURATION = re.compile(r"(?P<number>\d+(\.\d+)?)(?P<unit>ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


def check_routes(rendered: Rendered[Unit]) -> Iterator[Finding]:
    """Findings of a unit's VirtualServices, DestinationRules, HTTPRoutes and InferencePools."""
    objects, file = rendered.objects, rendered.unit.file
    longest = longest_answer(rendered.unit.model.spec)
    for one in of(objects, "VirtualService"):
        yield from _check_hosts(one, one["spec"].get("hosts") or [], rendered)
        for route in one["spec"].get("http") or []:
            yield from _check_timeout(one, route.get("timeout"), longest, file)
            yield from _check_retries(one, route.get("retries"), file)
            for destination in _destinations(route):
                yield from _check_destination(one, destination, objects, file)
    for one in of(objects, "DestinationRule"):
        yield from _check_service(one, one["spec"]["host"], None, objects, file)
    for one in of(objects, "HTTPRoute"):
        yield from _check_hosts(one, one["spec"].get("hostnames") or [], rendered)
        for rule in one["spec"].get("rules") or []:
            timeout = (rule.get("timeouts") or {}).get("request")
            yield from _check_timeout(one, timeout, longest, file)
            for backend in rule.get("backendRefs") or []:
                yield from _check_backend(one, backend, objects, file)
    for one in of(objects, "InferencePool"):
        yield from _check_pool(one, objects, file)


def longest_answer(spec: ModelSpec) -> float:
    """Seconds that the longest answer may take while every objective of the model is met."""
    slo = spec.slo
    stream = 0.0
    if slo.time_to_first_token and slo.inter_token_latency:
        tokens = spec.limits.output_tokens * slo.inter_token_latency.seconds
        stream = slo.time_to_first_token.seconds + tokens
    return max(slo.end_to_end.seconds, stream)


def seconds(duration: str) -> float:
    """Seconds of a duration as Istio and the Gateway API write it, `1m30s`."""
    parts = _DURATION.finditer(duration)
    return sum(float(part["number"]) * _SECONDS[part["unit"]] for part in parts)


def _destinations(route: Object) -> Iterator[Object]:
    """Every destination of a route, the mirrored ones too."""
    yield from (one["destination"] for one in route.get("route") or [])
    yield from (one["destination"] for one in route.get("mirrors") or [])
    if "mirror" in route:
        yield route["mirror"]


def _check_hosts(one: Object, hosts: list[str], rendered: Rendered[Unit]) -> Iterator[Finding]:
    """Callers find a service under its own name in the environment's domain, and nowhere else."""
    unit = rendered.unit
    service = unit.service.metadata.name
    allowed = [f"{service}.{unit.environment.spec.domain}", service]
    for host in hosts:
        if host not in allowed:
            yield Finding(
                unit.file,
                title(one),
                "not the service's own host",
                " or ".join(allowed),
                host,
                "take the name and the domain from the unit's Service and Environment",
            )


def _check_timeout(
    one: Object, timeout: str | None, longest: float, file: str
) -> Iterator[Finding]:
    """A route that gives up before the longest answer is complete cuts good answers off."""
    if timeout is None or seconds(timeout) <= longest:
        yield Finding(
            file,
            title(one),
            "timeout below the longest answer",
            f"more than {longest:g} s, as the model's limits and objectives say",
            timeout or "none, so the default of the proxy",
            "raise the timeout or promise less in model.yaml",
        )


def _check_retries(one: Object, retries: Object | None, file: str) -> Iterator[Finding]:
    """Istio retries on 503 by default, so a route without a word is wrong too."""
    said = None if retries is None else str(retries.get("retryOn", ""))
    on = {part.strip() for part in (said or "").split(",")}
    off = retries is not None and retries.get("attempts") == 0
    if not off and (said is None or not on <= _BEFORE_THE_REQUEST):
        yield Finding(
            file,
            title(one),
            "retries what the engine may have begun",
            f"retryOn of {', '.join(sorted(_BEFORE_THE_REQUEST))}, or attempts 0",
            said or "Istio's default",
            "set retries on the route",
        )


def _check_destination(
    one: Object, destination: Object, objects: tuple[Object, ...], file: str
) -> Iterator[Finding]:
    host = destination["host"]
    port = (destination.get("port") or {}).get("number")
    yield from _check_service(one, host, port, objects, file)
    subset = destination.get("subset")
    known = [
        found["name"]
        for rule in of(objects, "DestinationRule")
        if rule["spec"]["host"] == host
        for found in rule["spec"].get("subsets") or []
    ]
    if subset is not None and subset not in known:
        yield _unknown(one, "unknown subset", known, subset, file)


def _check_backend(
    one: Object, backend: Object, objects: tuple[Object, ...], file: str
) -> Iterator[Finding]:
    kind, name = backend.get("kind", "Service"), backend["name"]
    if kind == "Service":
        yield from _check_service(one, name, backend.get("port"), objects, file)
        return
    known = [title(found) for found in of(objects, kind)]
    if f"{kind}/{name}" not in known:
        yield _unknown(one, "routes to nothing", known, f"{kind}/{name}", file)


def _check_service(
    one: Object, host: str, port: int | None, objects: tuple[Object, ...], file: str
) -> Iterator[Finding]:
    services = {found["metadata"]["name"]: found for found in of(objects, "Service")}
    if host not in services:
        yield _unknown(one, "routes to nothing", list(services), host, file)
        return
    ports = [found["port"] for found in services[host]["spec"].get("ports") or []]
    if port is not None and port not in ports:
        yield _unknown(one, "routes to no port", ports, port, file)


def _check_pool(pool: Object, objects: tuple[Object, ...], file: str) -> Iterator[Finding]:
    """A pool selects pods that listen on its ports."""
    selector = pool["spec"]["selector"]
    ports = [
        port["containerPort"]
        for pod in (pod for one in objects for pod in pods(one))
        if selects(selector, pod.labels)
        for container in pod.containers
        for port in container.get("ports") or []
    ]
    for port in pool["spec"]["targetPorts"]:
        if port["number"] not in ports:
            yield _unknown(pool, "routes to no port", ports, port["number"], file)


def _unknown(one: Object, what: str, known: list[Any], found: object, file: str) -> Finding:
    wanted = f"one of {', '.join(map(str, known)) or 'none'}"
    return Finding(file, title(one), what, wanted, str(found), "correct the name or add it")
