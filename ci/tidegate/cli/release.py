"""The commands on releases: promote, rollback, status."""

from pathlib import Path
from typing import Annotated

import typer

from tidegate.catalog.load import find_root, load_valid
from tidegate.cli.options import Json, Root, Store, store_of
from tidegate.cli.output import console, history_table, print_json, standing_table
from tidegate.findings import FindingsError, refuse
from tidegate.manifests.release import Release
from tidegate.manifests.units import find_units
from tidegate.oci import Layout, Reference
from tidegate.promotion.git import Repository
from tidegate.promotion.history import records, standing
from tidegate.promotion.promote import Promotion, Request, promote, rollback

EngineOption = Annotated[
    str | None, typer.Option("--engine", help="Engine image as name:tag@sha256:<64 hex>.")
]
ArtifactOption = Annotated[
    str | None, typer.Option("--model-artifact", help="Model as name:tag@sha256:<64 hex>.")
]
Service = Annotated[str, typer.Argument(help="generator, retriever or reranker.")]


def release_of(engine: str | None, model: str | None) -> Release | None:
    """The release that two options name; None for neither."""
    if engine is None and model is None:
        return None
    try:
        return Release(Reference.parse(engine or ""), Reference.parse(model or ""))
    except ValueError as error:
        raise refuse(
            "command line",
            "--engine and --model-artifact",
            "not a release",
            wanted="name:tag@sha256:<64 hex> for both",
            found=str(error),
            next_step="name both by digest",
        ) from None


def _tell(done: Promotion, *, json: bool) -> None:
    if json:
        print_json(
            {
                "environment": done.environment,
                "service": done.service,
                "commit": done.commit,
                "branch": done.branch,
                "release": done.release.as_dict(),
            }
        )
    elif done.commit is None:
        console.print(f"{done.environment} runs {done.service} {done.release} already")
    else:
        console.print(f"{done.branch}: {done.commit[:8]} {done.service} {done.release}")


def promote_command(
    service: Service,
    to: Annotated[str, typer.Option(help="The environment to promote to.")],
    engine: EngineOption = None,
    model_artifact: ArtifactOption = None,
    evidence: Annotated[str | None, typer.Option(help="Digest that `gate run` printed.")] = None,
    reason: Annotated[str, typer.Option(help="Why, for the commit.")] = "the gates pass",
    pull_request: Annotated[
        bool, typer.Option("--pull-request", help="Push a branch for review instead of main.")
    ] = False,
    root: Root = None,
    store: Store = None,
    json: Json = False,
) -> None:
    """Put a proven release on an environment, by one commit that changes one file.

    The first environment takes the release that --engine, --model-artifact and --evidence name;
    every other one takes what the environment before it runs.
    """
    folder = find_root(root or Path.cwd())
    request = Request(
        service, to, release_of(engine, model_artifact), evidence, reason, pull_request
    )
    _tell(promote(Repository(folder), Layout(store_of(folder, store)), request), json=json)


def rollback_command(
    service: Service,
    env: Annotated[str, typer.Option(help="The environment to roll back.")],
    reason: Annotated[str, typer.Option(help="Why, for the commit.")] = "rolled back by hand",
    root: Root = None,
    json: Json = False,
) -> None:
    """Put back what ran before, by one commit forward; needs git and nothing else."""
    folder = find_root(root or Path.cwd())
    _tell(rollback(Repository(folder), service, env, reason), json=json)


def status_command(
    log: Annotated[bool, typer.Option("--log", help="Show the promotion log too.")] = False,
    root: Root = None,
    json: Json = False,
) -> None:
    """Show what runs where, since when and on which evidence, from git alone."""
    catalog = load_valid(find_root(root or Path.cwd()))
    units, findings = find_units(catalog)
    found = records(Repository(catalog.root))
    standings = standing(units, found)
    if json:
        print_json(
            {
                "status": [s.as_dict() for s in standings],
                "log": [r.as_dict() for r in found] if log else None,
            }
        )
    else:
        console.print(standing_table(standings))
        if log:
            console.print(history_table(found))
    if findings:
        raise FindingsError(findings)  # a unit that is not in the table
