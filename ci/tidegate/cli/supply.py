"""The commands on what comes from outside: images, and what a scanner says of ours."""

import datetime as dt
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from tidegate.catalog.load import find_root
from tidegate.catalog.reading import read_object
from tidegate.cli.options import Json, Root
from tidegate.cli.output import columns, console, print_findings, print_json
from tidegate.findings import CouldNotCheckError, FindingsError
from tidegate.oci import short
from tidegate.supply.images import IMAGES, ImageList, named, pinned, read_images
from tidegate.supply.registry import lock as lock_images
from tidegate.supply.scan import (
    POLICY,
    Report,
    ScannerVersion,
    ScanPolicy,
    as_json,
    judge,
    read_report,
)
from tidegate.supply.vulns import predicate

images = typer.Typer(help="The images of others: the only list of them.", no_args_is_help=True)

Override = Annotated[
    Path | None,
    typer.Option("--images", help="A file whose images replace those of the same name."),
]


@images.command("list")
def images_list(root: Root = None, override: Override = None, json: Json = False) -> None:
    """List the images and their digests; --json says what each is for."""
    found = read_images(find_root(root or Path.cwd()), override).values()
    if json:
        print_json([image.model_dump(mode="json", by_alias=True) for image in found])
        return
    table = columns("name", "image", "digest")
    for image in found:
        digest = short(image.digest) if image.digest else "not known"
        table.add_row(image.name, f"{image.repository}:{image.tag}", digest)
    console.print(table)


@images.command("show")
def images_show(
    name: Annotated[str, typer.Argument(help="A name of ci/images/images.yaml.")],
    root: Root = None,
    override: Override = None,
) -> None:
    """Print one image as repository:tag@digest, to give to another tool."""
    console.print(
        pinned(read_images(find_root(root or Path.cwd()), override), name), soft_wrap=True
    )


@images.command("lock")
def images_lock(
    only: Annotated[list[str] | None, typer.Option(help="An image; all if left out.")] = None,
    override: Override = None,
    root: Root = None,
) -> None:
    """Resolve the tags of a file to digests at their registries and write them, all or none."""
    folder = find_root(root or Path.cwd())
    read_images(folder, override)  # an override may name nothing else
    path = override or folder / IMAGES
    found = read_object(path, ImageList, name=str(path)).by_name()
    digests = lock_images(path, [named(found, name) for name in only or found])
    for name, digest in digests.items():
        console.print(f"{name:12}{digest}", soft_wrap=True)


def scan(
    report: Annotated[Path, typer.Argument(help="What `trivy image --format json` wrote.")],
    database: Annotated[
        Path, typer.Option(help="What `trivy version --format json` wrote: the database's age.")
    ],
    output: Annotated[
        Path | None, typer.Option(help="Write the verdict as JSON to this file.")
    ] = None,
    statement: Annotated[
        Path | None,
        typer.Option(help="Write what was found as `tidegate evidence add scan` takes it."),
    ] = None,
    root: Root = None,
) -> None:
    """Judge a scanner's report by ci/images/scan-policy.yaml.

    Exit 1 if the policy refuses the image, 2 if it is on hold: a database that is too old or of
    unknown age proves nothing.
    """
    folder = find_root(root or Path.cwd())
    policy = read_object(folder / POLICY, ScanPolicy, name=POLICY)
    found, scanner = read_report(report, Report), read_report(database, ScannerVersion)
    refused, doubts = judge(found, scanner, policy, dt.datetime.now(dt.UTC))
    if output:
        output.write_text(as_json(refused, doubts), encoding="utf-8")
    if refused:
        print_findings(doubts)
        raise FindingsError(refused)
    if doubts:
        raise CouldNotCheckError(doubts)
    if statement:
        statement.write_text(json.dumps(predicate(found, scanner)), encoding="utf-8")
    sys.stdout.write(f"{found.artifact_name}: nothing that the policy refuses\n")
