"""The command that asks production itself: what runs, why, and whether it answers as it should."""

from pathlib import Path
from typing import Annotated

import typer

from tidegate.catalog.load import find_root, load_valid
from tidegate.cli.options import Root
from tidegate.cli.output import console
from tidegate.cli.verdicts import verdict_table
from tidegate.evidence.kinds import require_pass
from tidegate.findings import FindingsError
from tidegate.gates.client import Endpoint
from tidegate.gates.run import run_gates
from tidegate.manifests.units import Unit, read_unit
from tidegate.promotion.git import Repository
from tidegate.promotion.history import records, standing
from tidegate.promotion.running import check_running, read_pods


def verify(
    unit: Annotated[str, typer.Argument(help="<environment>/<service>.")],
    pods: Annotated[
        Path, typer.Option(help="What `kubectl get pods --all-namespaces --output=json` printed.")
    ],
    url: Annotated[str, typer.Option(help="Base URL of the live endpoint.")],
    api_key: Annotated[
        str | None, typer.Option(envvar="TIDEGATE_API_KEY", help="Bearer token.")
    ] = None,
    root: Root = None,
) -> None:
    """Prove that a unit runs what was promoted, and that the live endpoint passes its gates.

    Exit 1 if the pods run something else, if no promotion put it there or if a gate does not
    pass; 2 if there is nothing to verify. The endpoint is asked only where the pods are right.
    """
    catalog = load_valid(find_root(root or Path.cwd()))
    environment, _, service = unit.partition("/")
    (found,) = standing(
        [read_unit(catalog, environment, service)], records(Repository(catalog.root))
    )
    if findings := check_running(found, read_pods(pods)):
        raise FindingsError(findings)
    console.print(f"{unit} runs {found.unit.release}, as promoted", soft_wrap=True)
    _ask(found.unit, url, api_key)


def _ask(unit: Unit, url: str, api_key: str | None) -> None:
    """Run the smoke suite on the live endpoint; raises FindingsError where a gate does not pass."""
    limit = max(unit.model.spec.limits.output_tokens, 1)
    with Endpoint(url, unit.model.name, max_tokens=limit, api_key=api_key) as endpoint:
        verdict = run_gates(endpoint, unit.model)
    console.print(verdict_table(f"{unit.name} at {url}", verdict))
    require_pass(verdict, file=url)
