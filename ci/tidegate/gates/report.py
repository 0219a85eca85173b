"""What people and machines read: an HTML page, Markdown for pull requests, JUnit for CI servers."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from jinja2 import Environment, PackageLoader, StrictUndefined

from tidegate.catalog.load import ModelFolder
from tidegate.gates.capacity import tokens_per_second
from tidegate.gates.load import goodput
from tidegate.gates.measure import NEVER, quantile
from tidegate.gates.record import Run, Step
from tidegate.gates.verdict import Measurement, Outcome, Verdict

_WIDTH, _HEIGHT, _PAD = 560, 220, 40
_QUANTILES = (0.5, 0.95, 0.99)
# XML 1.0 cannot hold other characters, not even escaped.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of the ladder in numbers; times in seconds, None where nothing was answered."""

    rate: float
    requests: int
    failed: int
    good: float
    tokens_per_second: float
    first: tuple[float | None, ...]
    whole: tuple[float | None, ...]
    trace: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart, in the chart's own coordinates."""

    label: str
    points: tuple[tuple[float, float], ...]

    @property
    def path(self) -> str:
        """As an SVG polyline has it."""
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in self.points)


@dataclass(frozen=True, slots=True)
class Failing:
    """A case with a fault, beside what the previous release answered."""

    set_name: str
    asked: str
    answer: str
    fault: str
    before: str


def limit(value: float | None) -> str:
    """A limit of an interval for people; `none` where the sample is too small for it."""
    if value is None:
        return "none"
    return "never" if value >= NEVER else f"{value:.3g}"


def rung(step: Step, model: ModelFolder) -> Rung:
    """A step in numbers."""

    def times(values: Sequence[float]) -> tuple[float | None, ...]:
        finite = [value for value in values if value < math.inf]
        return tuple(quantile(finite, q) for q in _QUANTILES)

    return Rung(
        rate=step.rate,
        requests=len(step.requests),
        failed=sum(r.fault is not None for r in step.requests),
        good=goodput(step, model.spec.slo),
        tokens_per_second=tokens_per_second(step),
        first=times([r.time_to_first_token for r in step.requests]),
        whole=times([r.end_to_end for r in step.requests]),
        trace=step.trace,
    )


def curves(rungs: Sequence[Rung]) -> tuple[list[Line], float]:
    """End-to-end latency over the rate, a line for each quantile, and the highest latency."""
    ladder = [r for r in rungs if not r.trace]
    found = [(r.rate, r.whole) for r in ladder]
    highest = max((t for _, times in found for t in times if t is not None), default=1.0) or 1.0
    fastest = max((rate for rate, _ in found), default=1.0)
    across, up = _WIDTH - 2 * _PAD, _HEIGHT - 2 * _PAD
    lines = []
    for i, q in enumerate(_QUANTILES):
        points = tuple(
            (_PAD + across * rate / fastest, _HEIGHT - _PAD - up * (times[i] or 0) / highest)
            for rate, times in found
            if times[i] is not None
        )
        lines.append(Line(f"p{q * 100:g}", points))
    return lines, highest


def failing(run: Run, previous: Run | None) -> Iterator[Failing]:
    """Every wrong answer, in the order of the sets."""
    for observed in run.observed:
        old = previous.set_of(observed.gate, observed.name) if previous else ()
        before = {answer.case: answer.answer for answer in old}
        for answer in observed.answers:
            if answer.fault:
                yield Failing(
                    f"{observed.gate}/{observed.name}",
                    answer.asked or answer.case,
                    answer.answer,
                    answer.fault,
                    before.get(answer.case, ""),
                )


def html(verdict: Verdict, run: Run, model: ModelFolder, previous: Run | None = None) -> str:
    """The page: no script, no font, no image and no style from anywhere else."""
    environment = Environment(
        loader=PackageLoader("tidegate.gates", "data"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["limit"] = limit
    rungs = [rung(s, model) for s in sorted(run.steps, key=lambda s: (s.trace, s.rate))]
    lines, highest = curves(rungs)
    return environment.get_template("report.html.jinja").render(
        verdict=verdict,
        rungs=rungs,
        lines=lines,
        highest=highest,
        fastest=max((r.rate for r in rungs if not r.trace), default=1.0),
        failing=list(failing(run, previous)),
        width=_WIDTH,
        height=_HEIGHT,
        pad=_PAD,
    )


def markdown(verdict: Verdict) -> str:
    """Every measurement as a part of a comment on a pull request."""
    rows = [
        f"| {m.gate}/{m.name} | {'nothing' if m.value is None else f'{m.value:.3g}'} "
        f"| {m.bound} {m.threshold:.4g} {m.unit} | {m.samples} of {m.min_samples} "
        f"| {m.outcome} |"
        for m in verdict.measurements
    ]
    return "\n".join(
        [
            f"## Gates of {verdict.model}: {verdict.summary()}",
            "",
            "| measured | value | wanted | samples | outcome |",
            "|---|---:|---|---:|---|",
            *rows,
            "",
        ]
    )


def junit(verdict: Verdict) -> str:
    """One test case for each measurement: fail is a failure, hold is an error."""
    suites = Element("testsuites", name="tidegate gates")
    found = {
        m.gate: [n for n in verdict.measurements if n.gate == m.gate] for m in verdict.measurements
    }
    for gate, measurements in found.items():
        outcomes = [m.outcome for m in measurements]
        suite = SubElement(
            suites,
            "testsuite",
            name=f"{verdict.model} {gate}",
            timestamp=verdict.started,
            tests=str(len(measurements)),
            failures=str(outcomes.count(Outcome.FAIL)),
            errors=str(outcomes.count(Outcome.HOLD)),
        )
        for measurement in measurements:
            _case(suite, measurement)
    indent(suites)
    text = _NO_XML.sub("\N{REPLACEMENT CHARACTER}", tostring(suites, encoding="unicode"))
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _case(suite: Element, measurement: Measurement) -> None:
    case = SubElement(suite, "testcase", classname=measurement.gate, name=measurement.name)
    if measurement.outcome is not Outcome.PASS:
        kind = "failure" if measurement.outcome is Outcome.FAIL else "error"
        fault = SubElement(case, kind, message=str(measurement), type=measurement.outcome)
        fault.text = "\n".join(measurement.examples)
