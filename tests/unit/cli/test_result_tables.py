"""How verdicts, promotions and what runs where look on a terminal."""

import io
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console, RenderableType
from tests.conftest import ROOT

from tidegate.catalog.load import load_valid
from tidegate.cli import output, promotions, verdicts
from tidegate.findings import Finding
from tidegate.gates.measure import NEVER
from tidegate.gates.verdict import Interval, Measurement, Verdict
from tidegate.manifests.release import Release
from tidegate.manifests.units import Unit
from tidegate.oci import Reference
from tidegate.promotion.history import Record, Standing

ENGINE, MODEL, EVIDENCE = (f"sha256:{digit * 64}" for digit in "abc")
RELEASE = Release(Reference("e", "1", ENGINE), Reference("m", "1", MODEL))
RECORD = Record(
    commit="0123456789abcdef",
    time=datetime(2026, 11, 24, 23, 59, 59, tzinfo=UTC),
    author="A",
    environment="dev",
    service="generator",
    release=RELEASE,
    evidence=EVIDENCE,
    gates="pass 12/12",
    action="promote",
    reason="because",
)


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A reader in Greenwich, wherever the test runs."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


def shown(table: RenderableType, width: int = 200) -> list[list[str]]:
    """The lines of a table as words."""
    console = Console(file=io.StringIO(), width=width)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return [line.split() for line in console.file.getvalue().splitlines()]


def measured(value: float | None = 0.9, low: float | None = 0.8, high: float | None = 1) -> Verdict:
    """A verdict of one measurement that wants at least 0.85 on 10 samples."""
    interval = Interval(low=low, high=high, confidence=0.95, method="wilson")
    one = Measurement(
        gate="quality",
        name="facts",
        value=value,
        unit="share",
        bound="at least",
        threshold=0.85,
        samples=20,
        min_samples=10,
        interval=None if value is None else interval,
    )
    return Verdict(model="m", started="2026-11-24T12:00:00Z", measurements=(one,))


@cache
def unit(release: Release | None) -> Unit:
    """The generator of dev with this release."""
    catalog = load_valid(ROOT)
    return Unit(
        catalog.environments["dev"],
        catalog.services["generator"],
        catalog.models["qwen3-8b"],
        release,
        ROOT,
    )


def test_a_measurement_is_a_row_with_all_that_it_was_judged_by() -> None:
    """Under a title that says the outcome and how many passed."""
    title, header, _, gate, row = shown(verdicts.verdict_table("tiny-chat", measured()))

    assert title == ["tiny-chat:", "pass", "1/1"]
    assert header == ["measured", "value", "interval", "wanted", "samples"]
    assert gate == ["quality"]
    assert row == ["facts", "0.9", "0.8..1", ">=", "0.85", "20/10", "pass"]


# The longest names that the gates give, with long numbers.
LONGEST = [
    ("load", "time-to-first-token-p95-ratio", "ratio", 1.234, 1.01, 1.52, 1.5),
    ("latency", "inter-token-latency-p99.9", "s", 0.00123, 0.0011, 0.0012, 0.025),
    ("load", "knee", "requests/s", 12.5, 12.5, 16.25, 12.5),
    ("cost", "per-million-tokens", "USD", 0.1234, 0.0012, 0.0013, 0.1234),
    ("robustness", "disturbed-distraction-drop", "share", 0.123, -0.012, 0.123, 0.125),
]


def test_a_verdict_fits_eighty_columns() -> None:
    """No cell is folded: each measurement is one line, under the name of its gate."""
    (one,) = measured().measurements
    long = tuple(
        one.model_copy(
            update={
                "gate": gate,
                "name": name,
                "unit": unit,
                "value": value,
                "threshold": threshold,
                "samples": 1000,
                "min_samples": 100,
                "interval": Interval(low=low, high=high, confidence=0.9, method="bootstrap"),
            }
        )
        for gate, name, unit, value, low, high, threshold in LONGEST
    )
    lines = shown(
        verdicts.verdict_table("m", measured().model_copy(update={"measurements": long})), 80
    )

    assert [line[0] for line in lines[3:]] == [
        *("load", LONGEST[0][1], "latency", LONGEST[1][1], "load", LONGEST[2][1]),
        *("cost", LONGEST[3][1], "robustness", LONGEST[4][1]),
    ]
    assert {line[-1] for line in lines[3:] if len(line) > 1} == {"pass", "hold", "fail"}


def test_what_could_not_be_measured_is_nothing_and_not_zero() -> None:
    """It has no interval either, and holds."""
    *_, row = shown(verdicts.verdict_table("t", measured(None)))

    assert row == ["facts", "nothing", ">=", "0.85", "20/10", "hold"]


def test_the_most_that_may_be_is_told_by_its_sign() -> None:
    """A latency is wanted below its threshold."""
    verdict = measured()
    (one,) = verdict.measurements
    slow = one.model_copy(update={"bound": "at most", "unit": "s", "threshold": 0.25})

    *_, row = shown(
        verdicts.verdict_table("t", verdict.model_copy(update={"measurements": (slow,)}))
    )

    assert row[3:6] == ["<=", "0.25", "s"]


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.8123, 0.9876, "0.81..0.99"),
        (None, 0.5, "..0.5"),
        (0.5, None, "0.5.."),
        (0.5, NEVER, "0.5..never"),
        (NEVER, NEVER, "never..never"),
        (0.0, 0.0, "0..0"),
    ],
)
def test_an_interval_is_two_limits_of_two_digits(
    low: float | None, high: float | None, text: str
) -> None:
    """A limit that the sample is too small for is left out; an answer that never came says so."""
    *_, row = shown(verdicts.verdict_table("t", measured(0.9, low, high)))

    assert row[2] == text


@pytest.mark.parametrize(
    ("release", "record", "row"),
    [
        (RELEASE, RECORD, "aaaaaaaa+bbbbbbbb 11-24 23:59 cccccccc 12/12"),
        (RELEASE, None, "aaaaaaaa+bbbbbbbb - -"),
        (None, None, "never promoted - -"),
    ],
    ids=["proven", "unproven", "never promoted"],
)
def test_a_unit_is_a_row_with_its_release_and_proof(
    release: Release | None, record: Record | None, row: str
) -> None:
    """A release that no promotion put there has no time and no evidence."""
    *_, words = shown(promotions.standing_table([Standing(unit(release), record)]))

    assert words == f"dev generator qwen3-8b {row}".split()


def test_what_runs_where_fits_a_terminal_of_eighty_columns() -> None:
    """No cell of a proven unit is cut or wrapped there."""
    table = promotions.standing_table([Standing(unit(RELEASE), RECORD)])

    assert shown(table, 80)[-1] == shown(table)[-1]


@pytest.mark.parametrize("width", [20, 33, 60])
def test_a_list_cuts_its_widest_columns_where_the_terminal_is_narrow(width: int) -> None:
    """Every row stays one line of the terminal's width; characters of two columns count as two."""
    listing = output.Listing("Title", "service", "reason")
    listing.add_row("generator", "x" * 40)
    listing.add_row("generator", "容" * 20)
    console = Console(file=io.StringIO(), width=width)

    console.print(listing)

    assert isinstance(console.file, io.StringIO)
    _, _, rule, plain, wide = console.file.getvalue().splitlines()
    assert {cell_len(line) for line in (rule, plain, wide)} == {min(width, 51)}
    assert ("…" in plain) == ("…" in wide) == (width < 51)


def test_a_promotion_is_a_row_by_its_commit() -> None:
    """Eight digits of each hash, in the order in which the log gives them."""
    later = Record(**{k: getattr(RECORD, k) for k in RECORD.__slots__} | {"action": "rollback"})

    title, _, _, *rows = shown(promotions.history_table([later, RECORD]))

    assert title == ["Promotion", "log"]
    assert [row[3] for row in rows] == ["rollback", "promote"]
    assert rows[1] == (
        [
            "01234567",
            "11-24",
            "23:59",
            "promote",
            "dev",
            "generator",
            "aaaaaaaa+bbbbbbbb",
            "-",
            "cccccccc",
            "A",
        ]
    )


@settings(max_examples=50, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=6,
    )
)
def test_json_on_a_terminal_is_one_document(value: object) -> None:
    """Brackets, escapes and long lines in it are left as they are."""
    written = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", written)
        output.print_json(value)

    assert json.loads(written.getvalue()) == value
    assert written.getvalue().endswith("\n")


def test_a_finding_is_one_line_whatever_it_holds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither wrapped nor read as markup: tools find its file and its end."""
    monkeypatch.setattr(output, "errors", Console(stderr=True, width=20, soft_wrap=True))
    found = Finding("f.yaml", "spec.items[0]", "is [red]wrong[/red]", "a " * 40, "b", "mend it")

    output.print_findings([found, found])

    assert capsys.readouterr().err == f"{found.line}\n" * 2
