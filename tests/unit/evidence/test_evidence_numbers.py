"""Whether evidence passes follows from its numbers, judged again whenever they are read."""

import json
from typing import Any

import pytest
from tests.unit.evidence.conftest import Refusal
from tests.unit.evidence.samples import SIGNER, TRUSTED, forged, measured, verdict

from tidegate.evidence.statement import store, verify
from tidegate.findings import FindingsError
from tidegate.gates.verdict import Measurement
from tidegate.manifests.release import Release
from tidegate.oci import Layout

WANTED = "wanted at least 0.9 share on 20 or more samples"


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        ("value", 0.8999, "gate says fail"),
        ("value", None, "gate says hold"),
        ("value", float("nan"), "gate says fail"),
        ("value", "0.95", "not a verdict"),
        ("samples", 19, "gate says hold"),
        ("samples", -1, "not a verdict"),
        ("minSamples", 21, "gate says hold"),
        ("minSamples", 0, "not a verdict"),
        ("threshold", 0.96, "gate says fail"),
        ("bound", "at most", "gate says fail"),
        ("bound", "about", "not a verdict"),
    ],
)
def test_changed_numbers_are_judged_again(
    *,
    field: str,
    value: object,
    what: str,
    layout: Layout,
    good: dict[str, Any],
    refusal: Refusal,
) -> None:
    """What follows from the numbers is worked out when they are read, never kept in the store."""
    predicate = json.loads(json.dumps(good["predicate"]))
    predicate["measurements"][0][field] = value

    finding = refusal(forged(layout, good, predicate=predicate))

    assert what == finding.what


@pytest.mark.parametrize("value", [0.9, 1.0])
def test_numbers_that_still_pass_are_a_pass(
    value: float, layout: Layout, release: Release, good: dict[str, Any]
) -> None:
    """The threshold itself is good enough."""
    predicate = json.loads(json.dumps(good["predicate"]))
    predicate["measurements"][0]["value"] = value

    evidence = verify(layout, forged(layout, good, predicate=predicate), release, TRUSTED)

    assert evidence.verdict.measurements[0].value == value


@pytest.mark.parametrize(
    ("measurement", "what", "found"),
    [
        (
            measured(0.5),
            "gate says fail",
            "0.5 share on 20",
        ),
        (
            measured(1.0, samples=19),
            "gate says hold",
            "1 share on 19",
        ),
        (
            measured(None, samples=0),
            "gate says hold",
            "nothing on 0",
        ),
    ],
    ids=["fails", "too few samples", "no data"],
)
def test_a_verdict_that_does_not_pass_is_refused_with_its_numbers(
    *,
    measurement: Measurement,
    what: str,
    found: str,
    layout: Layout,
    release: Release,
    refusal: Refusal,
) -> None:
    """No data and too little data hold, which is no pass; measurements that pass are not told."""
    mixed = verdict(measured(name="good"), measurement)

    finding = refusal(store(layout, release, mixed, SIGNER).digest)

    assert f"functional/facts: {what}; {WANTED}, found {found} - " in str(finding)


def test_every_measurement_that_does_not_pass_is_told(layout: Layout, release: Release) -> None:
    """One finding each, all at once."""
    bad = verdict(measured(0.1, name="a"), measured(name="b"), measured(None, name="c"))
    stored = store(layout, release, bad, SIGNER)

    with pytest.raises(FindingsError) as refused:
        verify(layout, stored.digest, release, TRUSTED)

    assert [finding.object for finding in refused.value.findings] == [
        "functional/a",
        "functional/c",
    ]


def test_a_verdict_that_measured_nothing_is_refused(
    layout: Layout, release: Release, refusal: Refusal
) -> None:
    """Absence is never a pass."""
    finding = refusal(store(layout, release, verdict(), SIGNER).digest)

    assert finding.what == "nothing was measured"
