"""What must hold in a cluster's Argo CD objects, and between them and the units it runs."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidegate.catalog.load import Catalog
from tidegate.findings import Finding, FindingsError
from tidegate.manifests.argocd import NotUnderstoodError, applications
from tidegate.manifests.projects import (
    check_projects,
    check_wildcards,
    of_kind,
    own_repository,
    paths,
    sources,
)
from tidegate.manifests.render import Rendered
from tidegate.manifests.units import Folder, Source

Object = Mapping[str, Any]

# A chart's version or a tag: three numbers, nothing that a registry may resolve in two ways.
_EXACT = re.compile(r"v?[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?")


@dataclass(frozen=True, slots=True)
class Generated:
    """What Argo CD makes of a rendered cluster, worked out once for all that ask."""

    folders: Mapping[str, str | None]
    """As `unit_folders` found them."""
    applications: list[Object]
    """Those written down and those generated; none where they cannot be worked out."""
    fault: NotUnderstoodError | None = None
    """Why they cannot be worked out."""

    def applied(self) -> set[str] | None:
        """The folders of this repository that are applied; None where that is unknown."""
        return None if self.fault else set(paths(self.applications))


def generate(rendered: Rendered[Folder], folders: Mapping[str, str | None]) -> Generated:
    """The Applications of a cluster, by the folders that a git generator may find."""
    try:
        return Generated(folders, _generated(rendered.objects, list(folders)))
    except NotUnderstoodError as error:
        return Generated(folders, [], error)


def check_cluster(
    rendered: Rendered[Folder],
    found: Generated,
    catalog: Catalog,
    everything: Mapping[str, Rendered[Source]],
) -> list[Finding]:
    """All findings of one cluster of the catalog; `everything` is what renders, by its folder."""
    file = rendered.unit.file
    name = rendered.unit.folder.removeprefix("clusters/")
    if name not in catalog.clusters:
        return []  # its cluster.yaml has findings of its own
    environment = catalog.clusters[name].spec.environment
    findings = list(check_wildcards(rendered.objects, file))
    if found.fault:
        return [*findings, _not_understood(file, found.fault)]
    return [
        *findings,
        *_check_versions(found.applications, file),
        *_check_policies(found.applications, file),
        *check_projects(found.applications, rendered.objects, everything, file),
        *_check_services(found.applications, found.folders, environment, file),
    ]


def unit_applications(rendered: Rendered[Folder], catalog: Catalog) -> dict[str, str]:
    """The Applications that apply folders of overlays/ in a cluster: folder by name.

    Raises:
        FindingsError: an ApplicationSet is of a form that is not worked out here.
    """
    found = generate(rendered, unit_folders(catalog))
    if found.fault:
        raise FindingsError([_not_understood(rendered.unit.file, found.fault)])
    return {
        str(application["metadata"]["name"]): str(source["path"])
        for application in found.applications
        for source in sources(application)
        if str(source.get("path", "")).startswith("overlays/")
    }


def unit_folders(catalog: Catalog) -> dict[str, str | None]:
    """Every folder of every environment with its namespace; None for a part that others include."""
    found: dict[str, str | None] = {}
    for name, environment in catalog.environments.items():
        for folder in sorted((catalog.root / "overlays" / name).glob("*/")):
            file = folder / "kustomization.yaml"
            part = not file.is_file() or "kind: Component" in file.read_text(errors="replace")
            place = None if part else environment.spec.namespace
            found[folder.relative_to(catalog.root).as_posix()] = place
    return found


def _generated(objects: Sequence[Object], folders: Sequence[str]) -> list[Object]:
    """Every Application of the cluster: those written down and those generated."""
    secrets = [
        one
        for one in of_kind(objects, "Secret")
        if one["metadata"].get("labels", {}).get("argocd.argoproj.io/secret-type") == "cluster"
    ]
    return of_kind(objects, "Application") + [
        application
        for one in of_kind(objects, "ApplicationSet")
        for secret in secrets
        for application in applications(one, secret, folders)
    ]


def _not_understood(file: str, error: NotUnderstoodError) -> Finding:
    return Finding(
        file,
        "ApplicationSet",
        "cannot be worked out",
        "clusters, list, git directories or a matrix of two, with plain templates",
        str(error),
        "rewrite it in these forms, so that it can be checked",
    )


def _check_versions(generated: Sequence[Object], file: str) -> Iterator[Finding]:
    """A chart, and a folder of another repository, comes in one exact version."""
    own = own_repository(generated)
    for application in generated:
        for source in sources(application):
            version = str(source.get("targetRevision", "none"))
            if source["repoURL"] != own and not _EXACT.fullmatch(version):
                yield Finding(
                    file,
                    f"Application/{application['metadata']['name']}",
                    "version is not exact",
                    "three numbers, as 1.2.3",
                    version,
                    "pin the version that was tried",
                )


def _check_policies(generated: Sequence[Object], file: str) -> Iterator[Finding]:
    """Every Application heals itself, never empties itself, tries again and applies server-side."""
    for application in generated:
        policy = application["spec"].get("syncPolicy", {})
        automated = policy.get("automated", {})
        options = policy.get("syncOptions", [])
        respects = "RespectIgnoreDifferences=true" in options
        wanted = {
            "automated.selfHeal: true": automated.get("selfHeal") is True,
            "automated.allowEmpty: false": automated.get("allowEmpty") is False,
            "retry.backoff": "backoff" in policy.get("retry", {}),
            "ServerSideApply=true": "ServerSideApply=true" in options,
            "RespectIgnoreDifferences=true": respects
            or not application["spec"].get("ignoreDifferences"),
        }
        missing = ", ".join(key for key, held in wanted.items() if not held)
        if missing:
            yield Finding(
                file,
                f"Application/{application['metadata']['name']}",
                "sync policy is incomplete",
                missing,
                "not set",
                "set it in base/argocd",
            )


def _check_services(
    generated: Sequence[Object], folders: Mapping[str, str | None], environment: str, file: str
) -> Iterator[Finding]:
    """Each folder of the cluster's environment is one Application, in the right namespace."""
    found = Counter(
        (str(source["path"]), application["spec"]["destination"].get("namespace"))
        for application in generated
        for source in sources(application)
        if str(source.get("path", "")).startswith("overlays/")
    )
    own = f"overlays/{environment}/"
    wanted = Counter(item for item in folders.items() if item[1] and item[0].startswith(own))
    for path, namespace in sorted(set(found) | set(wanted)):
        if found[path, namespace] != wanted[path, namespace]:
            yield Finding(
                file,
                path,
                "not run by exactly one Application",
                f"{wanted[path, namespace]} in namespace {namespace}",
                str(found[path, namespace]),
                "correct the labels or the ApplicationSet in base/argocd",
            )
