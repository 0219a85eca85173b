"""What network policies let through, on objects small enough to read."""

from typing import Any

import pytest
from tests.unit.manifests.samples import thing

from tidegate.manifests.network import check_network

LABELS = {"app": "generator"}
SERVER = thing("Deployment", {"template": {"metadata": {"labels": LABELS}, "spec": {}}})
BOTH = ["Ingress", "Egress"]
PORTS = [{"port": "http"}]


def policy(
    selector: dict[str, Any], types: list[str] | None = None, **rules: list[dict[str, Any]]
) -> dict[str, Any]:
    """A NetworkPolicy."""
    return thing("NetworkPolicy", {"podSelector": selector, "policyTypes": types or BOTH} | rules)


NAMES = "cannot look names up"
DNS = {
    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
    "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
}


def whats(*objects: dict[str, Any]) -> list[str]:
    """The faults of some objects, but that they cannot look names up."""
    return [one.what for one in check_network(objects, "file") if one.what != NAMES]


@pytest.mark.parametrize(
    ("peer", "ports", "found"),
    [
        (DNS, [("UDP", 53), ("TCP", 53)], True),
        (DNS, [("UDP", 53), (None, 53)], True),
        ({**DNS, "podSelector": {}}, [("UDP", 53), ("TCP", 53)], True),
        (DNS, [("UDP", 53)], False),
        (DNS, [("UDP", 54), ("TCP", 54)], False),
        (
            {**DNS, "podSelector": {"matchLabels": {"k8s-app": "x"}}},
            [("UDP", 53), ("TCP", 53)],
            False,
        ),
        ({"podSelector": DNS["podSelector"]}, [("UDP", 53), ("TCP", 53)], False),
    ],
)
def test_a_closed_server_can_look_names_up(
    *, peer: dict[str, Any], ports: list[tuple[str | None, int]], found: bool
) -> None:
    """Over both protocols, at the pods that answer; TCP is what Kubernetes takes for none."""
    rule = [{"port": port} | ({"protocol": name} if name else {}) for name, port in ports]
    one = policy({"matchLabels": LABELS}, egress=[{"to": [peer], "ports": rule}])

    told = [finding.what for finding in check_network([SERVER, one], "file")]

    assert told == ([] if found else [NAMES])


@pytest.mark.parametrize(
    ("policies", "open_"),
    [
        ([policy({"matchLabels": LABELS})], False),
        ([policy({})], False),
        ([policy({"matchLabels": LABELS}, [side]) for side in BOTH], False),
        ([policy({"matchLabels": LABELS}, ["Ingress"])], True),
        ([policy({"matchLabels": {"app": "other"}})], True),
        ([], True),
    ],
    ids=["own", "every pod", "a policy a side", "one side", "of others", "none"],
)
def test_a_server_is_closed_in_both_directions(
    *, policies: list[dict[str, Any]], open_: bool
) -> None:
    """By one policy or several; only those that select its pods count."""
    assert (["network is open"] if open_ else []) == whats(SERVER, *policies)


@pytest.mark.parametrize(
    ("expression", "closed"),
    [
        ({"key": "app", "operator": "In", "values": ["generator"]}, True),
        ({"key": "app", "operator": "In", "values": ["other"]}, False),
        ({"key": "app", "operator": "NotIn", "values": ["other"]}, True),
        ({"key": "app", "operator": "NotIn", "values": ["generator"]}, False),
        ({"key": "app", "operator": "Exists"}, True),
        ({"key": "else", "operator": "Exists"}, False),
        ({"key": "else", "operator": "DoesNotExist"}, True),
        ({"key": "app", "operator": "DoesNotExist"}, False),
    ],
)
def test_expressions_select_as_in_kubernetes(*, expression: dict[str, Any], closed: bool) -> None:
    """All four operators."""
    found = whats(SERVER, policy({"matchExpressions": [expression]}))

    assert ([] if closed else ["network is open"]) == found


@pytest.mark.parametrize(
    ("rule", "anywhere"),
    [
        ({"from": [{"podSelector": {}}], "ports": PORTS}, False),
        ({"from": [{"podSelector": {}}]}, True),
        ({"from": [{"podSelector": {}}], "ports": [{"protocol": "TCP"}]}, True),
        ({"from": [{"namespaceSelector": {}}], "ports": PORTS}, True),
        ({"from": [{"podSelector": {}}, {}], "ports": PORTS}, True),
        ({"ports": PORTS}, True),
        ({"from": [], "ports": PORTS}, True),
        ({}, True),
    ],
)
def test_a_rule_names_peers_and_ports(*, rule: dict[str, Any], anywhere: bool) -> None:
    """A rule that leaves one out means all of them."""
    found = whats(SERVER, policy({}, ingress=[rule]))

    assert (["open to any peer or port"] if anywhere else []) == found


@pytest.mark.parametrize(
    ("types", "said"), [(["Ingress", "Egress"], []), (["Ingress"], ["network is open"])]
)
def test_rules_count_for_the_directions_that_are_named(types: list[str], said: list[str]) -> None:
    """Another policy may close the direction, and then lets through nothing of this one."""
    rule = {"to": [{"podSelector": {}}], "ports": PORTS}

    assert whats(SERVER, policy({}), policy({}, types, egress=[rule])) == said


@pytest.mark.parametrize(
    ("cidr", "without", "reaches"),
    [
        ("0.0.0.0/0", [], True),
        ("0.0.0.0/0", ["10.0.0.0/8"], True),
        ("0.0.0.0/0", ["10.0.0.0/8", "169.254.0.0/16"], False),
        ("0.0.0.0/0", ["169.254.169.254/32"], False),
        ("169.254.169.254/32", [], True),
        ("192.0.2.0/24", [], False),
        ("::/0", [], False),
    ],
)
def test_nothing_reaches_the_metadata_service(
    *, cidr: str, without: list[str], reaches: bool
) -> None:
    """By address, whatever the block that holds it is called."""
    peer = {"ipBlock": {"cidr": cidr, "except": without}}

    found = whats(SERVER, policy({}, egress=[{"to": [peer], "ports": PORTS}]))

    assert (["reaches the cloud's metadata service"] if reaches else []) == found
