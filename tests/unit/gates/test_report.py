"""The page and the JUnit file say what the verdict says, whatever stands in the answers."""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.gates import samples
from tests.unit.gates.test_load import LADDER, STARTED

from tidegate.gates.judge import judge
from tidegate.gates.record import Answer, Observed, Run
from tidegate.gates.report import curves, failing, html, junit, limit, markdown, rung

MODEL = samples.generator()


def run(*answers: Answer) -> Run:
    """A full run with these answers to the facts."""
    facts = Observed(gate="functional", name="facts", answers=answers)
    return Run(model="stub", started=STARTED, suite="full", observed=(facts,), steps=LADDER)


WRONG = Answer(case="a", asked="who?", answer="me", fault="wanted you")
RIGHT = Answer(case="a", asked="who?", answer="you")


def test_a_step_in_numbers_leaves_out_what_was_never_answered() -> None:
    """Failures are counted, not averaged."""
    found = rung(LADDER[3], MODEL)

    assert (found.rate, found.requests, found.failed, found.good) == (160, 40, 30, 0.25)
    assert found.whole == pytest.approx((0.2, 0.2, 0.2))
    assert found.tokens_per_second == pytest.approx(10 * 10 / 0.25)


def test_curves_stay_inside_the_chart() -> None:
    """The highest rate is at the right, the highest latency at the top."""
    lines, highest = curves([rung(step, MODEL) for step in LADDER])

    assert [line.label for line in lines] == ["p50", "p95", "p99"]
    assert highest == pytest.approx(0.2)
    assert all(40 <= x <= 520 and 40 <= y <= 180 for line in lines for x, y in line.points)
    assert lines[0].points[-1][0] == pytest.approx(520)


def test_a_wrong_answer_stands_beside_the_one_before() -> None:
    """People see what changed."""
    (found,) = failing(run(WRONG), run(RIGHT))

    assert (found.set_name, found.answer, found.before) == ("functional/facts", "me", "you")
    assert [f.before for f in failing(run(WRONG), None)] == [""]
    assert list(failing(run(RIGHT), None)) == []


def test_the_page_has_a_row_for_every_number_and_every_step() -> None:
    """With its interval and its outcome."""
    verdict = judge(run(WRONG), MODEL, run(RIGHT))
    page = html(verdict, run(WRONG), MODEL, run(RIGHT))

    for measurement in verdict.measurements:
        assert f"<tr><td>{measurement.gate}/{measurement.name}" in page
    assert page.count("<polyline") == 3
    assert "92.5 %" in page
    assert "compared with the run of" in page


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=30))
@settings(max_examples=20, deadline=None)
def test_no_answer_can_put_markup_into_the_page(text: str) -> None:
    """A model's words are shown as words."""
    said = Answer(case="a", asked="q", answer=f"<script>{text}</script>", fault=f"<b>{text}")
    page = html(judge(run(said), MODEL), run(said), MODEL)

    assert "<script" not in page
    assert "<b>" not in page


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "none"), (1e9, "never"), (0.12345, "0.123"), (0, "0")]
)
def test_a_limit_is_told_for_people(value: float | None, shown: str) -> None:
    """No limit, a time that never came, and a number."""
    assert limit(value) == shown


def test_the_table_of_a_pull_request_has_a_row_a_measurement() -> None:
    """What nothing was measured of says so, and the heading has the outcome."""
    verdict = judge(run(WRONG), MODEL)
    lines = markdown(verdict).splitlines()

    assert lines[0] == f"## Gates of {verdict.model}: {verdict.summary()}"
    assert [line.split(" | ")[0].strip("| ") for line in lines[4:]] == [
        f"{m.gate}/{m.name}" for m in verdict.measurements
    ]
    nothing = {line.split(" | ")[1] == "nothing" for line in lines[4:]}
    assert nothing == {m.value is None for m in verdict.measurements}


def test_junit_counts_failures_and_holds_apart() -> None:
    """A hold is an error: nothing was shown either way."""
    verdict = judge(run(*(WRONG.model_copy(update={"case": str(i)}) for i in range(20))), MODEL)
    suites = {s.get("name"): s for s in ET.fromstring(junit(verdict)).iter("testsuite")}  # noqa: S314 - made above

    facts, contract = suites["stub functional"], suites["stub contract"]
    assert (facts.get("failures"), facts.get("errors")) == ("1", "0")
    assert (contract.get("failures"), contract.get("errors")) == ("0", "2")
    assert sum(int(str(s.get("tests"))) for s in suites.values()) == len(verdict.measurements)
