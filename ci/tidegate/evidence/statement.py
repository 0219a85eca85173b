"""In-toto statements (version 1) about a release, stored beside it as an OCI referrer.

The statement names both digests of the release as its subjects, so evidence of one release proves
nothing about another. The verdict is judged again from its numbers whenever it is read. Statements
are not signed yet: whoever can write to the store can write evidence.
"""

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from tidegate.findings import Finding, FindingsError, refuse
from tidegate.gates.verdict import Measurement, Outcome, Verdict
from tidegate.manifests.release import Release
from tidegate.oci import EMPTY, MANIFEST, Layout, canonical_json

STATEMENT = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
VERDICT_TYPE = "https://tidegate.dev/gate-verdict/v1"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A verdict bound to a release; `digest` names the stored statement."""

    digest: str
    release: Release
    verdict: Verdict


def statement(release: Release, verdict: Verdict) -> dict[str, Any]:
    """The in-toto statement that binds a verdict to a release."""
    return {
        "_type": STATEMENT_TYPE,
        "subject": _subjects(release),
        "predicateType": VERDICT_TYPE,
        "predicate": verdict.model_dump(mode="json", by_alias=True),
    }


def store(layout: Layout, release: Release, verdict: Verdict) -> Evidence:
    """Put the statement into the layout as a referrer of the model; returns the evidence."""
    model = layout.read(release.model.digest)
    content = layout.add_blob(canonical_json(statement(release, verdict)), STATEMENT)
    descriptor = layout.add_manifest(
        artifact_type=STATEMENT,
        config=layout.add_blob(b"{}", EMPTY),
        layers=[content],
        annotations={
            "org.opencontainers.image.created": verdict.started,
            "dev.tidegate.predicate-type": VERDICT_TYPE,
        },
        subject={"mediaType": MANIFEST, "digest": release.model.digest, "size": len(model)},
    )
    return Evidence(descriptor["digest"], release, verdict)


def verify(layout: Layout, digest: str, release: Release) -> Evidence:
    """The stored evidence, if it proves this release.

    Raises:
        CouldNotCheckError: the store does not hold it whole.
        FindingsError: it is no verdict, is about another release, or does not pass.
    """
    data = _read_statement(layout, digest)
    wanted = [subject["digest"] for subject in _subjects(release)]
    subjects = data.get("subject")
    found = [
        subject.get("digest") if isinstance(subject, dict) else subject
        for subject in (subjects if isinstance(subjects, list) else [])
    ]
    if found != wanted:
        raise refuse(
            digest,
            "subject",
            "evidence of another release",
            wanted=str(release),
            found=" ".join(str(d) for d in found) or "none",
            next_step="run the gates on this release",
        )
    try:
        verdict = Verdict.model_validate_json(json.dumps(data.get("predicate")))
    except ValidationError as error:
        raise refuse(
            digest,
            "predicate",
            "not a verdict",
            wanted=VERDICT_TYPE,
            found=f"{error.error_count()} faults",
            next_step="run the gates again",
        ) from None
    require_pass(verdict, file=digest)
    return Evidence(digest, release, verdict)


def _subjects(release: Release) -> list[dict[str, Any]]:
    return [
        {
            "name": f"{reference.name}:{reference.tag}",
            "digest": {"sha256": reference.digest.removeprefix("sha256:")},
        }
        for reference in (release.engine, release.model)
    ]


def _read_statement(layout: Layout, digest: str) -> dict[str, Any]:
    data: dict[str, Any] = {}
    kind = "no statement"
    with suppress(AttributeError, KeyError, IndexError, TypeError, ValueError):  # another shape
        manifest = layout.manifest(digest)
        kind = manifest.get("artifactType", kind)
        if kind == STATEMENT:
            data = dict(json.loads(layout.read(manifest["layers"][0]["digest"])))
    if data.get("_type") != STATEMENT_TYPE or data.get("predicateType") != VERDICT_TYPE:
        raise refuse(
            digest,
            "statement",
            "not a gate verdict",
            wanted=VERDICT_TYPE,
            found=str(data.get("predicateType", kind)),
            next_step="name the digest that the gates printed",
        )
    return data


def require_pass(verdict: Verdict, *, file: str) -> None:
    """Nothing for a verdict that passes.

    Raises:
        FindingsError: one finding for every measurement that does not pass.
    """
    if verdict.outcome is Outcome.PASS:
        return
    bad = [m for m in verdict.measurements if m.outcome is not Outcome.PASS]
    if not bad:
        raise refuse(
            file,
            "verdict",
            "nothing was measured",
            wanted="measurements",
            found="none",
            next_step="add evaluation sets and run the gates",
        )
    raise FindingsError(_as_finding(measurement, file) for measurement in bad)


def _as_finding(measurement: Measurement, file: str) -> Finding:
    m = measurement
    value = "nothing" if m.value is None else f"{m.value:.4g} {m.unit}"
    return Finding(
        file=file,
        object=f"{m.gate}/{m.name}",
        what=f"gate says {m.outcome}",
        wanted=f"{m.bound} {m.threshold:.4g} {m.unit} on {m.min_samples} or more samples",
        found=f"{value} on {m.samples}",
        next_step="correct the release and run the gates again; nothing was committed",
    )


def latest(layout: Layout, release: Release) -> str | None:
    """Digest of the newest statement about the release's model, if there is one."""
    found = layout.referrers(release.model.digest, STATEMENT)
    return found[-1] if found else None
