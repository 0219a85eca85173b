"""Cases are asked many at a time, answered in order, and one failure is one case's."""

import threading
import time
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.findings import CouldNotCheckError, cannot_check
from tidegate.gates.client import EndpointError
from tidegate.gates.jobs import Job, Plan, ask_all
from tidegate.gates.record import Answer


def job(name: str, case: str, seconds: float = 0) -> Job:
    """A case that is answered after some seconds."""

    def ask() -> Answer:
        time.sleep(seconds)
        return Answer(case=case)

    return Job("functional", name, case, ask)


def silent(what: str, done: int, total: int) -> None:
    """Nobody looks."""


@given(st.lists(st.sampled_from("abc"), max_size=12), st.integers(1, 4))
@settings(max_examples=25, deadline=None)
def test_every_case_is_answered_once_in_its_set_and_in_order(names: list[str], most: int) -> None:
    """However many are asked at a time."""
    jobs = [job(name, str(i)) for i, name in enumerate(names)]
    found = {o.name: [a.case for a in o.answers] for o in ask_all(jobs, most, silent)}

    assert found == {n: [j.case for j in jobs if j.name == n] for n in dict.fromkeys(names)}


def test_no_more_are_asked_at_a_time_than_promised() -> None:
    """The model says how many it takes."""
    lock, busy, highest = threading.Lock(), 0, 0

    def ask() -> Answer:
        nonlocal busy, highest
        with lock:
            busy += 1
            highest = max(highest, busy)
        time.sleep(0.005)
        with lock:
            busy -= 1
        return Answer(case="x")

    list(ask_all([Job("g", "n", str(i), ask) for i in range(20)], 3, silent))

    assert highest <= 3


def test_progress_is_told_case_by_case() -> None:
    """What is done and what there is."""
    told: list[tuple[str, int, int]] = []
    list(ask_all([job("a", str(i)) for i in range(3)], 2, lambda *step: told.append(step)))

    assert told == [("cases", 1, 3), ("cases", 2, 3), ("cases", 3, 3)]


def test_a_failed_case_leaves_the_others_alone() -> None:
    """Its fault is what the endpoint said."""

    def fail() -> Answer:
        raise EndpointError("HTTP 500: oh")

    jobs = [job("a", "one"), Job("functional", "a", "two", fail), job("a", "three")]
    (observed,) = ask_all(jobs, 2, silent)

    assert [a.fault for a in observed.answers] == [None, "HTTP 500: oh", None]


def test_what_cannot_be_checked_ends_all_of_it() -> None:
    """Cases that were not asked yet are not asked any more."""
    asked: list[int] = []

    def gone() -> Answer:
        raise cannot_check("u", "o", "w", wanted="a", found="b", next_step="c")

    def ask(i: int) -> Answer:
        asked.append(i)
        time.sleep(0.01)
        return Answer(case=str(i))

    jobs = [Job("g", "n", "gone", gone)]
    jobs += [Job("g", "n", str(i), partial(ask, i)) for i in range(50)]
    with pytest.raises(CouldNotCheckError):
        list(ask_all(jobs, 1, silent))

    assert len(asked) < 50


@pytest.mark.parametrize(
    ("only", "gates", "wanted"),
    [((), ("load",), True), (("load",), ("load", "cost"), True), (("safety",), ("load",), False)],
)
def test_a_plan_says_which_gates_it_wants(
    only: tuple[str, ...], gates: tuple[str, ...], *, wanted: bool
) -> None:
    """All of them where it names none."""
    assert Plan(only=frozenset(only)).wants(*gates) is wanted
