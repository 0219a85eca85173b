"""Commands run in order or beside others, none hides another, and nothing of them is left."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.ci import steps
from tidegate.ci.run import Outcome, Result, Run, exit_code
from tidegate.ci.steps import Command, Need, Step
from tidegate.findings import cannot_check

OUTCOMES = st.lists(st.sampled_from(Outcome), max_size=6)


def python(code: str) -> tuple[str, ...]:
    """A command that runs a line of Python."""
    return ("python", "-c", code)


def refuse(word: str) -> str:
    """As an image whose digest is not known."""
    if "{image:" not in word:
        return word
    raise cannot_check("images.yaml", "x", "no digest", wanted="a", found="b", next_step="c")


Runner = Callable[..., Run]


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    """Runs commands of one step called `try`."""

    def make(*commands: Command, missing: Callable[[Command], str | None] = lambda _: None) -> Run:
        monkeypatch.setattr(steps, "STEPS", (Step("try", "A step.", commands),))
        return Run(tmp_path, tmp_path / "results", missing, refuse)

    return make


@pytest.mark.parametrize(
    ("line", "findings", "outcome", "reason"),
    [
        (python("print('fine')"), (1,), Outcome.PASSED, ""),
        (python("raise SystemExit(1)"), (1,), Outcome.FAILED, "exit 1"),
        (python("raise SystemExit(2)"), (1,), Outcome.BROKEN, "exit 2"),
        (python("raise SystemExit(13)"), (11, 13), Outcome.FAILED, "exit 13"),
        (python("raise SystemExit(1)"), (11, 13), Outcome.BROKEN, "exit 1"),
        (python("import os; os.kill(os.getpid(), 9)"), (1,), Outcome.BROKEN, "exit -9"),
    ],
    ids=["passes", "finds", "cannot check", "finds by its own code", "error", "killed"],
)
def test_an_exit_code_is_findings_or_no_answer(
    line: tuple[str, ...], findings: tuple[int, ...], outcome: Outcome, reason: str, runner: Runner
) -> None:
    """What is no finding of the tool is not taken for one, nor for success."""
    result = runner(Command("one", line, ("*",), findings=findings)).run("try/one")

    assert (result.outcome, result.reason) == (outcome, reason)


def test_what_a_command_says_is_in_its_log(runner: Runner, tmp_path: Path) -> None:
    """Both streams, in a file of its name; placeholders are filled in."""
    code = "import sys; print(sys.argv[1:]); print('loud', file=sys.stderr)"
    run = runner(Command("one", (*python(code), "{results}", "{name}.xml"), ("*",)))

    result = run.run("try/one")

    assert result.log == tmp_path / "results" / "try-one.log"
    assert result.log.read_text().splitlines() == [
        str([str(tmp_path / "results"), "try-one.xml"]),
        "loud",
    ]


def test_a_program_that_is_not_there_is_no_finding(runner: Runner) -> None:
    """The line names it and the next step."""
    result = runner(Command("one", ("no-such-program",), ("*",))).run("try/one")

    assert result.outcome is Outcome.BROKEN
    assert result.reason == (
        "no-such-program: one: could not run; wanted the program in the environment or on PATH, "
        "found No such file or directory - run scripts/setup"
    )


def test_an_image_without_digest_is_told_and_not_pulled(runner: Runner) -> None:
    """Only the command that would pull it is stopped."""
    result = runner(Command("one", ("python", "{image:x}"), ("*",))).run("try/one")

    assert result.outcome is Outcome.BROKEN
    assert result.reason == "images.yaml: x: no digest; wanted a, found b - c"


def test_the_plan_says_what_runs_and_why_the_rest_does_not(runner: Runner) -> None:
    """In order; what reads no changed file is not even asked for."""
    reads = {"a": ("*.py",), "b": ("*.md",), "c": ("*.py",)}
    needs = {"c": (Need.DOCKER,)}
    commands = [
        Command(name, python("1"), patterns, needs.get(name, ()))
        for name, patterns in reads.items()
    ]
    run = runner(*commands, missing=lambda command: "no Docker" if command.needs else None)

    assert run.plan([], ["x.py"]) == [
        "try/a",
        Result("try/b", Outcome.UNCHANGED),
        Result("try/c", Outcome.ABSENT, reason="no Docker"),
    ]
    assert run.plan(["try/b"], None) == ["try/b"]
    assert run.plan(["try"], None)[:2] == ["try/a", "try/b"]


@given(OUTCOMES)
def test_a_failure_is_1_a_doubt_is_2_and_only_success_is_0(outcomes: list[Outcome]) -> None:
    """Nothing at all is a doubt too."""
    results = [Result("try/one", outcome) for outcome in outcomes]
    doubts = {Outcome.BROKEN, Outcome.ABSENT} & set(outcomes)

    code = exit_code(results, here=False)

    if Outcome.FAILED in outcomes:
        assert code == 1
    else:
        assert code == (2 if doubts or not outcomes else 0)


@given(OUTCOMES)
def test_what_this_machine_cannot_run_counts_for_nothing_when_asked(
    outcomes: list[Outcome],
) -> None:
    """What was tried and could not check counts all the same."""
    results = [Result("try/one", outcome) for outcome in outcomes]
    present = [result for result in results if result.outcome is not Outcome.ABSENT]

    if present:
        assert exit_code(results, here=True) == exit_code(present, here=False)


def test_a_command_runs_beside_those_after_it(runner: Runner) -> None:
    """It waits for the file of the last one; results keep their order and are told as they come."""
    wait = "import pathlib, time\nwhile not pathlib.Path('there').exists(): time.sleep(0.01)"
    run = runner(
        Command("waits", python(wait), ("*",), beside=True),
        Command("fails", python("raise SystemExit(1)"), ("*",)),
        Command("makes", python("import pathlib; pathlib.Path('there').touch()"), ("*",)),
    )
    told: list[Result] = []
    absent = Result("try/absent", Outcome.ABSENT)

    found = run.run_all(["try/waits", "try/fails", absent, "try/makes"], told.append)

    assert [(one.name, one.outcome) for one in found] == [
        ("try/waits", Outcome.PASSED),
        ("try/fails", Outcome.FAILED),
        ("try/absent", Outcome.ABSENT),
        ("try/makes", Outcome.PASSED),
    ]
    assert sorted(told, key=found.index) == found
    assert told.index(found[1]) < told.index(found[3])


@pytest.mark.parametrize(("code", "found"), [(1, "failed"), (2, "could not check")])
def test_what_a_failed_command_left_of_an_earlier_run_is_not_judged(
    code: int, found: str, runner: Runner, tmp_path: Path
) -> None:
    """It is not even run, nor what comes after it; one line says why."""
    run = runner(
        Command("make", python(f"raise SystemExit({code})"), ("*",)),
        Command("judge", python("open('judged', 'w')"), ("*",), after=("try/make",)),
        Command("tell", python("open('told', 'w')"), ("*",), after=("try/judge",)),
    )

    _, judge, tell = run.run_all(["try/make", "try/judge", "try/tell"], lambda _: None)

    assert {judge.outcome, tell.outcome} == {Outcome.BROKEN}
    assert judge.log is not None
    assert judge.log.read_text() == f"{judge.reason}\n"
    assert judge.reason == (
        "try/judge: try/make: nothing of this run to judge; wanted passed, "
        f"found {found} - mend try/make first"
    )
    assert not (tmp_path / "judged").exists()
    assert not (tmp_path / "told").exists()


@pytest.mark.parametrize("before", [[], [Result("try/make", Outcome.UNCHANGED)], ["try/make"]])
def test_what_passed_or_was_not_asked_for_is_judged(
    before: list[Result | str], runner: Runner
) -> None:
    """Of a step alone, what is there is judged."""
    run = runner(
        Command("make", python("1"), ("*",)),
        Command("judge", python("1"), ("*",), after=("try/make",)),
    )

    assert run.run_all([*before, "try/judge"], lambda _: None)[-1].outcome is Outcome.PASSED


@pytest.mark.parametrize("beside", [False, True])
def test_an_interrupt_ends_the_command_and_its_children(
    runner: Runner, tmp_path: Path, *, beside: bool
) -> None:
    """It may clean up first; then nothing of its group is alive, wherever it runs."""
    code = (
        "import subprocess, sys, time, pathlib\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "try:\n"
        "    pathlib.Path('pid').write_text(str(child.pid))\n"
        "    pathlib.Path('ready').touch()\n"
        "    time.sleep(600)\n"
        "finally:\n"
        "    pathlib.Path('cleaned').touch()\n"
    )
    run = runner(
        Command("one", python(code), ("*",), beside=beside),
        Command("two", python("import time; time.sleep(600)"), ("*",), beside=not beside),
    )

    def interrupt() -> None:
        while not (tmp_path / "ready").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        run.run_all(["try/one", "try/two"], lambda _: None)

    assert (tmp_path / "cleaned").exists()
    child = int((tmp_path / "pid").read_text())
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(child).wait(10)  # killed already; the kernel may need a moment
