"""Memory arithmetic: what a replica needs, what its accelerators give, and the comparison."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.catalog.samples import spec

from tidegate.catalog.objects import DType
from tidegate.catalog.sizing import (
    DEFAULT_UTILIZATION,
    GIB,
    Fit,
    fit,
    key_value_bytes_per_token,
    minimum_key_value_bytes,
    weight_bytes,
)

COUNTS = st.integers(1, 200)


@pytest.mark.parametrize(
    ("dtype", "size"), [("float32", 4), ("float16", 2), ("bfloat16", 2), ("float8", 1)]
)
def test_weights_are_parameters_times_the_size_of_a_number(dtype: str, size: int) -> None:
    """By hand: a million parameters."""
    assert weight_bytes(spec(dtype=dtype, parameters=1_000_000)) == size * 1_000_000


@pytest.mark.parametrize(
    ("architecture", "dtype", "expected"),
    [
        pytest.param({"layers": 36, "keyValueHeads": 8, "headSize": 128}, "bfloat16", 147_456),
        pytest.param({"layers": 32, "keyValueHeads": 32, "headSize": 128}, "float16", 524_288),
        pytest.param({"layers": 80, "keyValueHeads": 8, "headSize": 128}, "bfloat16", 327_680),
        pytest.param({"layers": 3, "keyValueHeads": 4, "headSize": 32}, "float32", 3_072),
    ],
    ids=["Qwen3-8B", "Llama-2-7B", "Llama-3-70B", "tiny-chat"],
)
def test_a_token_holds_what_is_published(
    architecture: dict[str, int], dtype: str, expected: int
) -> None:
    """Known models: 144 KiB, 512 KiB, 320 KiB and 3 KiB a token."""
    assert key_value_bytes_per_token(spec(architecture=architecture, dtype=dtype)) == expected


def test_float8_weights_cache_in_two_bytes() -> None:
    """A smaller weight does not shrink the cache, which keeps the engine's default."""
    half, eighth = spec(dtype="bfloat16"), spec(dtype="float8")

    assert key_value_bytes_per_token(eighth) == key_value_bytes_per_token(half)


def test_an_encoder_caches_nothing() -> None:
    """It answers in one pass."""
    architecture = {"layers": 24, "keyValueHeads": 16, "headSize": 64, "cachesKeyValues": False}

    assert minimum_key_value_bytes(spec(architecture=architecture)) == 0


@given(concurrency=COUNTS, tokens=st.integers(1, 8000), output=st.integers(1, 8000))
def test_the_promise_is_every_request_at_its_longest(
    concurrency: int, tokens: int, output: int
) -> None:
    """Linear in each factor, so doubling the promised concurrency doubles the cache."""
    limits = {"concurrency": concurrency, "inputTokens": tokens, "outputTokens": output}
    promised = spec(limits=limits)

    needed = minimum_key_value_bytes(promised)

    assert needed == concurrency * (tokens + output) * 147_456


@pytest.mark.parametrize(
    ("engine", "share"),
    [
        ({}, DEFAULT_UTILIZATION),
        ({"gpu-memory-utilization": 0.5}, 0.5),
        ({"gpu-memory-utilization": 1}, 1.0),
        ({"gpu-memory-utilization": "a lot"}, DEFAULT_UTILIZATION),
    ],
)
def test_the_engine_takes_its_share_of_every_accelerator(
    engine: dict[str, Any], share: float
) -> None:
    """What is no number has a finding of its own and does not break the arithmetic."""
    accelerator = {"kind": "nvidia-h100", "count": 2, "memoryGiB": 80}

    assert fit(spec(accelerator=accelerator), engine).available == int(160 * GIB * share)


@given(weights=st.integers(0, 10**12), cache=st.integers(0, 10**12), spare=st.integers(-5, 5))
def test_it_fits_up_to_the_last_byte(weights: int, cache: int, spare: int) -> None:
    """One byte short does not fit."""
    balance = Fit(weights, cache, weights + cache + spare)

    assert balance.needed == weights + cache
    assert balance.fits == (spare >= 0)


def test_every_number_format_has_a_size() -> None:
    """A new one cannot be forgotten."""
    assert all(dtype.size in {1, 2, 4} for dtype in DType)
