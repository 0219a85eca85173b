"""The commands on evidence: keys, what there is, what it proves, and adding to it."""

import json as json_module
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from tidegate.catalog.load import Catalog, find_root, load_valid
from tidegate.catalog.policy import EvidenceKind
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
from tidegate.cli.output import columns, console, print_json
from tidegate.cli.searches import search_of
from tidegate.evidence.kinds import Approval, utc_text
from tidegate.evidence.models import attach_model_signature
from tidegate.evidence.proof import prove, show
from tidegate.evidence.provenance import provenance
from tidegate.evidence.referrers import pull, push
from tidegate.evidence.signing import make_key
from tidegate.evidence.statement import attach
from tidegate.findings import cannot_check, refuse
from tidegate.lab.paths import Lab
from tidegate.manifests.release import Release
from tidegate.manifests.units import read_unit
from tidegate.oci import Layout, Reference, short
from tidegate.promotion.git import Repository
from tidegate.promotion.history import find_release, records

app = typer.Typer(
    help="Signed statements about releases, and what they prove.", no_args_is_help=True
)

ReleaseName = Annotated[
    str | None,
    typer.Argument(
        metavar="RELEASE",
        help="A release on record as <engine>+<model> or by version, or <environment>/<service> "
        "for what it runs; leave it out to name one by --engine and --model-artifact.",
    ),
]
For = Annotated[
    str | None, typer.Option("--for", help="The environment whose policy counts; the last one.")
]


def _find(catalog: Catalog, name: str | None, named: Release | None) -> Release:
    """The release that the command line names."""
    if named:
        return named
    environment, found, service = (name or "").partition("/")
    if found:
        release = read_unit(catalog, environment, service).release
        if release:
            return release
    return find_release(records(Repository(catalog.root)), name or "")


@app.command("show")
def show_command(
    release: ReleaseName = None,
    environment: For = None,
    engine: EngineOption = None,
    model_artifact: ArtifactOption = None,
    root: Root = None,
    store: Store = None,
    json: Json = False,
) -> None:
    """Show what a policy asks for, and the evidence that a release has for it."""
    catalog = load_valid(find_root(root or Path.cwd()))
    found = _find(catalog, release, release_of(engine, model_artifact))
    search = search_of(catalog, store, found, environment)
    rows = show(search)
    if json:
        print_json({"release": found.as_dict(), "for": search.environment, "evidence": rows})
        return
    table = columns("kind", "evidence", "made", "signed by", "state", title=str(found))
    for row in rows:
        first = row["evidence"][0] if row["evidence"] else None
        state = row["findings"][0]["what"] if row["findings"] else "good"
        told = (short(first["digest"]), first["made"], ", ".join(first["signers"])) if first else ()
        table.add_row(row["kind"], *(told or ("-", "-", "-")), state)
    console.print(table)


@app.command("push")
def push_command(
    release: ReleaseName = None,
    engine: EngineOption = None,
    model_artifact: ArtifactOption = None,
    root: Root = None,
    store: Store = None,
) -> None:
    """Put a release's evidence next to its artifacts in their registries."""
    catalog = load_valid(find_root(root or Path.cwd()))
    found = _find(catalog, release, release_of(engine, model_artifact))
    new = push(Layout(store_of(catalog.root, store)), found)
    console.print(f"{found}: pushed {len(new)}", soft_wrap=True)


@app.command("pull")
def pull_command(
    release: ReleaseName = None,
    engine: EngineOption = None,
    model_artifact: ArtifactOption = None,
    with_model: Annotated[
        bool,
        typer.Option("--with-model", help="The model too, if a policy asks for its signature."),
    ] = False,
    root: Root = None,
    store: Store = None,
) -> None:
    """Fetch a release's evidence from the registries of its artifacts into the store."""
    catalog = load_valid(find_root(root or Path.cwd()))
    found = _find(catalog, release, release_of(engine, model_artifact))
    new = pull(Layout(store_of(catalog.root, store)), found, with_model=with_model)
    console.print(f"{found}: pulled {len(new)}", soft_wrap=True)


@app.command("verify")
def verify_command(
    release: ReleaseName = None,
    environment: For = None,
    engine: EngineOption = None,
    model_artifact: ArtifactOption = None,
    root: Root = None,
    store: Store = None,
    json: Json = False,
) -> None:
    """Say whether a release's evidence is enough for an environment; exit 1 with every reason."""
    catalog = load_valid(find_root(root or Path.cwd()))
    found = _find(catalog, release, release_of(engine, model_artifact))
    search = search_of(catalog, store, found, environment)
    proof = prove(search)
    if json:
        print_json([one.as_dict() for one in proof.attestations])
        return
    for one in proof.attestations:
        by = ", ".join(sorted(one.signers))
        console.print(f"{one.kind:10} {one.digest} by {by}", soft_wrap=True)
    console.print(f"{found} is proven for {search.environment}")


@app.command("key")
def key_command(
    path: Annotated[
        Path | None, typer.Argument(help="Where to write it; the lab's place if left out.")
    ] = None,
    root: Root = None,
) -> None:
    """Make a key that signs evidence, mode 0600, and print its public half for signers.yaml."""
    target = path or Lab(find_root(root or Path.cwd())).signing_key
    console.print(make_key(target).strip(), soft_wrap=True)


@app.command("add")
def add_command(
    kind: Annotated[EvidenceKind, typer.Argument(help="What the file is.")],
    file: Annotated[Path, typer.Argument(help="The predicate as JSON.")],
    engine: EngineOption = None,
    model_artifact: ArtifactOption = None,
    signer: SignerUri = None,
    public_key: PublicKey = None,
    root: Root = None,
    store: Store = None,
) -> None:
    """Sign provenance, a bill of materials or a scan, and store it beside the release."""
    folder = find_root(root or Path.cwd())
    release = _find(load_valid(folder), None, release_of(engine, model_artifact))
    if kind in {EvidenceKind.VERDICT, EvidenceKind.APPROVAL, EvidenceKind.MODEL}:
        raise refuse(
            "command line",
            kind,
            "is not added as a file",
            wanted="provenance, sbom or scan",
            found=kind,
            next_step="use `gate run`, `evidence approve` or `evidence sign-model`",
        )
    layout = Layout(store_of(folder, store))
    signs = signer_of(folder, signer, public_key)
    console.print(attach(layout, release, kind, _predicate(file), signs), soft_wrap=True)


def _predicate(file: Path) -> dict[str, Any]:
    try:
        data = json_module.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        data = str(error)
    if not isinstance(data, dict):
        raise cannot_check(
            file,
            "file",
            "unreadable",
            wanted="a JSON object",
            found="another form",
            next_step="name the predicate as its tool wrote it",
        )
    return data


@app.command("provenance")
def provenance_command(
    base: Annotated[str, typer.Option(help="The base image as name:tag@sha256:<64 hex>.")],
    builder: Annotated[str, typer.Option(help="Who built the engine, as a URI.")],
    engine: EngineOption = None,
    model_artifact: ArtifactOption = None,
    signer: SignerUri = None,
    public_key: PublicKey = None,
    root: Root = None,
    store: Store = None,
) -> None:
    """Sign that this commit and a base image are what the engine was built from just now."""
    folder = find_root(root or Path.cwd())
    release = _find(load_valid(folder), None, release_of(engine, model_artifact))
    repository = Repository(folder)
    repository.require_clean()
    source, commit = repository.place(), repository.run("rev-parse", "HEAD").strip()
    said = provenance(source, commit, _by_digest(base), builder, datetime.now(UTC))
    layout, signs = Layout(store_of(folder, store)), signer_of(folder, signer, public_key)
    console.print(attach(layout, release, EvidenceKind.PROVENANCE, said, signs), soft_wrap=True)


def _by_digest(base: str) -> Reference:
    try:
        return Reference.parse(base)
    except ValueError as error:
        raise refuse(
            "command line",
            "--base",
            "not by digest",
            wanted="name:tag@sha256:<64 hex>",
            found=str(error),
            next_step="name what `tidegate images show` prints",
        ) from None


@app.command("approve")
def approve_command(
    release: ReleaseName = None,
    environment: Annotated[str, typer.Option("--for", help="Where it may go.")] = "production",
    reason: Annotated[str, typer.Option(help="Why.")] = "approved by hand",
    engine: EngineOption = None,
    model_artifact: ArtifactOption = None,
    signer: SignerUri = None,
    public_key: PublicKey = None,
    root: Root = None,
    store: Store = None,
) -> None:
    """Sign a yes to a release in an environment; the signature says whose."""
    folder = find_root(root or Path.cwd())
    found = _find(load_valid(folder), release, release_of(engine, model_artifact))
    said = Approval(environment=environment, reason=reason, approved=utc_text(datetime.now(UTC)))
    layout, signs = Layout(store_of(folder, store)), signer_of(folder, signer, public_key)
    predicate = said.model_dump(mode="json", by_alias=True)
    digest = attach(layout, found, EvidenceKind.APPROVAL, predicate, signs)
    console.print(digest, soft_wrap=True)


@app.command("sign-model")
def sign_model_command(
    digest: Annotated[str, typer.Argument(help="The packed model, as sha256:<64 hex>.")],
    key: Annotated[
        Path | None, typer.Option(help="PEM of an elliptic key; the lab's if left out.")
    ] = None,
    root: Root = None,
    store: Store = None,
) -> None:
    """Check that a packed model is safetensors and runs nothing, then sign every file of it."""
    folder = find_root(root or Path.cwd())
    layout = Layout(store_of(folder, store))
    signed = attach_model_signature(layout, digest, key or Lab(folder).signing_key)
    console.print(signed, soft_wrap=True)
