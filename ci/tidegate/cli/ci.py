"""The command that runs the pipeline without Dagger."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from tidegate.catalog.load import find_root
from tidegate.ci.changes import told
from tidegate.ci.machine import changed_files, missing
from tidegate.ci.removals import REMOVALS, removals
from tidegate.ci.report import export
from tidegate.ci.run import Outcome, Result, Run, exit_code
from tidegate.ci.steps import named
from tidegate.cli.options import Json, Root
from tidegate.cli.output import columns, console, errors, print_json
from tidegate.findings import refuse
from tidegate.supply.images import fill, read_images

STYLE = {
    Outcome.PASSED: "green",
    Outcome.FAILED: "red",
    Outcome.BROKEN: "red",
    Outcome.ABSENT: "yellow",
    Outcome.UNCHANGED: "dim",
    Outcome.NEEDED: "",
}


def ci(
    only: Annotated[
        list[str] | None,
        typer.Option(help="A step, or step/command; all if left out. May be given several times."),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            help="Run only what reads a file that differs from this branch or commit, and say what "
            "the commits since remove."
        ),
    ] = None,
    here: Annotated[
        bool, typer.Option("--here", help="What this machine cannot run does not count.")
    ] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what would run and what not; run nothing.")
    ] = False,
    images: Annotated[
        Path | None,
        typer.Option(help="Outside images to use instead of ci/images/images.yaml.", exists=True),
    ] = None,
    results: Annotated[
        Path | None, typer.Option(help="Folder for logs and reports; .lab/ci if left out.")
    ] = None,
    root: Root = None,
    json: Json = False,
) -> None:
    """Run every step of the pipeline that this machine can run, and say which it cannot.

    Exit 0 if every command passed, 1 if one failed, 2 if one could not be checked.
    """
    folder = find_root(root or Path.cwd())
    _require_known(only or [])
    run = Run(
        folder,
        (results or folder / ".lab" / "ci").resolve(),
        missing,
        lambda word: fill(word, lambda: read_images(folder, images)),
    )
    planned = run.plan(only or [], changed_files(folder, base) if base else None)
    if plan:
        _show_plan(planned, json=json)
        return

    def tell(result: Result) -> None:
        _tell(result, json=json)

    done = run.run_all(planned, tell)
    if base and (not only or REMOVALS.partition("/")[0] in only):
        done.append(removals(folder, base, run.results))
        tell(done[-1])
    export(done, run.results, told(folder, base) if base else "")
    if json:
        print_json([result.as_dict() for result in done])
    else:
        _summary(done)
    raise typer.Exit(exit_code(done, here=here))


def _require_known(only: list[str]) -> None:
    known = {word for name, step, _ in named() for word in (name, step.name)}
    for name in only:
        if name not in known:
            raise refuse(
                "command line",
                "--only",
                "unknown step",
                wanted=f"one of {', '.join(sorted(known))}",
                found=name,
                next_step="correct the name",
            )


def _show_plan(planned: list[Result | str], *, json: bool) -> None:
    results = [Result(p, Outcome.NEEDED) if isinstance(p, str) else p for p in planned]
    if json:
        print_json([result.as_dict() | {"needed": result.needed} for result in results])
        return
    for result in results:
        console.print(f"{result.name:20}{_why(result)}", soft_wrap=True)


def _why(result: Result) -> str:
    return f"{result.outcome.value}: {result.reason}" if result.reason else result.outcome.value


def _tell(result: Result, *, json: bool) -> None:
    """Say how a command ended as soon as it has, and show the log of one that did not pass."""
    if json or result.outcome in {Outcome.PASSED, Outcome.ABSENT, Outcome.UNCHANGED}:
        return
    errors.print(Text(f"{result.name}: {_why(result)}", style="red"))
    said = result.log.read_text(errors="replace").rstrip() if result.log else ""
    if said and said != result.reason:
        errors.print(Text(said))


def _summary(done: list[Result]) -> None:
    table = columns("step", "outcome", "seconds", "why", right={"seconds"})
    for result in done:
        outcome = Text(result.outcome.value, style=STYLE[result.outcome])
        table.add_row(result.name, outcome, f"{result.seconds:.1f}", Text(result.reason))
    console.print(table)
