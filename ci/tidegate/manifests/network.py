"""What may talk to a unit's pods, and whom they may talk to."""

from collections.abc import Iterable, Iterator
from ipaddress import ip_address, ip_network

from tidegate.findings import Finding
from tidegate.manifests.objects import Object, of, selects, title
from tidegate.manifests.pods import pods

# Cloud metadata services answer here, and hand out the node's credentials.
_METADATA = ip_address("169.254.169.254")
_NAMESPACE = "kubernetes.io/metadata.name"
_LOOKUP_PORT = 53


def check_network(objects: Iterable[Object], file: str) -> list[Finding]:
    """Findings of a unit's network policies, and of servers that have none."""
    objects = tuple(objects)
    policies = of(objects, "NetworkPolicy")
    return [
        *_check_servers(objects, policies, file),
        *_check_lookup(objects, policies, file),
        *(fault for one in policies for fault in _check_peers(one, file)),
    ]


def _check_servers(
    objects: Iterable[Object], policies: list[Object], file: str
) -> Iterator[Finding]:
    """Pods that serve are closed in both directions but for what is listed."""
    for pod in (pod for one in of(objects, "Deployment", "StatefulSet") for pod in pods(one)):
        closed = {
            direction
            for policy in policies
            if selects(policy["spec"].get("podSelector") or {}, pod.labels)
            for direction in policy["spec"].get("policyTypes") or []
        }
        if closed != {"Ingress", "Egress"}:
            yield Finding(
                file,
                title(pod.owner),
                "network is open",
                "a NetworkPolicy of the pods with policyTypes Ingress and Egress",
                ", ".join(sorted(closed)) or "none",
                "restore base/engine/networkpolicy.yaml or its selector",
            )


def _check_lookup(
    objects: Iterable[Object], policies: list[Object], file: str
) -> Iterator[Finding]:
    """A pod that is closed outwards still has to ask the cluster's DNS for names."""
    for pod in (pod for one in of(objects, "Deployment", "StatefulSet") for pod in pods(one)):
        allowed = {
            port.get("protocol", "TCP")
            for policy in policies
            if selects(policy["spec"].get("podSelector") or {}, pod.labels)
            for rule in policy["spec"].get("egress") or []
            if any(map(_is_lookup, rule.get("to") or []))
            for port in rule.get("ports") or []
            if port.get("port") == _LOOKUP_PORT
        }
        if policies and not {"TCP", "UDP"} <= allowed:
            yield Finding(
                file,
                title(pod.owner),
                "cannot look names up",
                "egress to k8s-app kube-dns in kube-system on port 53, TCP and UDP",
                ", ".join(sorted(allowed)) or "none",
                "restore base/engine/networkpolicy.yaml",
            )


def _is_lookup(peer: Object) -> bool:
    spaces = peer.get("namespaceSelector")
    there = spaces is not None and selects(spaces, {_NAMESPACE: "kube-system"})
    return there and selects(peer.get("podSelector") or {}, {"k8s-app": "kube-dns"})


def _check_peers(policy: Object, file: str) -> Iterator[Finding]:
    for side, peers in (("ingress", "from"), ("egress", "to")):
        if side in policy["spec"] and side.title() not in (policy["spec"].get("policyTypes") or []):
            yield Finding(
                file,
                title(policy),
                "network is open",
                f"{side.title()} in policyTypes, as it has rules of {side}",
                ", ".join(policy["spec"].get("policyTypes") or []) or "none",
                "add it, or the rules say nothing",
            )
        for rule in policy["spec"].get(side) or []:
            ports = rule.get("ports") or []
            named = [_is_named(peer) for peer in rule.get(peers) or []]
            if not named or not all(named) or not ports or not all(p.get("port") for p in ports):
                yield Finding(
                    file,
                    title(policy),
                    "open to any peer or port",
                    f"{peers} and ports by name in every rule of {side}",
                    str(rule or "an empty rule"),
                    "name the peers and their ports",
                )
            if any(_reaches_metadata(peer) for peer in rule.get(peers) or []):
                yield Finding(
                    file,
                    title(policy),
                    "reaches the cloud's metadata service",
                    f"an ipBlock without {_METADATA}",
                    side,
                    "add 169.254.0.0/16 to except",
                )


def _is_named(peer: Object) -> bool:
    """Whether a peer is somebody: a selector of namespaces that demands nothing is anybody."""
    spaces = peer.get("namespaceSelector")
    return bool(peer) and (spaces is None or any(spaces.values()))


def _reaches_metadata(peer: Object) -> bool:
    block = peer.get("ipBlock")
    if not block or not _holds_metadata(block["cidr"]):
        return False
    return not any(map(_holds_metadata, block.get("except") or []))


def _holds_metadata(block: str) -> bool:
    """Kubernetes lets an address of the block stand for it, as 10.0.0.1/8."""
    return _METADATA in ip_network(block, strict=False)
