"""What must hold of a unit's guards: somebody enforces them, and metrics get through the mesh."""

from collections.abc import Iterator

from tidegate.findings import Finding
from tidegate.manifests.objects import Object, dig, of, selects, title
from tidegate.manifests.pods import Pod, pods
from tidegate.manifests.render import Rendered
from tidegate.manifests.units import Unit

_SIDECAR = "sidecar.istio.io/inject"
_SIDECAR_METRICS = 15020
_FOUND_BY = {"scrape": "true", "path": "/metrics"}


def check_guards(rendered: Rendered[Unit]) -> Iterator[Finding]:
    """Findings of a unit's authentications, its authorisation and its scraping."""
    objects, file = rendered.objects, rendered.unit.file
    guards = of(objects, "RequestAuthentication", "AuthorizationPolicy", "PeerAuthentication")
    for one in guards:
        yield from _check_sidecar(one, objects, file)
    peers = of(objects, "PeerAuthentication")
    if any(dig(one, "spec", "mtls", "mode") == "STRICT" for one in peers):
        yield from _check_scrape(objects, file)
        yield from _check_mode(objects, file)
        for pod in (pod for one in of(objects, "Deployment") for pod in pods(one)):
            if pod.labels.get(_SIDECAR) == "true":
                yield from _check_annotations(pod, file)


def _check_sidecar(one: Object, objects: tuple[Object, ...], file: str) -> Iterator[Finding]:
    """Istio's policies are enforced by the pod's sidecar, or by nobody."""
    selector = one["spec"].get("selector") or {}
    found = (pod.labels for other in objects for pod in pods(other))
    guarded = [labels for labels in found if selects(selector, labels)]
    if not guarded or any(labels.get(_SIDECAR) != "true" for labels in guarded):
        yield Finding(
            file,
            title(one),
            "enforced by nobody",
            f"pods that it selects, with the label {_SIDECAR}: true",
            "no such pod",
            "list base/components/mesh",
        )


def _check_annotations(one: Pod, file: str) -> Iterator[Finding]:
    """The sidecar finds the engine's metrics by these annotations and merges them with its own."""
    names = (*_FOUND_BY, "port")
    found = {name: dig(one.metadata, "annotations", f"prometheus.io/{name}") for name in names}
    opened = {str(p.get("containerPort")) for c in one.containers for p in c.get("ports") or []}
    if not _FOUND_BY.items() <= found.items() or found["port"] not in opened:
        yield Finding(
            file,
            title(one.owner),
            "metrics that the sidecar does not find",
            "prometheus.io/scrape, path and port in the pod's annotations, of a port that it opens",
            ", ".join(f"{name} {value}" for name, value in found.items()),
            "restore base/components/mesh/patch-deployment.yaml",
        )


def _check_mode(objects: tuple[Object, ...], file: str) -> Iterator[Finding]:
    for one in of(objects, "DestinationRule"):
        mode = dig(one, "spec", "trafficPolicy", "tls", "mode")
        if mode not in {None, "ISTIO_MUTUAL"}:  # none is mutual too where it is demanded
            yield Finding(
                file,
                title(one),
                "comes without the certificate that is demanded",
                "trafficPolicy.tls.mode ISTIO_MUTUAL",
                str(mode),
                "restore base/components/mesh/destinationrule.yaml",
            )


def _check_scrape(objects: tuple[Object, ...], file: str) -> Iterator[Finding]:
    for monitor in of(objects, "PodMonitor"):
        for endpoint in monitor["spec"].get("podMetricsEndpoints") or []:
            found = endpoint.get("portNumber", endpoint.get("port"))
            if found != _SIDECAR_METRICS:
                yield Finding(
                    file,
                    title(monitor),
                    "scrapes a port that demands a certificate",
                    f"portNumber {_SIDECAR_METRICS}, the sidecar's metrics",
                    str(found),
                    "list base/components/monitoring before base/components/mesh",
                )
