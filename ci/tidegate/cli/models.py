"""The commands on models: list, show, check, fit."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markdown import Markdown

from tidegate.catalog.checks import check_model
from tidegate.catalog.load import ModelFolder, find_root, load, load_valid
from tidegate.catalog.sizing import GIB, fit
from tidegate.cli.options import Json, Root
from tidegate.cli.output import columns, console, print_json
from tidegate.findings import CouldNotCheckError, FindingsError, refuse

app = typer.Typer(help="The models of models/: what is served.", no_args_is_help=True)


@app.command("list")
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


@app.command("show")
def models_show(name: ModelName, root: Root = None, json: Json = False) -> None:
    """Show a model: its model card, or with --json its model.yaml and engine file."""
    model = _model(name, root)
    if json:
        print_json(_summary(model) | {"engine": model.engine})
        return
    console.print(Markdown((model.folder / "README.md").read_text(encoding="utf-8")))


@app.command("check")
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


@app.command("fit")
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
