"""The command that says what runs where."""

from pathlib import Path
from typing import Annotated

import typer

from tidegate.catalog.load import find_root, load_valid
from tidegate.cli.options import Json, Root
from tidegate.cli.output import console, print_json
from tidegate.cli.promotions import history_table, standing_table
from tidegate.findings import FindingsError
from tidegate.manifests.units import find_units
from tidegate.promotion.git import Repository
from tidegate.promotion.history import standing
from tidegate.promotion.index import known_documents, known_records


def status(
    log: Annotated[bool, typer.Option("--log", help="Show the promotion log too.")] = False,
    root: Root = None,
    json: Json = False,
) -> None:
    """Show what runs where, since when and on which evidence, from git alone."""
    repository = Repository(find_root(root or Path.cwd()))
    with known_documents(repository):
        units, findings = find_units(load_valid(repository.path))
    found = known_records(repository, newest=not log)
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
