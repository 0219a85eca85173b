"""The commands on gates: run them, compare two runs, and the schema of what they say."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from tidegate import cache
from tidegate.catalog.gates import Gate
from tidegate.catalog.load import ModelFolder, find_root, load_valid
from tidegate.cli.data import data
from tidegate.cli.options import (
    ArtifactOption,
    EngineOption,
    Json,
    PublicKey,
    Root,
    SignerUri,
    Store,
    release_of,
    signer_of,
    store_of,
)
from tidegate.cli.output import console, errors, print_json
from tidegate.cli.verdicts import verdict_table
from tidegate.evidence.statement import store as store_evidence
from tidegate.findings import cannot_check
from tidegate.gates.arrivals import read_trace
from tidegate.gates.assertions import Helpers
from tidegate.gates.client import TIMEOUT_SECONDS, Endpoint
from tidegate.gates.jobs import Plan
from tidegate.gates.jobs import Progress as Told
from tidegate.gates.judge import comparison, judge
from tidegate.gates.record import read_run, write_run
from tidegate.gates.report import html, junit, markdown
from tidegate.gates.run import observe
from tidegate.gates.verdict import Outcome, Verdict, verdict_schema
from tidegate.manifests.release import Release
from tidegate.oci import Layout

app = typer.Typer(help="What a release must prove on a live endpoint.", no_args_is_help=True)
app.command("data")(data)


class Suite(StrEnum):
    """Which gates run."""

    SMOKE = "smoke"
    FULL = "full"


@app.command("run")
def gate_run(
    model: Annotated[str, typer.Option(help="The model of models/ that it is meant to serve.")],
    url: Annotated[
        str | None, typer.Option(help="Base URL of the server, with or without /v1.")
    ] = None,
    replay: Annotated[
        Path | None, typer.Option(help="Judge this recorded run again instead of a server.")
    ] = None,
    suite: Annotated[
        Suite, typer.Option(help="smoke, or full with load, faults and robustness.")
    ] = Suite.SMOKE,
    seed: Annotated[int, typer.Option(help="Of every random choice.")] = 0,
    previous: Annotated[
        Path | None, typer.Option(help="Recorded run of the release before, to compare with.")
    ] = None,
    record: Annotated[Path | None, typer.Option(help="Keep what was seen in this file.")] = None,
    served_name: Annotated[
        str | None, typer.Option(help="How the server calls the model, if otherwise.")
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(help="Ask only cases with this tag; repeatable; no evidence."),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Look at this gate alone; repeatable; no evidence.")
    ] = None,
    trace: Annotated[
        Path | None, typer.Option(help="Arrivals to replay after the ladder of rates.")
    ] = None,
    step_seconds: Annotated[
        float, typer.Option(help="Seconds of load at each rate, at least.")
    ] = 10.0,
    timeout: Annotated[
        float, typer.Option(help="Seconds without a byte before an answer counts as missing.")
    ] = TIMEOUT_SECONDS,
    embeddings: Annotated[
        str | None, typer.Option(help="Server for the assertion `similar`.")
    ] = None,
    judge_url: Annotated[
        str | None, typer.Option("--judge", help="Server for the assertion `judge`.")
    ] = None,
    corpora: Annotated[
        Path | None, typer.Option(help="Folder of published safety sets, fetched where absent.")
    ] = None,
    engine: EngineOption = None,
    model_artifact: ArtifactOption = None,
    environment: Annotated[
        str | None, typer.Option(help="The environment whose live endpoint this is.")
    ] = None,
    signer: SignerUri = None,
    public_key: PublicKey = None,
    api_key: Annotated[
        str | None, typer.Option(envvar="TIDEGATE_API_KEY", help="Bearer token.")
    ] = None,
    junit_file: Annotated[
        Path | None, typer.Option("--junit", help="Write the verdict as JUnit XML.")
    ] = None,
    html_file: Annotated[Path | None, typer.Option("--html", help="Write a report.")] = None,
    markdown_file: Annotated[
        Path | None, typer.Option("--markdown", help="Write the table for a pull request.")
    ] = None,
    root: Root = None,
    store: Store = None,
    json: Json = False,
) -> None:
    """Run the model's gates on an OpenAI-compatible server, or judge a recorded run again.

    Exit 0 if all pass, 1 if one fails or holds, 2 if nothing could be measured. With --engine and
    --model-artifact the verdict is signed and stored as evidence of that release.
    """
    folder = find_root(root or Path.cwd())
    release, entry = release_of(engine, model_artifact), known_model(folder, model)
    before = read_run(previous, model) if previous else None
    _require_sense(url, replay, release, only, tag)
    signs = signer_of(folder, signer, public_key) if release else None
    if replay:
        run = read_run(replay, model)
    else:
        with ExitStack() as stack:
            plan = Plan(
                suite=suite.value,
                seed=seed,
                helpers=Helpers(_helper(stack, embeddings), _helper(stack, judge_url)),
                tags=frozenset(tag or ()),
                only=frozenset(only or ()),
                trace=read_trace(trace) if trace else (),
                step_seconds=step_seconds,
                corpora=corpora or cache.folder() / "corpora",
            )
            endpoint = Endpoint(
                url or "",
                served_name or model,
                max_tokens=max(entry.spec.limits.output_tokens, 1),
                api_key=api_key,
                timeout=timeout,
            )
            run = observe(stack.enter_context(endpoint), entry, plan, stack.enter_context(_bar()))
    verdict = judge(run, entry, before).model_copy(update={"environment": environment})
    if record:
        write_run(record, run)
    for file, form in ((junit_file, junit), (markdown_file, markdown)):
        if file:
            file.write_text(form(verdict), encoding="utf-8")
    if html_file:
        html_file.write_text(html(verdict, run, entry, before), encoding="utf-8")
    evidence = None
    if release and signs:
        layout = Layout(store_of(folder, store))
        evidence = store_evidence(layout, release, verdict, signs).digest
    _show(verdict, evidence, json=json)


@app.command("compare")
def gate_compare(
    previous: Annotated[Path, typer.Argument(help="Recorded run of the release before.")],
    run: Annotated[Path, typer.Argument(help="Recorded run of the release that follows.")],
    root: Root = None,
    json: Json = False,
) -> None:
    """Say whether one recorded run is worse than another, case by case; exit 1 if it may be."""
    old = read_run(previous)
    new = read_run(run, old.model)
    model = known_model(find_root(root or Path.cwd()), old.model)
    _show(comparison(new, model, old), None, json=json)


@app.command("schema")
def gate_schema() -> None:
    """Print the JSON schema of a verdict, as docs/reference/verdict.schema.json has it."""
    print_json(verdict_schema())


def _require_sense(
    url: str | None,
    replay: Path | None,
    release: Release | None,
    only: list[str] | None,
    tag: list[str] | None,
) -> None:
    """Nothing where the options go together.

    Raises:
        CouldNotCheckError: there is nothing to judge, or too much, or a part as the whole.
    """
    if (url is None) == (replay is None):
        raise cannot_check(
            "command line",
            "--url and --replay",
            "nothing to judge",
            wanted="one of the two",
            found="both" if url else "neither",
            next_step="name a server or a recorded run",
        )
    if unknown := set(only or ()) - set(Gate):
        raise cannot_check(
            "command line",
            "--only",
            "unknown gate",
            wanted=f"one of {', '.join(Gate)}",
            found=", ".join(sorted(unknown)),
            next_step="correct the name",
        )
    parts = {"--only": only, "--tag": tag, "--replay": replay}
    if release and (given := [name for name, value in parts.items() if value]):
        raise cannot_check(
            "command line",
            "--engine",
            "no evidence of a release",
            wanted="every gate, on a server",
            found=", ".join(given),
            next_step="leave out that, or the release",
        )


def _helper(stack: ExitStack, url: str | None) -> Endpoint | None:
    """An endpoint that assertions ask for help; its first model is the one that helps."""
    if url is None:
        return None
    listing = stack.enter_context(Endpoint(url, ""))
    return stack.enter_context(Endpoint(url, listing.first_model()))


@contextmanager
def _bar() -> Iterator[Told]:
    """A bar for each part of the gates, on standard error while they run."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(
        *columns,
        TimeElapsedColumn(),
        console=errors,
        transient=True,
        disable=not errors.is_terminal,
    ) as bar:
        shown: dict[str, TaskID] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in shown:
                shown[what] = bar.add_task(what)
            bar.update(shown[what], completed=done, total=total)

        yield tell


def _show(verdict: Verdict, evidence: str | None, *, json: bool) -> NoReturn:
    """Print a verdict and end with its exit code."""
    if json:
        print_json(verdict.as_dict() | {"evidence": evidence})
    else:
        console.print(verdict_table(verdict.model, verdict))
        for measurement in verdict.measurements:
            for example in measurement.examples:
                line = Text(f"{measurement.gate}/{measurement.name}: {example}")
                console.print(line, soft_wrap=True)
        if evidence:
            console.print(f"evidence {evidence}", soft_wrap=True)
    raise typer.Exit(0 if verdict.outcome is Outcome.PASS else 1)


def known_model(folder: Path, model: str) -> ModelFolder:
    """A model of the catalog.

    Raises:
        CouldNotCheckError: the catalog is invalid or has no such model.
    """
    catalog = load_valid(folder)
    if model not in catalog.models:
        raise cannot_check(
            f"models/{model}/model.yaml",
            "model",
            "unknown model",
            wanted=f"one of {', '.join(catalog.models)}",
            found=model,
            next_step="add the model or correct the name",
        )
    return catalog.models[model]
