"""How much memory a model needs, and whether its accelerator has it."""

from dataclasses import dataclass
from typing import Any

from tidegate.catalog.objects import ModelSpec

GIB = 2**30

# vLLM's default of --gpu-memory-utilization: the share of an accelerator that it may take.
DEFAULT_UTILIZATION = 0.92


@dataclass(frozen=True, slots=True)
class Fit:
    """Memory of one replica in bytes: what it needs and what its accelerators give."""

    weights: int
    key_value_cache: int
    available: int

    @property
    def needed(self) -> int:
        """Bytes without which the replica cannot keep its promise."""
        return self.weights + self.key_value_cache

    @property
    def fits(self) -> bool:
        """Whether what is needed is there."""
        return self.needed <= self.available


def weight_bytes(spec: ModelSpec) -> int:
    """Bytes of the weights: parameters x bytes of one number."""
    return spec.parameters * spec.dtype.size


def key_value_bytes_per_token(spec: ModelSpec) -> int:
    """Bytes that one token holds in the key-value cache; 0 for an encoder.

    2 (a key and a value) x layers x key-value heads x head size x bytes of one number.
    Source: Kwon et al., "Efficient Memory Management for Large Language Model Serving with
    PagedAttention", SOSP 2023, section 3; with grouped-query attention the key-value heads count,
    not the query heads (Ainslie et al., "GQA", 2023). The cache is taken to have the dtype of the
    weights, vLLM's default; float8 weights cache in 2 bytes.
    """
    shape = spec.architecture
    if not shape.caches_key_values:
        return 0
    return 2 * shape.layers * shape.key_value_heads * shape.head_size * max(spec.dtype.size, 2)


def minimum_key_value_bytes(spec: ModelSpec) -> int:
    """Bytes of cache with which the promised concurrency never waits for memory.

    Every promised request at its longest: concurrency x (input + output tokens) x bytes a token.
    """
    tokens = spec.limits.input_tokens + spec.limits.output_tokens
    return spec.limits.concurrency * tokens * key_value_bytes_per_token(spec)


def utilization(engine: dict[str, Any]) -> float:
    """The share of an accelerator that an engine with this configuration may take."""
    found = engine.get("gpu-memory-utilization")
    return found if isinstance(found, int | float) else DEFAULT_UTILIZATION


def fit(spec: ModelSpec, engine: dict[str, Any]) -> Fit:
    """The memory balance of one replica under an engine configuration.

    `available` is accelerators x memory x `gpu-memory-utilization`. Activations and the engine's
    own memory are not counted: vLLM takes them from the share that the utilization leaves free
    or measures them at start.
    """
    memory = spec.accelerator.count * spec.accelerator.memory_gib * GIB
    available = int(memory * utilization(engine))
    return Fit(weight_bytes(spec), minimum_key_value_bytes(spec), available)
