"""Rows: what breaks a schema, what is there twice, and what has shifted, each by its own number."""

import json
import math
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from tests.conftest import ROOT, Cli

from tidegate.findings import CouldNotCheckError
from tidegate.gates.dataset import Data, Row, inferred, measured, read_rows
from tidegate.gates.samples import chi_squared, chi_squared_tail, kolmogorov_smirnov
from tidegate.gates.verdict import Outcome

NUMBERS = st.lists(st.floats(-100, 100), min_size=5, max_size=60)
COUNTS = st.lists(st.integers(1, 200), min_size=4, max_size=4)


@given(NUMBERS, NUMBERS)
@settings(max_examples=60)
def test_kolmogorov_smirnov_is_that_of_scipy(old: list[float], new: list[float]) -> None:
    """The limiting distribution at the distance, scaled for small samples."""
    distance = float(stats.ks_2samp(old, new, method="asymp").statistic)
    root = math.sqrt(len(old) * len(new) / (len(old) + len(new)))
    wanted = float(stats.kstwobign.sf((root + 0.12 + 0.11 / root) * distance))

    assert kolmogorov_smirnov(old, new) == pytest.approx(wanted, abs=1e-9)


@given(COUNTS, COUNTS)
def test_chi_squared_is_that_of_scipy(old: list[int], new: list[int]) -> None:
    """Of a table of two rows, without Yates's correction."""
    wanted = float(stats.chi2_contingency([old, new], correction=False).pvalue)

    assert chi_squared(old, new) == pytest.approx(wanted, abs=1e-9)


@given(st.floats(0.01, 300), st.integers(1, 60))
def test_the_tail_of_chi_squared_is_that_of_scipy(statistic: float, freedom: int) -> None:
    """Odd and even degrees of freedom."""
    wanted = float(stats.chi2.sf(statistic, freedom))

    assert chi_squared_tail(statistic, freedom) == pytest.approx(wanted, abs=1e-9)


def test_a_category_that_neither_sample_has_changes_nothing() -> None:
    """It has no degree of freedom; a single category has none either."""
    assert chi_squared([5, 9, 0], [7, 3, 0]) == chi_squared([5, 9], [7, 3])
    assert chi_squared([5], [7]) == 1


def rows(count: int, seed: int, *, mean: float = 0, share: float = 0.5) -> list[Row]:
    """Rows of every kind of column."""
    rng = random.Random(seed)  # noqa: S311 - test data
    return [
        {
            "id": i,
            "score": rng.gauss(mean, 1),
            "language": "en" if rng.random() < share else "de",
            "prompt": f"word{i} " * rng.randint(1, 60),
            "parts": [i],
        }
        for i in range(count)
    ]


def outcomes(new: list[Row], old: list[Row]) -> dict[str, Outcome]:
    """The outcome of each measurement by its name."""
    return {m.name: m.outcome for m in measured(Data(new, old, inferred(old)))}


def test_rows_of_one_source_pass() -> None:
    """Every column is within the limit, whatever its kind; a list has no distribution."""
    found = outcomes(rows(600, 1), rows(600, 2))

    assert found == dict.fromkeys(
        ["schema", "unique", "id-psi", "score-psi", "language-psi", "prompt-words-psi"],
        Outcome.PASS,
    )


@pytest.mark.parametrize(
    ("change", "column"), [({"mean": 1.0}, "score-psi"), ({"share": 0.95}, "language-psi")]
)
def test_a_column_that_shifted_fails_and_no_other(change: dict[str, float], column: str) -> None:
    """By Kolmogorov and Smirnov for numbers, by chi-squared for categories."""
    found = outcomes(rows(600, 1, **change), rows(600, 2))

    assert {name for name, outcome in found.items() if outcome is not Outcome.PASS} == {column}
    assert found[column] is Outcome.FAIL


def test_few_rows_hold() -> None:
    """They cannot show that nothing shifted."""
    found = outcomes(rows(20, 1), rows(20, 2))

    assert found["score-psi"] is Outcome.HOLD


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "another type": ({"score": "high"}, "score: 'high' is not of type 'number'"),
    "a missing value": ({"language": None}, "language: None is not of type 'string'"),
    "a new column": ({"label": 1}, "row: Additional properties are not allowed"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_row_that_breaks_the_schema_is_named(fault: str) -> None:
    """With its number and what is wrong; one is enough to fail."""
    change, said = FAULTS[fault]
    old, new = rows(30, 1), rows(30, 2)
    new[6] |= change
    (schema, *_) = measured(Data(new, old, inferred(old)))

    assert schema.outcome is Outcome.FAIL
    assert schema.examples[0].startswith("'row 7': ")
    assert said in schema.examples[0]


def test_a_row_that_is_there_twice_is_named() -> None:
    """In any order of its keys."""
    old = rows(5, 1)
    (_, unique, *_) = measured(Data([*old, dict(reversed(old[1].items()))], [], inferred(old)))

    assert unique.examples == ("'row 6': the same as row 2",)


READABLE = {
    "rows.jsonl": '{"a": 1}\n\n{"a": 2}\n',
    "rows.csv": "a,b\n1,\n2,x\n",
    "rows.yaml": "spec: {cases: [{a: 1}, {a: 2}]}\n",
}
UNREADABLE = {
    "rows.jsonl": '{"a": 1\n',
    "rows.csv": "a,b\n",
    "rows.yaml": "spec: {cases: [1]}\n",
    "rows.txt": "a",
    "gone.jsonl": None,
}


@pytest.mark.parametrize("name", READABLE)
def test_rows_are_read_from_three_forms(name: str, tmp_path: Path) -> None:
    """Numbers are numbers in each of them."""
    (tmp_path / name).write_text(READABLE[name])

    assert [row["a"] for row in read_rows(tmp_path / name)] == [1, 2]


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_holds_no_rows_cannot_be_checked(name: str, tmp_path: Path) -> None:
    """One clear line; absence is no pass."""
    if (text := UNREADABLE[name]) is not None:
        (tmp_path / name).write_text(text)

    with pytest.raises(CouldNotCheckError, match="rows: cannot be read; wanted"):
        read_rows(tmp_path / name)


def test_the_command_says_what_it_found(cli: Cli, tmp_path: Path) -> None:
    """Exit 0 where all is well, 1 where not, 2 where there is nothing to compare with."""
    old, new = tmp_path / "old.jsonl", tmp_path / "new.jsonl"
    for path, found in ((old, rows(600, 2)), (new, rows(600, 1, mean=1))):
        path.write_text("".join(f"{json.dumps(row)}\n" for row in found))
    same = cli("gate", "data", old, "--reference", old)
    shifted = cli("gate", "data", new, "--reference", old, "--json")
    alone = cli("gate", "data", new)

    assert (same.code, shifted.code, alone.code) == (0, 1, 2)
    failed = [m["name"] for m in json.loads(shifted.out) if m["outcome"] == "fail"]
    assert failed == ["score-psi"]
    assert "nothing to compare with; wanted one of the two, or both, found neither" in alone.err


def test_an_evaluation_set_is_checked_against_a_schema(cli: Cli, tmp_path: Path) -> None:
    """The committed one passes; another schema, or none, does not."""
    schema = tmp_path / "schema.json"
    schema.write_text(json.dumps({"required": ["prompt", "answer"], "maxProperties": 2}))
    facts = ROOT / "models/tiny-chat/evals/facts.yaml"
    right = cli("gate", "data", facts, "--schema", schema)
    schema.write_text(json.dumps({"required": ["question"]}))
    wrong = cli("gate", "data", facts, "--schema", schema)
    schema.write_text("{")
    broken = cli("gate", "data", facts, "--schema", schema)

    assert (right.code, wrong.code, broken.code) == (0, 1, 2)
    assert "row 1': row: 'question' is a required property" in wrong.out
    assert "schema: cannot be read; wanted a JSON schema" in broken.err
