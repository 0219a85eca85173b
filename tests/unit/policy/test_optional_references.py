"""What a pod may do without is no reference to something that must be there."""

from typing import Any

import pytest
from tests.unit.policy.samples import scope

from tidegate.policy.references import check_references

VOLUMES = {"secret": {"secretName": "tokens"}, "configMap": {"name": "tokens"}}


def deployment(volume: dict[str, Any]) -> dict[str, Any]:
    """A Deployment of one container with one volume."""
    pod = {"containers": [{"name": "engine"}], "volumes": [{"name": "tokens", **volume}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "a", "namespace": "b"},
        "spec": {"template": {"metadata": {}, "spec": pod}},
    }


@pytest.mark.parametrize("key", VOLUMES)
@pytest.mark.parametrize("optional", [True, False])
def test_an_optional_volume_may_be_missing(key: str, *, optional: bool) -> None:
    """The pod starts without it, so nobody has to add it."""
    one = deployment({key: {**VOLUMES[key], "optional": optional}})

    found = [fault for fault in check_references([scope({}, one)]) if "tokens" in str(fault)]

    assert len(found) == (0 if optional else 1)
