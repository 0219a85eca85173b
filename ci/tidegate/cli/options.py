"""Options that several commands share."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.findings import refuse
from tidegate.lab.paths import Lab
from tidegate.manifests.release import Release
from tidegate.oci import Reference

if TYPE_CHECKING:
    from tidegate.evidence.signing import EvidenceSigner

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
SignerUri = Annotated[
    str | None,
    typer.Option(
        "--signer",
        envvar="TIDEGATE_SIGNER",
        help="file:PATH of a key, sigstore: for keyless, or a key service's URI; "
        "the lab's key if left out.",
    ),
]
PublicKey = Annotated[
    Path | None,
    typer.Option(help="PEM of the public half, which a key service needs.", dir_okay=False),
]
EngineOption = Annotated[
    str | None, typer.Option("--engine", help="Engine image as name:tag@sha256:<64 hex>.")
]
ArtifactOption = Annotated[
    str | None, typer.Option("--model-artifact", help="Model as name:tag@sha256:<64 hex>.")
]


def signer_of(root: Path, uri: str | None, public_key: Path | None = None) -> "EvidenceSigner":
    """The signer that a command uses; raises CouldNotCheckError."""
    from tidegate.evidence.signing import signer_for  # noqa: PLC0415 - few commands sign

    return signer_for(uri or f"file:{Lab(root).signing_key}", public_key)


def release_of(engine: str | None, model: str | None) -> Release | None:
    """The release that two options name; None for neither.

    Raises:
        FindingsError: only one is named, or one is not pinned.
    """
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


def store_of(root: Path, store: Path | None) -> Path:
    """The layout that a command works on."""
    return store or root / ".lab" / "oci"
