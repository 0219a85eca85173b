"""Nothing is shipped that is never rendered, and nothing is rendered that no cluster applies."""

from collections.abc import Iterator, Mapping, Sequence

from tidegate.catalog.load import Catalog
from tidegate.findings import Finding
from tidegate.manifests.clusters import Generated
from tidegate.manifests.graph import Links, find_unused
from tidegate.manifests.render import Rendered
from tidegate.manifests.units import PLATFORM, Folder, Unit


def check_usage(
    catalog: Catalog,
    links: Links,
    units: Sequence[Unit],
    beside: Sequence[Rendered[Folder]],
    clusters: Mapping[str, Generated],
) -> Iterator[Finding]:
    """Findings of folders of base/ that no unit uses, and of the platform's that no cluster has."""
    used = [*(one.folder for one in units), *(one.unit.folder for one in beside)]
    for folder in find_unused(catalog.root, links, used):
        yield Finding(
            f"{folder}/kustomization.yaml",
            "component",
            "never rendered",
            "a unit or an example that lists it",
            "none",
            "list it in one, add an example under overlays/examples, or delete it",
        )
    found = [one.applied() for one in clusters.values()]
    if None in found:
        return  # a cluster has a finding that says what is not understood
    somewhere = {path for paths in found for path in paths or ()}
    # What lies below one cluster is that cluster's own choice.
    platform = [one for one in beside if one.unit.name.startswith(f"{PLATFORM}/")]
    for one in platform:
        if one.unit.folder not in clusters and one.unit.folder not in somewhere:
            yield Finding(
                one.unit.file,
                "folder",
                "applied to no cluster",
                "an Application that names it",
                "none",
                "list it in base/argocd/applicationset-platform.yaml, or delete it",
            )
