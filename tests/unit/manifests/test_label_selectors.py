"""Label selectors and address blocks, each against a plain account of what Kubernetes says."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.manifests.samples import thing

from tidegate.manifests import objects
from tidegate.manifests.network import check_network
from tidegate.manifests.pods import pods

KEYS, VALUES = st.sampled_from(["app", "tier", "zone"]), st.sampled_from(["a", "b", "c"])
LABELS = st.dictionaries(KEYS, VALUES)
SETS = st.fixed_dictionaries(
    {
        "key": KEYS,
        "operator": st.sampled_from(["In", "NotIn"]),
        "values": st.lists(VALUES, min_size=1, max_size=3),
    }
)
PRESENCE = st.fixed_dictionaries(
    {"key": KEYS, "operator": st.sampled_from(["Exists", "DoesNotExist"])}
)
SELECTORS = st.fixed_dictionaries(
    {}, optional={"matchLabels": LABELS, "matchExpressions": st.lists(SETS | PRESENCE, max_size=3)}
)
METADATA = 169 << 24 | 254 << 16 | 169 << 8 | 254


def excluded(rule: dict[str, Any], labels: dict[str, str]) -> bool:
    """Whether one requirement keeps labels out, told as the API's reference tells it."""
    there, listed = rule["key"] in labels, labels.get(rule["key"]) in rule.get("values", [])
    return {"In": not listed, "NotIn": there and listed, "Exists": not there}.get(
        rule["operator"], there
    )


@given(selector=SELECTORS, labels=LABELS)
def test_a_selector_selects_what_meets_all_of_it(
    selector: dict[str, Any], labels: dict[str, str]
) -> None:
    """Pods and clusters are selected by the same rules."""
    rules = [
        *(
            {"key": key, "operator": "In", "values": [value]}
            for key, value in selector.get("matchLabels", {}).items()
        ),
        *selector.get("matchExpressions", []),
    ]
    wanted = not any(excluded(rule, labels) for rule in rules)

    assert objects.selects(selector, labels) is wanted


@given(labels=LABELS)
def test_an_empty_selector_selects_everything(labels: dict[str, str]) -> None:
    """Keys without a value are as good as none."""
    assert objects.selects({}, labels)
    assert objects.selects({"matchLabels": None, "matchExpressions": None}, labels)


@given(selector=SELECTORS, labels=LABELS, more=LABELS)
def test_another_requirement_never_selects_more(
    selector: dict[str, Any], labels: dict[str, str], more: dict[str, str]
) -> None:
    """Requirements are joined by `and`."""
    narrower = selector | {"matchLabels": selector.get("matchLabels", {}) | more}

    if (
        objects.selects(narrower, labels)
        and more.items() >= selector.get("matchLabels", {}).items()
    ):
        assert objects.selects(selector, labels)


BLOCKS = st.tuples(
    st.integers(0, 2**32 - 1) | st.integers(METADATA - 300, METADATA + 300), st.integers(0, 32)
)


def cidr(address: int, length: int) -> str:
    """The block as text; bits of a host may be set."""
    return ".".join(str(address >> shift & 255) for shift in (24, 16, 8, 0)) + f"/{length}"


def holds(address: int, length: int) -> bool:
    """Whether the block has the address of the metadata service, bit by bit."""
    return (address ^ METADATA) >> (32 - length) == 0


@given(block=BLOCKS, without=st.lists(BLOCKS, max_size=2))
def test_a_block_reaches_the_metadata_service_by_its_first_bits(
    block: tuple[int, int], without: list[tuple[int, int]]
) -> None:
    """Unless an exception takes the address out again; set host bits change nothing."""
    peer = {"ipBlock": {"cidr": cidr(*block), "except": [cidr(*one) for one in without]}}
    rule = {"to": [peer], "ports": [{"port": 443}]}
    reaches = holds(*block) and not any(holds(*one) for one in without)

    found = check_network(
        [thing("NetworkPolicy", {"egress": [rule], "policyTypes": ["Egress"]})], "x.yaml"
    )

    assert [one.what for one in found] == ["reaches the cloud's metadata service"] * reaches


@pytest.mark.parametrize("block", ["::/0", "fd00::/8", "2001:db8::1/32"])
def test_a_block_of_the_other_family_does_not_reach_it(block: str) -> None:
    """The service's address is of version 4."""
    rule = {"to": [{"ipBlock": {"cidr": block}}], "ports": [{"port": 443}]}

    assert (
        check_network(
            [thing("NetworkPolicy", {"egress": [rule], "policyTypes": ["Egress"]})], "x.yaml"
        )
        == []
    )


@pytest.mark.parametrize(
    ("one", "count"),
    [
        ({"kind": "Deployment", "spec": {"template": {"spec": {}}}}, 1),
        ({"kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": {"a": 1}}}}}, 0),
        ({"kind": "Rollout", "spec": {"workloadRef": {}}}, 0),
        ({"kind": "CronJob", "spec": {"jobTemplate": None}}, 0),
        ({"kind": "Service", "spec": {"template": {"spec": {}}}}, 0),
    ],
)
def test_only_what_owns_pods_has_a_template(one: dict[str, Any], count: int) -> None:
    """A template that is missing, or borrowed from a Deployment, is none."""
    assert len(pods(one)) == count


@pytest.mark.parametrize("template", [{}, {"metadata": None}, {"metadata": {"labels": None}}])
def test_a_template_without_labels_has_none(template: dict[str, Any]) -> None:
    """So no selector with a label takes its pods."""
    (pod,) = pods({"kind": "Job", "spec": {"template": template | {"spec": {}}}})

    assert pod.labels == {}
