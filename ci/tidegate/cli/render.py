"""The command that renders."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from tidegate.catalog.load import Catalog, find_root, load_valid
from tidegate.catalog.schema import write_schemas
from tidegate.cli.options import Root
from tidegate.cli.output import console
from tidegate.evidence.schema import write_predicate_schemas
from tidegate.findings import FindingsError
from tidegate.manifests.golden import update_golden
from tidegate.manifests.graph import find_links
from tidegate.manifests.reference import update_reference
from tidegate.manifests.render import render, render_all
from tidegate.manifests.units import Source, find_folders, find_units, read_unit
from tidegate.policy.explain import write_reference


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
    links = find_links(catalog.root)
    sources: list[Source] = [*units, *(find_folders(catalog.root, links) if update else [])]
    rendered, more = render_all(sources, links)
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
    folders = find_folders(catalog.root, find_links(catalog.root))
    beside = {folder.name: folder for folder in folders}
    environment, _, service = name.partition("/")
    return beside[name] if name in beside else read_unit(catalog, environment, service)
