"""What must hold of namespaces and of the network between them."""

from collections.abc import Iterable, Iterator
from typing import Any

from tidegate.findings import Finding
from tidegate.manifests.checks import Object, title
from tidegate.policy.scope import Scope, dig, namespace, pods

_PSA = "pod-security.kubernetes.io"
_METADATA_SERVICE = "169.254.169.254/32"


def check_namespaces(scopes: Iterable[Scope]) -> Iterator[Finding]:
    """Findings of every Namespace: pod security, default deny, limits; of every network rule."""
    scopes = list(scopes)
    everything = [one for scope in scopes for one in scope.objects]
    served = {scope.namespace for scope in scopes if scope.namespace}
    for scope in scopes:
        for one in scope.of("Namespace"):
            yield from _check_security(scope, one)
            if one["metadata"]["name"] in served:
                yield from _check_contents(scope, one, everything)
        for one in scope.of("NetworkPolicy"):
            yield from _check_egress(scope, one)
            yield from _check_ports(scope, one, everything)


def _check_security(scope: Scope, one: Object) -> Iterator[Finding]:
    labels = dig(one, "metadata", "labels") or {}
    for mode in ("enforce", "audit", "warn"):
        level, version = labels.get(f"{_PSA}/{mode}"), labels.get(f"{_PSA}/{mode}-version", "")
        if level != "restricted" or not str(version).startswith("v1."):
            yield scope.fault(
                title(one),
                "pod security is not pinned to restricted",
                wanted=f"{_PSA}/{mode}: restricted and {mode}-version: v1.<minor>",
                found=f"{level}, {version or 'no version'}",
                next_step="add the labels",
            )


def _check_contents(scope: Scope, one: Object, everything: list[Object]) -> Iterator[Finding]:
    inside = [other for other in everything if namespace(other) == one["metadata"]["name"]]
    denied = {kind for other in inside for kind in _denied(other)}
    for kind in sorted({"Ingress", "Egress"} - denied):
        yield scope.fault(
            title(one),
            "network is open",
            wanted=f"a NetworkPolicy that denies all {kind}",
            found=None,
            next_step="deny both directions, then allow what is needed",
        )
    kinds = {other["kind"] for other in inside}
    for kind in sorted({"LimitRange", "ResourceQuota"} - kinds):
        yield scope.fault(
            title(one),
            "namespace without limits",
            wanted=kind,
            found=None,
            next_step="add it, so that one team cannot take the whole cluster",
        )


def _denied(one: Object) -> set[str]:
    """The directions in which a policy denies everything to every pod."""
    spec = one.get("spec") or {}
    if one["kind"] != "NetworkPolicy" or spec.get("podSelector"):
        return set()
    return {kind for kind in spec.get("policyTypes") or [] if not spec.get(kind.lower())}


def _check_egress(scope: Scope, one: Object) -> Iterator[Finding]:
    for rule in dig(one, "spec", "egress") or []:
        for peer in rule.get("to") or [{"ipBlock": {"cidr": "0.0.0.0/0"}}]:
            block = peer.get("ipBlock") or {}
            if str(block.get("cidr", "")).endswith("/0") and not _excludes_metadata(block):
                yield scope.fault(
                    title(one),
                    "the metadata service can be reached",
                    wanted=f"except: [{_METADATA_SERVICE}]",
                    found=block.get("cidr"),
                    next_step="name the peers, or except the node's metadata service",
                )


def _excludes_metadata(block: dict[str, Any]) -> bool:
    return any(str(cidr).startswith("169.254.") for cidr in block.get("except") or [])


def _check_ports(scope: Scope, one: Object, everything: list[Object]) -> Iterator[Finding]:
    """An engine's other ports (torch's store listens on all interfaces) are not for anyone."""
    selector = dig(one, "spec", "podSelector", "matchLabels") or {}
    chosen = [
        pod
        for other in everything
        if namespace(other) == namespace(one)
        for pod in pods(other)
        if selector.items() <= pod.labels.items() and pod.engine
    ]
    for rule in dig(one, "spec", "ingress") or []:
        if chosen and not rule.get("ports"):
            yield scope.fault(
                title(one),
                "every port is open",
                wanted="the engine's HTTP port alone",
                found="a rule without ports",
                next_step="name the port",
            )
