"""What must hold of a unit's guards: tokens are demanded, and metrics get through the mesh."""

from collections.abc import Iterator

from tidegate.findings import Finding
from tidegate.manifests.objects import Object, labels, of, selects, templates, title
from tidegate.manifests.render import Rendered
from tidegate.manifests.units import Unit

_SIDECAR = "sidecar.istio.io/inject"
_SIDECAR_METRICS = 15020


def check_guards(rendered: Rendered[Unit]) -> Iterator[Finding]:
    """Findings of a unit's RequestAuthentications and PeerAuthentications."""
    objects, file = rendered.objects, rendered.unit.file
    for one in of(objects, "RequestAuthentication"):
        yield from _check_demanded(one, objects, file)
    guards = of(objects, "RequestAuthentication", "AuthorizationPolicy", "PeerAuthentication")
    for one in guards:
        yield from _check_sidecar(one, objects, file)
    if any(one["spec"]["mtls"]["mode"] == "STRICT" for one in of(objects, "PeerAuthentication")):
        yield from _check_scrape(objects, file)


def _check_demanded(one: Object, objects: tuple[Object, ...], file: str) -> Iterator[Finding]:
    """By itself it refuses wrong tokens only; a request without any passes."""
    demanding = [
        policy
        for policy in of(objects, "AuthorizationPolicy")
        if policy["spec"].get("selector") == one["spec"].get("selector")
        and policy["spec"].get("action", "ALLOW") == "ALLOW"
        and all(map(_names_principals, policy["spec"].get("rules") or []))
    ]
    if not demanding:
        yield Finding(
            file,
            title(one),
            "lets requests without a token pass",
            "an AuthorizationPolicy of the same pods whose every rule has requestPrincipals",
            "none",
            "restore base/components/tokens/authorizationpolicy.yaml",
        )


def _names_principals(rule: Object) -> bool:
    sources = [one["source"] for one in rule.get("from") or []]
    return bool(sources) and all(source.get("requestPrincipals") for source in sources)


def _check_sidecar(one: Object, objects: tuple[Object, ...], file: str) -> Iterator[Finding]:
    """Istio's policies are enforced by the pod's sidecar, or by nobody."""
    selector = one["spec"].get("selector") or {}
    pods = [labels(template) for _, template in templates(objects)]
    guarded = [pod for pod in pods if selects(selector, pod)]
    if not guarded or any(pod.get(_SIDECAR) != "true" for pod in guarded):
        yield Finding(
            file,
            title(one),
            "enforced by nobody",
            f"pods that it selects, with the label {_SIDECAR}: true",
            "no such pod",
            "list base/components/mesh",
        )


def _check_scrape(objects: tuple[Object, ...], file: str) -> Iterator[Finding]:
    for monitor in of(objects, "PodMonitor"):
        for endpoint in monitor["spec"]["podMetricsEndpoints"]:
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
