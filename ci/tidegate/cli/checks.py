"""The commands that say what is wrong, what a change will do, and where a field comes from."""

import sys
from dataclasses import asdict
from enum import StrEnum
from json import dumps
from pathlib import Path
from typing import Annotated

import typer
from rich.markdown import Markdown

from tidegate.catalog.load import find_root
from tidegate.ci.changes import compare, untold
from tidegate.cli.options import Json, Root
from tidegate.cli.output import console, print_findings, print_json
from tidegate.findings import TidegateError, refuse
from tidegate.oci import write_atomically
from tidegate.policy.explain import explanation
from tidegate.policy.origin import origin
from tidegate.policy.page import page
from tidegate.policy.repository import Inspection, inspect
from tidegate.policy.sarif import sarif
from tidegate.registry import registry


class Format(StrEnum):
    """How findings are told."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    HTML = "html"


def check(
    root: Root = None,
    json: Json = False,
    form: Annotated[Format, typer.Option("--format", help="How findings are told.")] = Format.TEXT,
    output: Annotated[
        Path | None, typer.Option(help="Write the report to this file instead of printing it.")
    ] = None,
    explain: Annotated[
        str | None, typer.Option(metavar="CODE", help="Explain a finding's code and check nothing.")
    ] = None,
) -> None:
    """Render everything and say everything that is wrong, one line a finding; exit 1 if any."""
    folder = find_root(root or Path.cwd())
    if explain:
        _explain(folder, explain.upper())
        return
    inspection = inspect(folder)
    form = Format.JSON if json else form
    if output:
        write_atomically(output, f"{_report(folder, inspection, form)}\n".encode())
    if form is Format.TEXT or output:
        print_findings(inspection.findings)
        count = len(inspection.findings)
        console.print(f"{count} findings" if count else "no findings")
    elif form is Format.JSON:
        print_json([finding.as_dict() for finding in inspection.findings])
    else:
        sys.stdout.write(_report(folder, inspection, form) + "\n")
    raise typer.Exit(1 if inspection.findings else 0)


def _report(root: Path, inspection: Inspection, form: Format) -> str:
    findings = inspection.findings
    match form:
        case Format.SARIF:
            return sarif(findings)
        case Format.HTML:
            return page(root, inspection)
        case Format.JSON:
            return dumps([finding.as_dict() for finding in findings])
        case Format.TEXT:
            return "\n".join(finding.line for finding in findings) or "no findings"


def _explain(root: Path, code: str) -> None:
    text = explanation(root, code)
    if text is None:
        raise refuse(
            "--explain",
            "code",
            "unknown code",
            wanted=f"one of {', '.join(registry())}",
            found=code,
            next_step="take it from the brackets at the end of a finding",
        )
    console.print(Markdown(text))


class DiffFormat(StrEnum):
    """How changes are told."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


def diff(
    ref: Annotated[str, typer.Argument(help="The commit to compare with.")] = "HEAD",
    root: Root = None,
    json: Json = False,
    form: Annotated[
        DiffFormat, typer.Option("--format", help="How changes are told.")
    ] = DiffFormat.TEXT,
) -> None:
    """Say in words what the files here will change in each cluster, compared with a commit.

    As Markdown, with what it costs.
    """
    try:
        found = compare(find_root(root or Path.cwd()), ref)
    except TidegateError as error:
        if form is DiffFormat.MARKDOWN:
            sys.stdout.write(untold(error.findings))
        raise
    if json or form is DiffFormat.JSON:
        print_json([change.as_dict() for change in found.changes])
    elif form is DiffFormat.MARKDOWN:
        sys.stdout.write(found.markdown)
    else:
        for one in found.changes:
            where = f"{one.unit} ({', '.join(one.clusters) or 'no cluster'})"
            sys.stdout.write(f"{where}: {one.object}: {one.words}\n")
        count = len(found.changes)
        console.print(f"{count} changes" if count else "no changes")


def explain(
    unit: Annotated[str, typer.Argument(help="<environment>/<service>.")],
    field: Annotated[
        str, typer.Argument(help="<Kind>[/<name>].<path>; list items by name or number.")
    ],
    root: Root = None,
    json: Json = False,
) -> None:
    """Say which line of which file sets a rendered field."""
    folder = find_root(root or Path.cwd())
    value, places = origin(folder, f"overlays/{unit}", field)
    if json:
        print_json({"value": value, "places": [asdict(place) for place in places]})
        return
    console.print(f"{field} is {value}", soft_wrap=True)
    for place in places:
        console.print(f"{place.file}:{place.line}: {place.text}", soft_wrap=True, markup=False)
    if not places:
        console.print("no single line sets it: it is put together, or generated")
