"""The commands of people on duty: hold, release-hold, guard, history."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from tidegate.catalog.load import find_root, load_valid
from tidegate.cli.options import Json, Root
from tidegate.cli.output import console, print_findings, print_json
from tidegate.cli.promotions import delivery_table, history_table
from tidegate.oci import write_atomically
from tidegate.promotion.delivery import deliveries
from tidegate.promotion.git import Repository
from tidegate.promotion.guard import guard
from tidegate.promotion.hold import hold, release_hold
from tidegate.promotion.index import known_documents, known_records
from tidegate.promotion.page import history_page

Service = Annotated[str, typer.Argument(help="generator, retriever or reranker.")]
Where = Annotated[str, typer.Option("--env", help="The environment.")]
Why = Annotated[str, typer.Option(help="Why, for the commit and for whoever meets it.")]


def hold_command(service: Service, env: Where, reason: Why, root: Root = None) -> None:
    """Keep every promotion out of a unit, by a commit, until release-hold."""
    done = hold(Repository(find_root(root or Path.cwd())), service, env, reason)
    commit = f"{done.commit[:8]} " if done.commit else "already "
    console.print(f"{commit}holds {env}/{service}")


def release_hold_command(
    service: Service, env: Where, reason: Why = "released by hand", root: Root = None
) -> None:
    """End a hold, by a commit."""
    done = release_hold(Repository(find_root(root or Path.cwd())), service, env, reason)
    commit = f"{done.commit[:8]} releases" if done.commit else "nothing holds"
    console.print(f"{commit} {env}/{service}")


def guard_command(
    ref: Annotated[
        str, typer.Argument(help="A commit, compared with its parent, or a range A..B.")
    ] = "HEAD",
    root: Root = None,
    json: Json = False,
) -> None:
    """Say what commits would remove from an environment without saying why; exit 1 if any."""
    findings = guard(Repository(find_root(root or Path.cwd())), ref)
    if json:
        print_json([finding.as_dict() for finding in findings])
    else:
        print_findings(findings)
        console.print(f"{len(findings)} findings" if findings else "no findings")
    raise typer.Exit(1 if findings else 0)


def history_command(
    days: Annotated[int, typer.Option(min=1, help="The span of the four numbers.")] = 90,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with a timeline for each service.")
    ] = None,
    root: Root = None,
    json: Json = False,
) -> None:
    """Show every promotion and rollback, and the four DORA numbers, from git alone."""
    repository, now = Repository(find_root(root or Path.cwd())), datetime.now(UTC)
    with known_documents(repository):
        catalog = load_valid(repository.path)
    names = [environment.metadata.name for environment in catalog.ordered_environments()]
    found = known_records(repository)
    numbers = deliveries(found, names[-1], now=now, days=days)
    if html:
        page = history_page(found, numbers, environments=names, now=now, days=days)
        write_atomically(html, page.encode())
    if json:
        print_json(
            {
                "environment": names[-1],
                "days": days,
                "delivery": [one.as_dict() for one in numbers],
                "log": [record.as_dict() for record in found],
            }
        )
        return
    console.print(delivery_table(numbers, names[-1], days))
    console.print(history_table(found))
