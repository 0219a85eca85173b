"""The command on data: the rows that a model is evaluated or trained on."""

from json import loads
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from tidegate.cli.options import Json
from tidegate.cli.output import console, print_json
from tidegate.cli.verdicts import measurement_table
from tidegate.findings import cannot_check
from tidegate.gates.dataset import Data, inferred, measured, read_rows
from tidegate.gates.verdict import Outcome


def data(
    rows: Annotated[Path, typer.Argument(help="Rows as JSON Lines, CSV, or an evaluation set.")],
    reference: Annotated[
        Path | None, typer.Option(help="Rows that these must be like, in schema and in shares.")
    ] = None,
    schema: Annotated[
        Path | None, typer.Option(help="JSON schema of one row; that of the reference if left out.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of every random choice.")] = 0,
    json: Json = False,
) -> None:
    """Check rows for their schema, doubles, and drift from a reference; exit 1 if any is off."""
    if reference is None and schema is None:
        raise cannot_check(
            rows,
            "--reference and --schema",
            "nothing to compare with",
            wanted="one of the two, or both",
            found="neither",
            next_step="name rows that are right, or a JSON schema",
        )
    known = read_rows(reference) if reference else []
    wanted = _schema(schema) if schema else inferred(known)
    found = list(measured(Data(read_rows(rows), known, wanted, seed)))
    if json:
        print_json([measurement.as_dict() for measurement in found])
    else:
        console.print(measurement_table(str(rows), found))
        for example in (e for m in found for e in m.examples):
            console.print(Text(example), soft_wrap=True)
    raise typer.Exit(0 if {m.outcome for m in found} == {Outcome.PASS} else 1)


def _schema(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise cannot_check(
            path,
            "schema",
            "cannot be read",
            wanted="a JSON schema",
            found=" ".join(str(error).split()),
            next_step="correct the file",
        ) from None
    return found
