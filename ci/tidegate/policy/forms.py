"""Forms that an API server demands and a schema does not say: names, durations, rates of scaling.

Sources: Kubernetes' validation of object and port names and of HorizontalPodAutoscaler behavior;
Istio's validation of durations and percentages.
"""

import re
from collections.abc import Iterator
from typing import Any

from tidegate.findings import Finding
from tidegate.manifests.objects import Object, dig, fields, title
from tidegate.manifests.pods import pods
from tidegate.policy.scope import Scope
from tidegate.policy.traffic import DURATION
from tidegate.policy.values import refused

_LABEL = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*", re.ASCII)
_PORT = re.compile(rf"(?=.{{1,15}}$)(?=.*[a-z]){_LABEL}", re.ASCII)
# Kinds whose names may hold more: colons, as in system:node.
_PROTOCOLS = {"grpc", "grpc-web", "http", "http2", "https", "tcp", "tls", "udp"}
_FREE = "rbac.authorization.k8s.io/"
_ISTIO = "networking.istio.io/"
_DURATIONS = {"baseEjectionTime", "connectTimeout", "idleTimeout", "interval", "perTryTimeout"}
_DURATIONS |= {"fixedDelay", "maxAge", "maxConnectionDuration", "timeout"}
_PERCENT = {"maxEjectionPercent", "minHealthPercent", "weight"}
_WORDS = {"type": {"Percent", "Pods"}, "selectPolicy": {"Disabled", "Max", "Min"}}
# What a rule of scaling may be, in seconds but for `value`.
_RATES = {"periodSeconds": (1, 1800), "stabilizationWindowSeconds": (0, 3600), "value": (1, None)}


def check_forms(scope: Scope) -> Iterator[Finding]:
    """Findings of every object's name and ports, of Istio's durations and of autoscalers' rates."""
    for one in scope.objects:
        for path, wanted, found in _wrong(one):
            yield refused(scope, f"{title(one)}: {path}", wanted, found)


def _wrong(one: Object) -> Iterator[tuple[str, str, object]]:
    name = str(one["metadata"]["name"])
    if not one["apiVersion"].startswith(_FREE) and not _NAME.fullmatch(name):
        yield "metadata.name", "lower-case letters, digits, - and .", name
    yield from _ports(one)
    if one["apiVersion"].startswith(_ISTIO):
        yield from _of_istio(one["spec"], "spec")
    for path in (("behavior",), ("advanced", "horizontalPodAutoscalerConfig", "behavior")):
        yield from _rates(dig(one, "spec", *path), ".".join(("spec", *path)))


def _ports(one: Object) -> Iterator[tuple[str, str, object]]:
    wanted = "a port's name: at most 15 lower-case letters, digits and -"
    named = dig(one, "spec", "ports") or [] if one["kind"] == "Service" else []
    named = [
        *named,
        *(p for pod in pods(one) for c in pod.containers for p in c.get("ports") or []),
    ]
    for port in named:
        protocol = str(port.get("appProtocol", "http"))
        if protocol not in _PROTOCOLS and "/" not in protocol:
            yield "ports.appProtocol", f"of {', '.join(sorted(_PROTOCOLS))}", protocol
        if not _PORT.fullmatch(str(port.get("name", "http"))):
            yield "ports.name", wanted, port["name"]


def _of_istio(value: Any, path: str) -> Iterator[tuple[str, str, object]]:  # noqa: ANN401 - JSON
    for at, key, one in fields(value, path):
        if key in _DURATIONS and isinstance(one, str) and not (one and DURATION.fullmatch(one)):
            yield at, "a duration such as 1m30s", one
        elif key in _PERCENT and isinstance(one, int) and not 0 <= one <= 100:  # noqa: PLR2004 - per cent
            yield at, "0 to 100", one


def _rates(value: Any, path: str) -> Iterator[tuple[str, str, object]]:  # noqa: ANN401 - JSON
    for at, key, one in fields(value, path):
        least, most = _RATES.get(key, (None, None))
        if least is not None and not (one >= least and (most is None or one <= most)):
            yield at, f"{least} to {most or 'any'}", one
        elif key in _WORDS and one not in _WORDS[key]:
            yield at, f"of {', '.join(sorted(_WORDS[key]))}", one
