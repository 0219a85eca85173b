"""The commands on the model registry."""

from pathlib import Path
from typing import Annotated

import typer

from tidegate.catalog.load import find_root, load_valid
from tidegate.cli.options import Json, Root
from tidegate.cli.output import console, print_json
from tidegate.findings import FindingsError
from tidegate.manifests.units import find_units
from tidegate.modelregistry.mlflow import ModelRegistry
from tidegate.modelregistry.reconcile import reconcile, wanted_by_git
from tidegate.promotion.git import Repository
from tidegate.promotion.history import standing
from tidegate.promotion.index import known_documents, known_records

app = typer.Typer(help="The model registry, which says what git says.", no_args_is_help=True)


@app.callback()
def registry() -> None:
    """The model registry, which says what git says."""


@app.command("reconcile")
def reconcile_command(
    url: Annotated[
        str, typer.Option(envvar="MLFLOW_TRACKING_URI", help="The MLflow server's address.")
    ],
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit 1 where it differs from git.")
    ] = False,
    root: Root = None,
    json: Json = False,
) -> None:
    """Give MLflow each release as a model version and each environment as an alias, by git.

    Git stays the truth: what was changed there is put right, and what is not of Tidegate stays.
    Exit 2 where the server does not answer.
    """
    repository = Repository(find_root(root or Path.cwd()))
    with known_documents(repository):
        units, findings = find_units(load_valid(repository.path))
    if findings:
        raise FindingsError(findings)
    found = known_records(repository)
    with ModelRegistry(url) as server:
        changes = reconcile(server, wanted_by_git(standing(units, found), found), check=check)
    if json:
        print_json([change.as_dict() for change in changes])
    if check and changes:
        raise FindingsError([change.finding(server.name) for change in changes])
    if not json:
        for change in changes:
            console.print(change.line, soft_wrap=True)
        console.print(f"{len(changes)} changes" if changes else "the registry says what git says")
