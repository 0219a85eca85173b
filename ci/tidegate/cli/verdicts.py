"""How the verdict of the gates looks on a terminal."""

from collections.abc import Iterable
from itertools import groupby

from rich.table import Table
from rich.text import Text

from tidegate.cli.output import columns
from tidegate.gates.measure import NEVER
from tidegate.gates.verdict import Measurement, Outcome, Verdict

OUTCOME_STYLE = {Outcome.PASS: "green", Outcome.HOLD: "yellow", Outcome.FAIL: "red"}
UNIT = {"share": "", "score": "", "ratio": "", "requests/s": "/s", "USD": "$"}
"""Units that are told shorter than in a verdict, or go without saying."""


def verdict_table(title: str, verdict: Verdict) -> Table:
    """Every measurement with its threshold, sample size and outcome."""
    heading = Text.assemble(f"{title}: ", (verdict.summary(), OUTCOME_STYLE[verdict.outcome]))
    return measurement_table(heading, verdict.measurements)


def measurement_table(heading: Text | str, measurements: Iterable[Measurement]) -> Table:
    """Each measurement with its interval, threshold, samples of those needed, and outcome.

    Gates are headings and shares have no unit, so that a row fits 80 columns.
    """
    names = ("measured", "value", "interval", "wanted", "samples", "")
    table = columns(*names, title=heading, right={"value", "interval", "samples"})
    for gate, rows in groupby(measurements, key=lambda m: m.gate):
        table.add_row(Text(gate, style="bold"))
        for m in rows:
            wanted = f"{'>=' if m.bound == 'at least' else '<='} {m.threshold:.4g}"
            value = "nothing" if m.value is None else f"{m.value:.3g}"
            table.add_row(
                f"  {m.name}",
                value,
                _limits(m),
                f"{wanted} {UNIT.get(m.unit, m.unit)}".rstrip(),
                f"{m.samples}/{m.min_samples}",
                Text(m.outcome, style=OUTCOME_STYLE[m.outcome]),
            )
    return table


def _limits(measurement: Measurement) -> str:
    """The interval as `low..high`; a limit that the sample is too small for is left out."""
    if measurement.interval is None:
        return ""
    low, high = measurement.interval.low, measurement.interval.high
    return "..".join(
        "" if x is None else "never" if x >= NEVER else f"{x:.2g}" for x in (low, high)
    )
