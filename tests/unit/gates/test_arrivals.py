"""When requests arrive: many callers who know nothing of each other, or as they once did."""

import itertools
from pathlib import Path
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tidegate.findings import CouldNotCheckError
from tidegate.gates.arrivals import poisson, read_trace


@given(st.floats(0.5, 50), st.floats(0.1, 5), st.integers(0, 100))
@settings(max_examples=50)
def test_arrivals_are_in_order_and_in_time(rate: float, seconds: float, seed: int) -> None:
    """And the same for the same seed."""
    found = poisson(rate, seconds, seed=seed)

    assert list(found) == sorted(found)
    assert all(0 < arrival < seconds for arrival in found)
    assert found == poisson(rate, seconds, seed=seed)


def test_gaps_are_exponential() -> None:
    """By a Kolmogorov-Smirnov test of 5,000 gaps at 10 a second."""
    found = poisson(10, 500, seed=3)
    gaps = [b - a for a, b in itertools.pairwise(found)]

    assert fmean(gaps) == pytest.approx(0.1, rel=0.05)
    assert stats.kstest(gaps, "expon", args=(0, 0.1)).pvalue > 0.01


def test_another_seed_is_another_schedule() -> None:
    """Otherwise seeds would prove nothing."""
    assert poisson(10, 10, seed=1) != poisson(10, 10, seed=2)


def test_a_trace_starts_at_its_first_arrival(tmp_path: Path) -> None:
    """Numbers and objects, in any order."""
    trace = tmp_path / "trace.jsonl"
    trace.write_text('{"timestamp": 101.5, "tokens": 3}\n100\n\n100.25\n')

    assert read_trace(trace) == (0.0, 0.25, 1.5)


@pytest.mark.parametrize(
    ("text", "said"),
    [("soon\n", "JSON"), ('{"time": 1}\n', "KeyError"), ('{"timestamp": "1"}', "TypeError"),
     ("", "IndexError"), (None, "FileNotFoundError")],
)  # fmt: skip
def test_a_trace_that_cannot_be_read_is_one_line(
    text: str | None, said: str, tmp_path: Path
) -> None:
    """With the file and what a line must be."""
    trace = tmp_path / "trace.jsonl"
    if text is not None:
        trace.write_text(text)

    with pytest.raises(CouldNotCheckError, match="trace: cannot be replayed") as refused:
        read_trace(trace)

    assert said in str(refused.value)
