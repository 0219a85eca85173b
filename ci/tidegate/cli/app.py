"""The commands on the repository itself, and how every command ends."""

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer
from rich.markdown import Markdown

from tidegate.catalog.checks import check_model
from tidegate.catalog.load import Catalog, ModelFolder, find_root, load, load_valid
from tidegate.catalog.schema import write_schemas
from tidegate.catalog.sizing import GIB, fit
from tidegate.cli import checks, data, evidence, gate, lab, operate, release, supply
from tidegate.cli.ci import ci as run_ci
from tidegate.cli.options import Json, Root
from tidegate.cli.output import columns, console, errors, print_findings, print_json
from tidegate.cli.verify import verify
from tidegate.cli.wait import wait_command
from tidegate.evidence.schema import write_predicate_schemas
from tidegate.findings import CouldNotCheckError, FindingsError, TidegateError, refuse
from tidegate.manifests.golden import update_golden
from tidegate.manifests.reference import update_reference
from tidegate.manifests.render import render, render_all
from tidegate.manifests.units import Source, find_folders, find_units, read_unit
from tidegate.policy.explain import write_reference

INTERRUPTED = 130  # 128 + SIGINT, as shells count
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

app = typer.Typer(
    name="tidegate",
    help="Prove, gate and promote releases of LLM services by commits.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
models = typer.Typer(help="The models of models/: what is served.", no_args_is_help=True)
app.add_typer(models, name="models")
app.add_typer(lab.app, name="lab")
app.add_typer(evidence.app, name="evidence")
app.add_typer(gate.app, name="gate")
gate.app.command("data")(data.data)
app.add_typer(supply.images, name="images")
app.command("check")(checks.check)
app.command("ci")(run_ci)
app.command("diff")(checks.diff)
app.command("explain")(checks.explain)
app.command("demo")(lab.demo)
app.command("promote")(release.promote_command)
app.command("rollback")(release.rollback_command)
app.command("scan")(supply.scan)
app.command("smoke")(lab.smoke)
app.command("status")(release.status_command)
app.command("hold")(operate.hold_command)
app.command("release-hold")(operate.release_hold_command)
app.command("guard")(operate.guard_command)
app.command("history")(operate.history_command)
app.command("verify")(verify)
app.command("wait")(wait_command)


@app.command("render")
def render_command(
    unit: Annotated[
        str | None,
        typer.Argument(
            help="<environment>/<service or namespace>, examples/<name>, clusters/<name>; or all."
        ),
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Write what is generated instead of printing.")
    ] = False,
    root: Root = None,
) -> None:
    """Print what Argo CD would apply, or update golden files, schemas and the component table."""
    catalog = load_valid(find_root(root or Path.cwd()))
    if unit:
        sys.stdout.write(render(_find(catalog, unit)).text)
        return
    units, findings = find_units(catalog)
    sources: list[Source] = [*units, *(find_folders(catalog.root) if update else [])]
    rendered, more = render_all(sources)
    if not update:
        sys.stdout.write("---\n".join(one.text for one in rendered))
    if findings or more:
        raise FindingsError([*findings, *more])
    if update:
        write_schemas(catalog.root)
        write_predicate_schemas(catalog.root)
        write_reference(catalog.root)
        update_golden(catalog.root, rendered)
        update_reference(catalog.root, rendered)
        console.print(f"{len(rendered)} golden files are up to date")


def _find(catalog: Catalog, name: str) -> Source:
    """The unit or folder of a name; raises as `read_unit`."""
    beside = {folder.name: folder for folder in find_folders(catalog.root)}
    environment, _, service = name.partition("/")
    return beside[name] if name in beside else read_unit(catalog, environment, service)


@models.command("list")
def models_list(root: Root = None, json: Json = False) -> None:
    """List the models, one a line."""
    catalog = load_valid(find_root(root or Path.cwd()))
    if json:
        print_json([_summary(model) for model in catalog.models.values()])
        return
    names = ("model", "task", "context", "parameters", "accelerator", "licence")
    table = columns(*names, right={"context", "parameters"})
    for name, model in catalog.models.items():
        spec, need = model.spec, model.spec.accelerator
        table.add_row(
            name,
            spec.task,
            f"{spec.context_length:,}",
            f"{spec.parameters:,}",
            f"{need.count} x {need.kind}",
            spec.licence,
        )
    console.print(table)


def _summary(model: ModelFolder) -> dict[str, Any]:
    return {"name": model.name, **model.spec.model_dump(mode="json", by_alias=True)}


def _model(name: str, root: Path | None) -> ModelFolder:
    catalog, findings = load(find_root(root or Path.cwd()))
    own = [finding for finding in findings if finding.file.startswith(f"models/{name}/")]
    if own:
        raise CouldNotCheckError(own)
    if name not in catalog.models:
        raise refuse(
            f"models/{name}/model.yaml",
            "model",
            "unknown model",
            wanted=f"one of {', '.join(catalog.models)}",
            found=name,
            next_step="add the model or correct the name",
        )
    return catalog.models[name]


ModelName = Annotated[str, typer.Argument(help="A folder of models/.")]


@models.command("show")
def models_show(name: ModelName, root: Root = None, json: Json = False) -> None:
    """Show a model: its model card, or with --json its model.yaml and engine file."""
    model = _model(name, root)
    if json:
        print_json(_summary(model) | {"engine": model.engine})
        return
    console.print(Markdown((model.folder / "README.md").read_text(encoding="utf-8")))


@models.command("check")
def models_check(
    names: Annotated[list[str] | None, typer.Argument(help="Folders of models/.")] = None,
    prompts: Annotated[bool, typer.Option("--prompts", help="Check prompts alone.")] = False,
    root: Root = None,
) -> None:
    """Check models without rendering anything; exit 1 if something is wrong with one."""
    folder = find_root(root or Path.cwd())
    catalog, findings = load(folder)
    chosen = [_model(name, root) for name in names or catalog.models]
    for model in chosen:
        findings += check_model(model)
    parts = tuple(f"models/{m.folder.name}/{'prompts' if prompts else ''}" for m in chosen)
    own = [finding for finding in findings if finding.file.startswith(parts)]
    if own:
        raise FindingsError(own)
    console.print(f"{len(chosen)} models, no findings")


@models.command("fit")
def models_fit(name: ModelName, root: Root = None, json: Json = False) -> None:
    """Say whether a model fits its accelerator, and the arithmetic; exit 1 if it does not."""
    model = _model(name, root)
    balance = fit(model.spec, model.engine)
    rows = {
        "weights": balance.weights,
        "key-value cache": balance.key_value_cache,
        "needed": balance.needed,
        "available": balance.available,
    }
    if json:
        print_json({"model": name, "fits": balance.fits, "bytes": rows})
    else:
        for what, amount in rows.items():
            console.print(f"{what:16}{amount / GIB:8.2f} GiB")
        console.print("fits" if balance.fits else "does not fit")
    findings = [f for f in check_model(model) if f.what == "model does not fit"]
    if findings:
        raise FindingsError(findings)


def _interrupt(signum: int, frame: FrameType | None) -> NoReturn:
    """End as Ctrl-C does, so that every block cleans up; a second signal cannot cut that short."""
    del signum, frame
    for name in STOPPING:
        signal.signal(name, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> NoReturn:
    """Run the command; findings exit 1, what could not be checked exits 2, Ctrl-C 130."""
    for name in STOPPING:
        if signal.getsignal(name) is not signal.SIG_IGN:  # as nohup asks
            signal.signal(name, _interrupt)
    try:
        app(standalone_mode=True)
        code: int | str | None = 0
    except SystemExit as ended:  # typer ends so, Ctrl-C included
        code = ended.code
    except TidegateError as error:
        print_findings(error.findings)
        code = error.exit_code
    except KeyboardInterrupt:
        code = INTERRUPTED
    if code == INTERRUPTED:
        errors.print("stopped; nothing is left running and nothing is half-done")
    sys.exit(code)
