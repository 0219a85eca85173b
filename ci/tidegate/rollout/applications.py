"""The Applications of clusters: which there should be, and which Argo CD has."""

import json
import subprocess
from collections.abc import Mapping, Sequence

from tidegate.catalog.load import Catalog
from tidegate.findings import CouldNotCheckError, cannot_check, refuse
from tidegate.manifests.clusters import unit_applications
from tidegate.manifests.objects import Object
from tidegate.manifests.render import kubectl, render
from tidegate.manifests.units import Folder

# One request, without the discovery of every API that `kubectl get applications` begins with.
_PATH = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"
_REQUEST_SECONDS = 30
# A plugin that fetches credentials may ask a person, and a pipeline has none.
_KUBECTL_SECONDS = 60

Clusters = Mapping[str, Mapping[str, str]]
"""By cluster, the folder of the repository that each Application applies, by its name."""


def wanted_applications(
    catalog: Catalog, environment: str, service: str | None = None, clusters: Sequence[str] = ()
) -> Clusters:
    """The Applications that run an environment, or one service of it, in each of its clusters.

    Args:
        catalog: of the checkout, whose folders count.
        environment: which one.
        service: one of its folders; all if None.
        clusters: some of its clusters; all if none is named.

    Raises:
        FindingsError: nothing runs there, or an ApplicationSet cannot be worked out.
        CouldNotCheckError: kubectl is missing.
    """
    unit = f"overlays/{environment}/{service}" if service else f"overlays/{environment}"
    found = {
        name: {
            application: folder
            for application, folder in _applications(catalog, name).items()
            if not service or folder == unit
        }
        for name, cluster in catalog.clusters.items()
        if cluster.spec.environment == environment and (not clusters or name in clusters)
    }
    if not any(found.values()) or set(clusters) - found.keys():
        served = [f"{one.spec.environment} on {name}" for name, one in catalog.clusters.items()]
        raise refuse(
            unit,
            "Application",
            "no cluster runs it",
            wanted=f"a service of {', '.join(served)}",
            found=", ".join(clusters) or "none in clusters/",
            next_step="correct the name, or add a cluster for it",
        )
    return {name: applications for name, applications in found.items() if applications}


def _applications(catalog: Catalog, cluster: str) -> dict[str, str]:
    return unit_applications(render(Folder(catalog.root, f"clusters/{cluster}")), catalog)


def read_applications(contexts: Sequence[str | None]) -> dict[str, Object]:
    """The Applications of one or several Argo CDs, by name.

    Args:
        contexts: kubectl's contexts; None is the present one.

    Raises:
        CouldNotCheckError: a cluster does not answer, refuses, or has no Argo CD.
    """
    return {one["metadata"]["name"]: one for context in contexts for one in _read(context)}


def _read(context: str | None) -> list[Object]:
    text = _get(context)
    try:
        items: list[Object] = list(json.loads(text)["items"])
    except (ValueError, KeyError, TypeError):
        raise _fault(context, "an answer that is no list of them") from None
    return items


def _get(context: str | None) -> str:
    chosen = [f"--context={context}"] if context else []
    try:
        done = subprocess.run(
            [
                *(kubectl(), "get", f"--raw={_PATH}"),
                *(f"--request-timeout={_REQUEST_SECONDS}s", *chosen),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_KUBECTL_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _fault(context, str(error)) from None
    if done.returncode:
        raise _fault(context, " ".join(done.stderr.split()) or f"exit {done.returncode}")
    return done.stdout


def _fault(context: str | None, found: str) -> CouldNotCheckError:
    return cannot_check(
        f"context {context}" if context else "present context",
        "applications.argoproj.io",
        "cannot be read",
        wanted="the Applications in namespace argocd",
        found=found,
        next_step="check `kubectl config get-contexts` and that you may list them",
    )
