"""The command that waits for clusters."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from tidegate.catalog.load import find_root, load_valid
from tidegate.cli.options import Json, Root
from tidegate.cli.output import console, errors, print_json
from tidegate.findings import FindingsError
from tidegate.oci import short
from tidegate.promotion.git import Repository
from tidegate.rollout.applications import read_applications, wanted_applications
from tidegate.rollout.state import Outcome, State
from tidegate.rollout.wait import commit_of, reaching, shortfalls, wait

STYLE = {Outcome.ARRIVED: "green", Outcome.WAITING: "yellow", Outcome.FAILED: "red"}


def wait_command(
    env: Annotated[str, typer.Option(help="The environment.")],
    service: Annotated[str | None, typer.Option(help="One service of it; all if left out.")] = None,
    commit: Annotated[
        str | None, typer.Option(help="The commit; the tip of the remote's main if left out.")
    ] = None,
    cluster: Annotated[
        list[str] | None,
        typer.Option(help="A cluster of it, once each; all of clusters/ if left out."),
    ] = None,
    context: Annotated[
        list[str] | None,
        typer.Option(help="kubectl's context of an Argo CD, once each; the present if left out."),
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=0, help="Seconds to wait; above a rollout's own deadline.")
    ] = 3600,
    interval: Annotated[float, typer.Option(min=0, help="Seconds between two looks.")] = 5,
    root: Root = None,
    json: Json = False,
) -> None:
    """Wait until Argo CD reports a commit, or a later one, synced and healthy.

    Exit 1 with the reasons if a sync fails or the time is over; 2 if no cluster answers or the
    environment's Applications are not there.
    """
    catalog = load_valid(find_root(root or Path.cwd()))
    wanted = wanted_applications(catalog, env, service, cluster or ())
    repository = Repository(catalog.root)
    target = commit_of(repository, commit)
    with errors.status(f"waiting for {env} at {short(target)}"):
        states = wait(
            wanted,
            lambda: read_applications(context or [None]),
            reaching(repository, target),
            timeout=timeout,
            interval=interval,
            tell=Changes(),
        )
    findings = shortfalls(states, wanted, target)
    if json:
        print_json(
            {"environment": env, "commit": target, "applications": [asdict(s) for s in states]}
        )
    if findings:
        raise FindingsError(findings)
    if not json:
        console.print(
            f"{env} is at {short(target)}, synced and healthy; Applications: {len(states)}"
        )


class Changes:
    """Tells each Application's state when it changes, a line each, beside the result."""

    def __init__(self) -> None:
        self._told: dict[str, State] = {}

    def __call__(self, states: Sequence[State]) -> None:
        """Tell what differs from the last look."""
        for state in states:
            if self._told.get(state.application) != state:
                line = (state.application, " ", (state.reason, STYLE[state.outcome]))
                errors.print(Text.assemble(*line))
                self._told[state.application] = state
