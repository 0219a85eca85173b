"""Which evidence of which release commands look at, and under which policy."""

from datetime import UTC, datetime
from pathlib import Path

from tidegate.catalog.load import Catalog
from tidegate.cli.options import store_of
from tidegate.evidence.proof import Search
from tidegate.findings import refuse
from tidegate.manifests.release import Release
from tidegate.oci import Layout


def search_of(
    catalog: Catalog, store: Path | None, release: Release, environment: str | None
) -> Search:
    """A release's evidence in a store, before the policy of an environment; the last if None.

    Raises:
        FindingsError: there is no such environment.
    """
    name = environment or catalog.ordered_environments()[-1].metadata.name
    if name not in catalog.policies:
        raise refuse(
            "command line",
            "--for",
            "unknown environment",
            wanted=f"one of {', '.join(catalog.policies)}",
            found=name,
            next_step="correct the name",
        )
    roles = catalog.signers.spec.roles if catalog.signers else {}
    layout = Layout(store_of(catalog.root, store))
    now, tasks = datetime.now(UTC), catalog.tasks()
    return Search(layout, release, catalog.policies[name], roles, now, tasks=tasks)
