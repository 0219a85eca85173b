"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Root = Annotated[
    Path | None,
    typer.Option(
        help="The repository; the one around the present folder if left out.",
        exists=True,
        file_okay=False,
        resolve_path=True,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Store = Annotated[
    Path | None,
    typer.Option(
        help="The OCI layout with artifacts and evidence; .lab/oci of the repository if left out.",
        envvar="TIDEGATE_STORE",
        resolve_path=True,
    ),
]


def store_of(root: Path, store: Path | None) -> Path:
    """The layout that a command works on."""
    return store or root / ".lab" / "oci"
