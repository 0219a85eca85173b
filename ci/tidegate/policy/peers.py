"""Network policies and subsets mean somebody: labels of namespaces, ports that are open, pods."""

from collections.abc import Iterable, Iterator
from typing import Any

from tidegate.findings import Finding
from tidegate.manifests.objects import Object, dig, selects, title
from tidegate.manifests.pods import Pod, pods
from tidegate.policy.scope import Scope, namespace

_NAME = "kubernetes.io/metadata.name"  # every namespace carries its own
_SIDECAR_PORTS = {15008, 15020, 15021, 15090}


def check_peers(scopes: Iterable[Scope]) -> Iterator[Finding]:
    """Findings over all scopes: who is let in is often another folder's or a chart's."""
    scopes = list(scopes)
    spaces = [one["metadata"].get("labels") or {} for s in scopes for one in s.of("Namespace")]
    labels = {_NAME}.union(*spaces)
    inside: dict[str, list[Pod]] = {}
    for scope in scopes:
        for one in scope.objects:
            inside.setdefault(namespace(one), []).extend(pods(one))
    for scope in scopes:
        for one in scope.of("NetworkPolicy"):
            yield from _check_namespaces(scope, one, labels)
            yield from _check_ports(scope, one, inside[namespace(one)])
        for one in scope.of("DestinationRule"):
            yield from _check_subsets(scope, one, inside[namespace(one)])


def _rules(policy: Object) -> Iterator[tuple[str, dict[str, Any], list[dict[str, Any]]]]:
    for side, peers in (("ingress", "from"), ("egress", "to")):
        for rule in policy["spec"].get(side) or []:
            yield side, rule, rule.get(peers) or []


def _check_namespaces(scope: Scope, one: Object, labels: set[str]) -> Iterator[Finding]:
    """By its name any namespace can be selected; by another label only one that has it."""
    for _, _, peers in _rules(one):
        for peer in peers:
            keys = set(dig(peer, "namespaceSelector", "matchLabels") or {})
            if keys - labels:
                yield scope.fault(
                    title(one),
                    "selects no namespace",
                    wanted=f"{_NAME}, or a label of a namespace that is rendered here",
                    found=", ".join(sorted(keys - labels)),
                    next_step="correct the label; nobody is let through",
                )


def _check_ports(scope: Scope, one: Object, inside: Iterable[Pod]) -> Iterator[Finding]:
    """Who is let in comes to a port that the selected pods open, or their sidecar."""
    chosen = [pod for pod in inside if selects(one["spec"].get("podSelector") or {}, pod.labels)]
    opened: set[object] = {
        value
        for pod in chosen
        for container in pod.containers
        for port in container.get("ports") or []
        for value in (port.get("name"), port.get("containerPort"))
    }
    opened |= _SIDECAR_PORTS  # a mesh without its sidecars has findings of its own
    for side, rule, _ in _rules(one):
        for port in rule.get("ports") or [] if side == "ingress" and chosen else []:
            if port.get("port") not in opened and "endPort" not in port:
                yield scope.fault(
                    title(one),
                    "port that no container opens",
                    wanted=f"one of {', '.join(sorted(map(str, opened - {None})))}",
                    found=port.get("port"),
                    next_step="correct the port; who should come in is shut out",
                )


def _check_subsets(scope: Scope, one: Object, inside: list[Pod]) -> Iterator[Finding]:
    for subset in dig(one, "spec", "subsets") or []:
        labels = subset.get("labels") or {}
        if inside and not (labels and any(labels.items() <= pod.labels.items() for pod in inside)):
            yield scope.fault(
                f"{title(one)}/{subset['name']}",
                "selects no pod",
                wanted="labels of a pod in its namespace",
                found=", ".join(f"{k}={v}" for k, v in labels.items()),
                next_step="correct the subset's labels",
            )
