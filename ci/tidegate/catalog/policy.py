"""What a promotion must show before an environment takes it, and who is believed.

`overlays/<environment>/policy.yaml` says which evidence is needed and when nothing may change;
`overlays/signers.yaml` says whose signatures count, by role. A role without signers believes
nobody, so a fresh fork promotes nothing until it names its own keys or identities.
"""

from datetime import datetime, time
from enum import StrEnum
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from tidegate.catalog.gates import Gate
from tidegate.catalog.objects import Metadata, Name, Strict, Task

Hours = Annotated[float, Field(gt=0)]


class EvidenceKind(StrEnum):
    """What a signed statement is about."""

    VERDICT = "verdict"
    PROVENANCE = "provenance"
    SBOM = "sbom"
    SCAN = "scan"
    APPROVAL = "approval"
    MODEL = "model"


class Severity(StrEnum):
    """How bad a known vulnerability is, as CVSS names it."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    UNKNOWN = "unknown"


class Requirement(Strict):
    """One kind of evidence that a release needs; the newest that is believed must satisfy it."""

    kind: EvidenceKind
    signers: Name
    """The role of overlays/signers.yaml whose signatures count."""
    max_age_hours: Hours | None = None
    """Older evidence has expired; none for evidence that does not age."""
    gates: tuple[Gate, ...] = ()
    """A verdict must have measured with each of these; whatever it measured must pass."""
    task_gates: dict[Task, tuple[Gate, ...]] = Field(default_factory=dict)
    """And with these, by what the model does: a reranker has no stream to measure."""
    suite: Literal["smoke", "full"] = "smoke"
    """A verdict must come from this suite at least."""
    endpoint: Name | None = None
    """A verdict must be about this environment's live endpoint."""
    at_most: dict[Severity, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)
    """A scan may have found so many of a severity; what is not named is not limited."""
    builders: tuple[str, ...] = ()
    """Provenance must name one of these builders; any if empty."""
    approvals: Annotated[int, Field(ge=1)] = 1
    """So many different signers must have approved."""

    @model_validator(mode="after")
    def _fields_fit_the_kind(self) -> Self:
        own = {
            EvidenceKind.VERDICT: {"gates", "task_gates", "suite", "endpoint"},
            EvidenceKind.SCAN: {"at_most"},
            EvidenceKind.PROVENANCE: {"builders"},
            EvidenceKind.APPROVAL: {"approvals"},
        }
        foreign = set.union(*own.values()) - own.get(self.kind, set())
        if self.kind is EvidenceKind.MODEL:
            foreign |= {"max_age_hours"}  # a model's signature holds no time
        wrong = sorted(foreign & self.model_fields_set)
        if wrong:
            raise ValueError(f"{self.kind} evidence has no {', '.join(wrong)}")
        return self

    def of_task(self, task: Task | None) -> "Requirement":
        """The requirement with all gates of a task, or of every task where it is not known."""
        tasks = self.task_gates if task is None else {task}
        more = [gate for one in tasks for gate in self.task_gates.get(one, ())]
        return self.model_copy(update={"gates": tuple(dict.fromkeys([*self.gates, *more]))})


class Weekday(StrEnum):
    """Days of a weekly freeze, in the order of `datetime.weekday`."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


class WeeklyMoment(Strict):
    """A moment of every week on the wall clock."""

    day: Weekday
    time: time

    @field_validator("time", mode="before")
    @classmethod
    def _quoted(cls, value: object) -> object:
        if isinstance(value, str):
            return time.fromisoformat(value)
        raise ValueError('a quoted time such as "16:00"')


class WeeklyFreeze(Strict):
    """From one moment of the week to another, which may lie in the next."""

    start: WeeklyMoment
    end: WeeklyMoment


class DatedFreeze(Strict):
    """From one moment to another on the wall clock, once."""

    start: datetime
    end: datetime

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start.tzinfo or self.end.tzinfo:
            raise ValueError("times on the wall clock of timeZone, without an offset")
        if self.start >= self.end:
            raise ValueError("a start before the end")
        return self


class Freeze(Strict):
    """When nothing is promoted; rollbacks are never frozen."""

    name: Annotated[str, Field(min_length=1)]
    time_zone: str
    """Name of the IANA database; windows follow its wall clock through daylight saving."""
    weekly: WeeklyFreeze | None = None
    dated: DatedFreeze | None = None

    @model_validator(mode="after")
    def _one_window(self) -> Self:
        if (self.weekly is None) == (self.dated is None):
            raise ValueError("exactly one of weekly and dated")
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"a time zone of the IANA database, not {self.time_zone}") from None
        return self


class PolicySpec(Strict):
    """What an environment asks of a promotion."""

    evidence: Annotated[tuple[Requirement, ...], Field(min_length=1)]
    soak_hours: Annotated[float, Field(ge=0)] = 0
    """How long the environment before must have run the release without a change."""
    freezes: tuple[Freeze, ...] = ()
    max_removed_objects: Annotated[int, Field(ge=0)] = 0
    """A commit that removes more objects than this from the environment needs a trailer."""

    @model_validator(mode="after")
    def _a_verdict_first(self) -> Self:
        kinds = [requirement.kind for requirement in self.evidence]
        if EvidenceKind.VERDICT not in kinds:
            raise ValueError("a requirement of kind verdict")
        if len(kinds) != len(set(kinds)):
            raise ValueError("each kind once")
        return self

    def requirement(self, kind: EvidenceKind) -> Requirement | None:
        """What is asked of one kind of evidence, if anything."""
        return next((one for one in self.evidence if one.kind is kind), None)


class Policy(Strict):
    """overlays/<name>/policy.yaml: what may be promoted to an environment, and when."""

    api_version: Literal["tidegate.dev/v1alpha1"]
    kind: Literal["PromotionPolicy"]
    metadata: Metadata
    spec: PolicySpec


class SignerIdentity(Strict):
    """Who is believed: a public key, or an identity that a Sigstore certificate names."""

    name: Name
    public_key: str | None = None
    """PEM of an ECDSA P-256, Ed25519 or RSA key, of a key file or of a key management service."""
    identity: str | None = None
    """E-mail address or workflow that the certificate is for."""
    issuer: str | None = None
    """Who vouched for the identity."""

    @model_validator(mode="after")
    def _key_or_identity(self) -> Self:
        keyless = self.identity is not None and self.issuer is not None
        if (self.public_key is None) != keyless or (self.identity is None) != (self.issuer is None):
            raise ValueError("publicKey, or identity and issuer")
        return self


class SignersSpec(Strict):
    """Whose signatures count, by role."""

    roles: dict[Name, tuple[SignerIdentity, ...]]

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        for role, signers in self.roles.items():
            names = [signer.name for signer in signers]
            if len(names) != len(set(names)):
                raise ValueError(f"each name once in {role}")
        return self


class Signers(Strict):
    """overlays/signers.yaml: whose signatures count."""

    api_version: Literal["tidegate.dev/v1alpha1"]
    kind: Literal["Signers"]
    metadata: Metadata
    spec: SignersSpec


class HoldSpec(Strict):
    """Why a unit is held, since when and by whom."""

    reason: Annotated[str, Field(min_length=1)]
    by: Annotated[str, Field(min_length=1)]
    since: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
    """UTC."""


class Hold(Strict):
    """overlays/<environment>/<service>/hold.yaml: nothing is promoted past it."""

    api_version: Literal["tidegate.dev/v1alpha1"]
    kind: Literal["Hold"]
    metadata: Metadata
    spec: HoldSpec
