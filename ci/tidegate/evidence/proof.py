"""Whether a release may enter an environment: its evidence against the environment's policy.

Fail-closed: for each requirement the newest evidence that is believed must satisfy it, so older
evidence that was kinder cannot be played again. What is not believed has no say at all.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tidegate.catalog.objects import Task
from tidegate.catalog.policy import EvidenceKind, Policy, Requirement
from tidegate.evidence.kinds import FAULTS, read_verdict
from tidegate.evidence.models import model_signatures
from tidegate.evidence.statement import (
    Attestation,
    Evidence,
    attestations,
    open_attestation,
)
from tidegate.evidence.trust import Signers
from tidegate.findings import Finding, FindingsError
from tidegate.manifests.release import Release
from tidegate.oci import Layout, short

# Clocks of two machines differ; more than this is a forged or broken time.
SKEW = timedelta(minutes=5)

Roles = Mapping[str, Signers]


@dataclass(frozen=True, slots=True)
class Proof:
    """The verdict that a promotion rests on, and everything else that its policy asked for."""

    evidence: Evidence
    attestations: tuple[Attestation, ...]

    def trailer(self) -> str:
        """Each kind with its digest, in one line."""
        return " ".join(f"{one.kind}={one.digest}" for one in self.attestations)

    def built(self) -> datetime:
        """When the release came to be: its provenance's time, or else its verdict's."""
        by_kind = {one.kind: one.made for one in self.attestations}
        return by_kind.get(EvidenceKind.PROVENANCE) or by_kind[EvidenceKind.VERDICT]


@dataclass(frozen=True, slots=True)
class Search:
    """Evidence of one release, looked at under one policy at one moment."""

    layout: Layout
    release: Release
    policy: Policy
    roles: Roles
    now: datetime
    model: str | None = None
    """The model whose settings the release will run with; verdicts about others do not count."""
    tasks: Mapping[str, Task] = field(default_factory=dict)
    """What each model of the catalog does, by its name."""

    @property
    def environment(self) -> str:
        """Where the release wants to go."""
        return self.policy.metadata.name

    def signers(self, wanted: Requirement) -> Signers:
        """Who is believed about a requirement; nobody for a role that is not there."""
        return self.roles.get(wanted.signers, ())

    def candidates(self, wanted: Requirement) -> tuple[list[Attestation], list[FindingsError]]:
        """What is believed and could satisfy a requirement, oldest first, and what is not."""
        if wanted.kind is EvidenceKind.MODEL:
            return model_signatures(self.layout, self.release, self.signers(wanted))
        found, others = attestations(self.layout, self.release, self.signers(wanted))
        return [one for one in found if self._fits(one, wanted)], others

    def _fits(self, one: Attestation, wanted: Requirement) -> bool:
        if one.kind is not wanted.kind:
            return False
        if one.kind is EvidenceKind.APPROVAL:
            return bool(one.predicate.get("environment") == self.environment)
        if one.kind is not EvidenceKind.VERDICT:
            return True
        of_model = self.model in {None, one.predicate.get("model")}
        at_endpoint = wanted.endpoint in {None, one.predicate.get("environment")}
        return of_model and at_endpoint

    def satisfy(self, wanted: Requirement) -> list[Attestation]:
        """The evidence that satisfies a requirement.

        Raises:
            FindingsError: there is none, or the newest does not.
        """
        found, others = self.candidates(wanted)
        chosen = list({name: one for one in found for name in sorted(one.signers)}.values())
        needed = wanted.approvals if wanted.kind is EvidenceKind.APPROVAL else 1
        if wanted.kind is not EvidenceKind.APPROVAL:
            chosen = found[-1:]
        faults = [fault for one in chosen for fault in self.faults(one, wanted)]
        if wanted.kind is EvidenceKind.APPROVAL:
            good = [one for one in chosen if not any(self.faults(one, wanted))]
            chosen, faults = good, [] if len(good) >= needed else faults
        if len(chosen) < needed:
            if wanted.kind is EvidenceKind.MODEL:
                faults += [finding for error in others for finding in error.findings]
            raise FindingsError([*faults, self._missing(wanted, len(chosen), needed, others)])
        if faults:
            raise FindingsError(faults)
        return chosen

    def faults(self, one: Attestation, wanted: Requirement) -> Iterator[Finding]:
        """Why an attestation does not satisfy a requirement."""
        yield from _age_faults(one, wanted, self.now)
        task = self.tasks.get(str(one.predicate.get("model")))
        yield from FAULTS[one.kind](one.digest, one.predicate, wanted.of_task(task))

    def _missing(
        self, wanted: Requirement, found: int, needed: int, others: list[FindingsError]
    ) -> Finding:
        reasons = {finding.what for error in others for finding in error.findings}
        at = f" on {wanted.endpoint}" if wanted.endpoint else ""
        return Finding(
            f"overlays/{self.environment}/policy.yaml",
            f"{wanted.kind}{at}",
            "evidence is missing",
            f"{needed} signed by role {wanted.signers}",
            f"{found} for {self.release}"
            + (f", others {', '.join(sorted(reasons))}" * bool(reasons)),
            f"{_NEXT[wanted.kind]}, or fetch it with `tidegate evidence pull`",
        )


_NEXT = {
    EvidenceKind.VERDICT: "run the gates with a signer of that role",
    EvidenceKind.APPROVAL: "approve it with `tidegate evidence approve`",
    EvidenceKind.MODEL: "sign the packed folder with `tidegate evidence sign-model`",
} | dict.fromkeys(
    (EvidenceKind.PROVENANCE, EvidenceKind.SBOM, EvidenceKind.SCAN),
    "attach it with `tidegate evidence add`",
)


def _age_faults(one: Attestation, wanted: Requirement, now: datetime) -> Iterator[Finding]:
    age = now - one.made
    if age < -SKEW:
        yield Finding(
            one.digest,
            one.kind,
            "evidence is from the future",
            f"a time before {now.isoformat(timespec='seconds')}",
            one.made.isoformat(),
            "correct the clock that it was made by, and make it again",
        )
    if wanted.max_age_hours is not None and age > timedelta(hours=wanted.max_age_hours):
        yield Finding(
            one.digest,
            one.kind,
            "evidence has expired",
            f"at most {wanted.max_age_hours:g} hours old",
            f"{age / timedelta(hours=1):.1f} hours",
            "make it again",
        )


def of_running(policy: Policy) -> Policy:
    """The policy for a release that is there: how old evidence may be was asked when it came."""
    evidence = tuple(
        wanted.model_copy(update={"max_age_hours": None}) for wanted in policy.spec.evidence
    )
    return policy.model_copy(update={"spec": policy.spec.model_copy(update={"evidence": evidence})})


def prove(search: Search, named: str | None = None) -> Proof:
    """All that a policy asks for, or every reason why not.

    Args:
        search: which release, under which policy, believing whom.
        named: the verdict that the promotion must rest on; the newest if None.

    Raises:
        FindingsError: evidence is missing, expired, fails, or a newer verdict exists.
        CouldNotCheckError: the store cannot be read.
    """
    chosen: list[Attestation] = []
    faults: list[Finding] = []
    if named:
        faults += _named_faults(search, named)
    for wanted in () if faults else search.policy.spec.evidence:
        try:
            chosen += search.satisfy(wanted)
        except FindingsError as error:
            faults += error.findings
    if faults:
        raise FindingsError(faults)
    verdict = next(one for one in chosen if one.kind is EvidenceKind.VERDICT)
    read = read_verdict(verdict.predicate, file=verdict.digest)
    return Proof(Evidence(verdict.digest, search.release, read), tuple(chosen))


def _named_faults(search: Search, named: str) -> list[Finding]:
    """The verdict that somebody named is believed, and none newer exists."""
    wanted = search.policy.spec.requirement(EvidenceKind.VERDICT)
    if wanted is None:
        raise AssertionError(f"{search.environment} has a policy without a verdict")
    try:
        one = open_attestation(search.layout, named, search.release, search.signers(wanted))
    except FindingsError as error:
        return list(error.findings)
    if one.kind is not EvidenceKind.VERDICT:
        return [
            Finding(
                named,
                "statement",
                "not a gate verdict",
                EvidenceKind.VERDICT,
                one.kind,
                "name the digest that the gates printed",
            )
        ]
    model = one.predicate.get("model")
    if search.model not in {None, model}:
        what, step = "about another model", "name the release's model under components first"
        return [Finding(named, "model", what, str(search.model), str(model), step)]
    newest = search.candidates(wanted)[0][-1:]
    if newest and newest[0].made > one.made:
        return [
            Finding(
                named,
                "verdict",
                "newer evidence exists",
                short(newest[0].digest),
                short(named),
                "older evidence is never played again; name the newest, or none",
            )
        ]
    return []


def show(search: Search) -> list[dict[str, Any]]:
    """Each requirement of the policy with its evidence and what is wrong with it, as data."""
    rows: list[dict[str, Any]] = []
    for wanted in search.policy.spec.evidence:
        found, _ = search.candidates(wanted)
        faults: tuple[Finding, ...] = ()
        try:
            chosen = search.satisfy(wanted)
        except FindingsError as error:
            chosen, faults = found[-1:], error.findings
        rows.append(
            {
                "kind": wanted.kind.value,
                "signers": wanted.signers,
                "evidence": [one.as_dict() for one in chosen],
                "findings": [fault.as_dict() for fault in faults],
            }
        )
    return rows
