"""The catalog's objects: what is served (Model), under which name (Service), and where it runs.

Each file holds one object in the Kubernetes resource form, so that editors, Kustomize
replacements and people read it as they read everything else here. Unknown keys are errors.
"""

import re
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
Share = Annotated[float, Field(gt=0, le=1)]
Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(gt=0)]
Gibibytes = Annotated[float, Field(gt=0)]


class Strict(BaseModel):
    """Keys in camelCase, none unknown, no silent conversion, no change after reading."""

    model_config = ConfigDict(
        defer_build=True,  # a command uses few of them, and a class takes half a millisecond
        extra="forbid",
        strict=True,
        frozen=True,
        alias_generator=to_camel,
        validate_by_name=True,  # for code; files are read by alias alone
        use_attribute_docstrings=True,
    )


class Metadata(Strict):
    """The name and annotations of an object."""

    name: Name
    annotations: dict[str, str] = Field(default_factory=dict)


class Task(StrEnum):
    """What a model does with a request."""

    GENERATE = "generate"
    EMBED = "embed"
    RERANK = "rerank"


class DType(StrEnum):
    """Number format of the weights."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"
    FLOAT8 = "float8"

    @property
    def size(self) -> int:
        """Bytes of one number."""
        return {"float32": 4, "float16": 2, "bfloat16": 2, "float8": 1}[self.value]


class HuggingFace(Strict):
    """Weights in a Hugging Face repository."""

    repository: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")]
    revision: Annotated[str, Field(min_length=1)]
    """A branch, a tag, or the 40 hex digits of a commit; only the last may be promoted."""


class Oci(Strict):
    """Weights that are packed as an OCI artifact already."""

    repository: Annotated[str, Field(pattern=r"^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)+$")]


class Source(Strict):
    """Where the weights come from: exactly one of the two."""

    hugging_face: HuggingFace | None = None
    oci: Oci | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.hugging_face is None) == (self.oci is None):
            raise ValueError("exactly one of huggingFace and oci")
        return self

    @property
    def pinned(self) -> bool:
        """Whether it names one content for ever; an OCI source is pinned by its release."""
        if self.hugging_face is None:
            return True
        return re.fullmatch("[0-9a-f]{40}", self.hugging_face.revision) is not None


class Architecture(Strict):
    """The sizes that decide how much key-value cache a token needs."""

    layers: Count
    key_value_heads: Count
    head_size: Count
    caches_key_values: bool = True
    """False for an encoder, which answers in one pass and caches nothing."""


class Accelerator(Strict):
    """What one replica needs."""

    kind: Name
    count: Count
    memory_gib: Annotated[Gibibytes, Field(alias="memoryGiB")]
    """Memory of one accelerator."""


class ColdStart(Strict):
    """How long a replica takes from the start of its container until it serves."""

    p99_seconds: Count
    """99 of 100 starts are faster. The startup probe's budget is twice as long."""
    reason: Annotated[str, Field(min_length=1)]
    """Where the number comes from."""


class Limits(Strict):
    """What one replica promises to take at the same time."""

    concurrency: Count
    input_tokens: Count
    output_tokens: Annotated[int, Field(ge=0)]
    requests_per_second: Annotated[float, Field(gt=0)] | None = None
    """The rate of arrivals at which every objective must hold; the load gate needs it."""


class Objective(Strict):
    """A share of requests that must be answered within so many seconds."""

    objective: Share
    seconds: Seconds


class Availability(Strict):
    """A share of requests that must succeed."""

    objective: Share


class ServiceLevel(Strict):
    """The service level objectives of a model."""

    time_to_first_token: Objective | None = None
    inter_token_latency: Objective | None = None
    end_to_end: Objective
    availability: Availability


class Budget(Strict):
    """What a model may cost at the rate where its objectives still hold."""

    usd_per_million_tokens: Annotated[float, Field(gt=0)]


class ModelSpec(Strict):
    """Everything there is to know about a model before it is served."""

    source: Source
    licence: Annotated[str, Field(min_length=1)]
    """SPDX identifier of the weights' licence."""
    task: Task
    context_length: Count
    parameters: Count
    dtype: DType
    architecture: Architecture
    accelerator: Accelerator
    cold_start: ColdStart
    engine_config: Annotated[str, Field(pattern=r"^[\w.-]+\.yaml$")]
    """The vLLM --config file beside this one."""
    limits: Limits
    slo: ServiceLevel
    owner: Name
    price_class: Name
    """A class of models/prices.yaml."""
    budget: Budget | None = None

    @model_validator(mode="after")
    def _fields_agree(self) -> Self:
        promised = self.limits.input_tokens + self.limits.output_tokens
        if promised > self.context_length:
            raise ValueError(
                f"limits promise {promised} tokens, more than contextLength {self.context_length}"
            )
        generates = self.task is Task.GENERATE
        streams = self.slo.time_to_first_token and self.slo.inter_token_latency
        if generates and not (streams and self.limits.output_tokens):
            raise ValueError(
                "task generate wants slo.timeToFirstToken, slo.interTokenLatency and outputTokens"
            )
        return self


class Model(Strict):
    """models/<name>/model.yaml: what is served."""

    api_version: Literal["tidegate.dev/v1alpha1"]
    kind: Literal["Model"]
    metadata: Metadata
    spec: ModelSpec


class ServiceSpec(Strict):
    """What callers may rely on."""

    task: Task
    port: Annotated[int, Field(gt=0, lt=65536)]
    description: Annotated[str, Field(min_length=1)]


class Service(Strict):
    """base/services/<name>/service.yaml: the thing callers address."""

    api_version: Literal["tidegate.dev/v1alpha1"]
    kind: Literal["Service"]
    metadata: Metadata
    spec: ServiceSpec


# The artifact type of a lab engine: a Python environment, listed distribution by distribution.
LAB_ENGINE_TYPE = "application/vnd.tidegate.lab.engine.v1+json"
# Names under .invalid can never be resolved (RFC 6761), so a lab artifact can never be pulled.
LAB_REGISTRY = "lab.tidegate.invalid"


class EngineArtifact(StrEnum):
    """What an environment runs: container images, or the lab's Python environment."""

    IMAGE = "image"
    LAB = "lab"


class EnvironmentSpec(Strict):
    """How releases reach an environment and where they go in it."""

    namespace: Name
    domain: Annotated[str, Field(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$")]
    """Callers reach a service of the environment at `<service>.<domain>`."""
    issuer: Annotated[str, Field(pattern=r"^https://[^\s/]+(/\S+)?$")]
    """Whose OpenID Connect tokens the environment accepts; the audience is the domain."""
    promotes_from: Name | None = None
    """The environment before this one; none for the first."""
    engine_artifact: EngineArtifact
    """`image` everywhere but in the lab, whose own remote says `lab`; each refuses the other."""


class Environment(Strict):
    """overlays/<name>/environment/environment.yaml: where a release runs."""

    api_version: Literal["tidegate.dev/v1alpha1"]
    kind: Literal["Environment"]
    metadata: Metadata
    spec: EnvironmentSpec


class Offer(Strict):
    """Accelerators that a cluster has."""

    kind: Name
    memory_gib: Annotated[Gibibytes, Field(alias="memoryGiB")]
    per_node: Count
    nodes: Count


class ClusterSpec(Strict):
    """What a cluster offers, and to which environment."""

    environment: Name
    region: Name
    accelerators: Annotated[list[Offer], Field(min_length=1)]
    prometheus: Annotated[str, Field(pattern=r"^https?://")] = (
        "http://prometheus-operated.monitoring.svc:9090"
    )
    """Where scalers and analyses ask; left out, it is that of the chart in base/platform."""


class Cluster(Strict):
    """clusters/<name>/cluster.yaml: on what it runs."""

    api_version: Literal["tidegate.dev/v1alpha1"]
    kind: Literal["Cluster"]
    metadata: Metadata
    spec: ClusterSpec
