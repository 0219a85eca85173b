"""Evidence has the form that other tools read, and is found again beside its model."""

import base64
import json

import pytest
from tests.unit.evidence.samples import (
    ABSENT,
    PASSING,
    SIGNER,
    STARTED,
    TRUSTED,
    a_release,
    measured,
    put,
    verdict,
)

from tidegate.evidence.statement import statement, store, stored, verify
from tidegate.evidence.trust import BUNDLE
from tidegate.findings import CouldNotCheckError
from tidegate.manifests.release import Release
from tidegate.oci import Layout, Reference

PREDICATE = {
    "apiVersion": "tidegate.dev/v1alpha1",
    "kind": "Verdict",
    "model": "tiny-chat",
    "started": STARTED,
    "suite": "smoke",
    "seed": 0,
    "previous": None,
    "environment": None,
    "measurements": [
        {
            "gate": "functional",
            "name": "facts",
            "value": 0.95,
            "unit": "share",
            "bound": "at least",
            "threshold": 0.9,
            "samples": 20,
            "minSamples": 20,
            "interval": None,
            "rule": "threshold",
            "pValue": None,
            "examples": [],
        }
    ],
}


def test_a_statement_is_in_toto_version_1(layout: Layout) -> None:
    """Four fields; subjects are engine and model by name and bare hexadecimal digest."""
    release = a_release(layout)

    assert statement(release, PASSING) == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            {
                "name": "registry.example/engine:v1",
                "digest": {"sha256": release.engine.digest.removeprefix("sha256:")},
            },
            {
                "name": "registry.example/model:v1",
                "digest": {"sha256": release.model.digest.removeprefix("sha256:")},
            },
        ],
        "predicateType": "https://tidegate.dev/gate-verdict/v1",
        "predicate": PREDICATE,
    }


def test_a_statement_holds_numbers_and_no_outcome(layout: Layout) -> None:
    """An outcome could be forged; it follows from the numbers whenever they are read."""
    text = json.dumps(statement(a_release(layout), verdict(measured(0.1))))

    assert "fail" not in text
    assert "outcome" not in text


def test_evidence_is_stored_as_cosign_stores_it(layout: Layout) -> None:
    """OCI 1.1: a manifest with an artifact type, one layer, and the model's descriptor."""
    release = a_release(layout)

    manifest = layout.manifest(store(layout, release, PASSING, SIGNER).digest)

    (layer,) = manifest["layers"]
    bundle = json.loads(layout.read(layer["digest"]))
    assert manifest["artifactType"] == layer["mediaType"] == BUNDLE
    title = f"{layer['digest'].replace(':', '-')}.sigstore.json"
    assert layer["annotations"] == {"org.opencontainers.image.title": title}
    payload = base64.b64decode(bundle["dsseEnvelope"]["payload"])
    assert json.loads(payload) == statement(release, PASSING)
    assert manifest["config"]["mediaType"] == "application/vnd.oci.empty.v1+json"
    assert manifest["subject"] == {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": release.model.digest,
        "size": len(layout.read(release.model.digest)),
    }
    assert manifest["annotations"] == {
        "org.opencontainers.image.created": STARTED,
        "dev.sigstore.bundle.content": "dsse-envelope",
        "dev.sigstore.bundle.predicateType": "https://tidegate.dev/gate-verdict/v1",
    }


def test_evidence_is_found_from_the_engine_too(layout: Layout) -> None:
    """`cosign verify-attestation` asks about the image: both artifacts lead to one bundle."""
    release = a_release(layout)
    made = store(layout, release, PASSING, SIGNER)

    digests = [release.engine.digest, release.model.digest]
    from_engine, from_model = [layout.referrers(digest, BUNDLE) for digest in digests]

    layers = [layout.manifest(found[0])["layers"] for found in (from_engine, from_model)]
    assert from_model == [made.digest]
    assert layers[0] == layers[1]


def test_evidence_of_a_model_that_is_not_stored_could_not_be_kept(layout: Layout) -> None:
    """A referrer of nothing would never be found; nothing is written."""
    engine = a_release(layout).engine
    files = sorted(layout.root.rglob("*"))
    release = Release(engine, Reference("registry.example/model", "v1", ABSENT))

    with pytest.raises(CouldNotCheckError, match="no such blob"):
        store(layout, release, PASSING, SIGNER)

    assert files == sorted(layout.root.rglob("*"))


@pytest.mark.parametrize("value", [0.1, None])
def test_a_verdict_that_does_not_pass_is_kept_too(value: float | None, layout: Layout) -> None:
    """What failed is on record; only promotion needs a pass."""
    release = a_release(layout)

    made = store(layout, release, verdict(measured(value)), SIGNER)

    assert stored(layout, release) == [made.digest]


def test_stored_evidence_proves_its_release(layout: Layout) -> None:
    """What is read is what was stored, numbers and all."""
    release = a_release(layout)
    made = store(layout, release, PASSING, SIGNER)

    assert made == verify(Layout(layout.root), made.digest, release, TRUSTED)


def test_evidence_is_in_the_order_of_storing(layout: Layout) -> None:
    """Not by a clock that may be wrong."""
    release = a_release(layout)
    first = store(layout, release, PASSING, SIGNER)
    second = store(layout, release, verdict(measured(), started="2020-01-01T00:00:00Z"), SIGNER)

    assert first.digest != second.digest
    assert stored(layout, release) == [first.digest, second.digest]


def test_other_referrers_and_other_models_have_no_say(layout: Layout) -> None:
    """A signature or a bill of materials beside the model is no statement."""
    release, other = a_release(layout), a_release(layout, model="other")
    made = store(layout, release, PASSING, SIGNER)
    store(layout, other, PASSING, SIGNER)
    put(layout, b"{}", artifact_type="application/spdx+json", subject=release.model.digest)

    assert stored(layout, release) == [made.digest]


def test_there_is_no_evidence_before_the_first(layout: Layout) -> None:
    """Neither in a store without evidence nor in one that was never made."""
    release = a_release(layout)

    assert stored(layout, release) == []
    assert stored(Layout(layout.root / "none"), release) == []
