"""Scalers and analyses ask the Prometheus that their clusters have."""

from collections.abc import Iterable, Iterator

from tidegate.catalog.objects import Cluster
from tidegate.findings import Finding
from tidegate.manifests.objects import Object, dig, of, title
from tidegate.manifests.render import Rendered
from tidegate.manifests.units import Unit

_ANNOTATION = "tidegate.dev/prometheus"


def check_monitoring(rendered: Rendered[Unit], clusters: Iterable[Cluster]) -> Iterator[Finding]:
    """Findings of a unit's addresses; each of its environment's clusters has to have them."""
    environment = rendered.unit.environment.metadata.name
    wanted = {one.spec.prometheus for one in clusters if one.spec.environment == environment}
    for one in of(rendered.objects, "AnalysisTemplate", "ScaledObject"):
        for found in _addresses(one):
            if wanted - {found}:
                yield Finding(
                    rendered.unit.file,
                    title(one),
                    "asks a Prometheus that its cluster does not have",
                    ", ".join(sorted(wanted)),
                    found,
                    "correct the address, or spec.prometheus in the cluster's cluster.yaml",
                )


def _addresses(one: Object) -> Iterator[str]:
    if found := dig(one, "metadata", "annotations", _ANNOTATION):
        yield found
    for trigger in dig(one, "spec", "triggers") or []:
        if trigger.get("type") == "prometheus":
            yield str(dig(trigger, "metadata", "serverAddress"))
    for metric in dig(one, "spec", "metrics") or []:
        if address := dig(metric, "provider", "prometheus", "address"):
            yield address
