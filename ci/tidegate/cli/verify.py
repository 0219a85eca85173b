"""The command that asks production itself: what runs, why, and whether it answers as it should."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from tidegate.catalog.load import Catalog, find_root, load_valid
from tidegate.cli.options import Root
from tidegate.cli.output import console
from tidegate.cli.searches import search_of
from tidegate.cli.verdicts import verdict_table
from tidegate.evidence.kinds import require_pass
from tidegate.evidence.proof import of_running, prove
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
    store: Annotated[
        Path | None,
        typer.Option(help="The OCI layout with evidence; none is asked for if left out."),
    ] = None,
    root: Root = None,
) -> None:
    """Prove that a unit runs what was promoted, and that the live endpoint passes its gates.

    With --store, the release must have evidence that satisfies its environment's policy, signed
    by those whom overlays/signers.yaml names: the newest of each kind, however old it is by now.

    Exit 1 if the pods run something else, if no promotion put it there, if evidence is missing or
    if a gate does not pass; 2 if there is nothing to verify. The endpoint is asked last.
    """
    catalog = load_valid(find_root(root or Path.cwd()))
    environment, _, service = unit.partition("/")
    (found,) = standing(
        [read_unit(catalog, environment, service)], records(Repository(catalog.root))
    )
    if findings := check_running(found, read_pods(pods)):
        raise FindingsError(findings)
    console.print(f"{unit} runs {found.unit.release}, as promoted", soft_wrap=True)
    if store:
        _prove(catalog, store, found.unit)
    _ask(found.unit, url, api_key)


def _prove(catalog: Catalog, store: Path, unit: Unit) -> None:
    """Say which evidence the release has; raises FindingsError where it is not enough."""
    environment, release = unit.environment.metadata.name, unit.release
    if release is None:
        raise AssertionError(f"{unit.name} has no release, which was a finding already")
    asked = search_of(catalog, store, release, environment)
    proof = prove(replace(asked, policy=of_running(asked.policy), model=unit.model.name))
    for one in proof.attestations:
        by = ", ".join(sorted(one.signers))
        console.print(f"{one.kind:10} {one.digest} by {by}", soft_wrap=True)


def _ask(unit: Unit, url: str, api_key: str | None) -> None:
    """Run the smoke suite on the live endpoint; raises FindingsError where a gate does not pass."""
    limit = max(unit.model.spec.limits.output_tokens, 1)
    with Endpoint(url, unit.model.name, max_tokens=limit, api_key=api_key) as endpoint:
        verdict = run_gates(endpoint, unit.model)
    console.print(verdict_table(f"{unit.name} at {url}", verdict))
    require_pass(verdict, file=url)
