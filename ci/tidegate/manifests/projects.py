"""What must hold between a cluster's Applications and the AppProjects that bound them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tidegate.findings import Finding
from tidegate.manifests.render import Rendered
from tidegate.manifests.units import Source

Object = Mapping[str, Any]

_KINDS = {False: "clusterResourceWhitelist", True: "namespaceResourceWhitelist"}
_LISTS = ("sourceRepos", "destinations", *_KINDS.values())
_NOTHING: Object = {"sourceRepos": [], "destinations": []}


def of_kind(objects: Sequence[Object], kind: str) -> list[Object]:
    """The objects of one kind."""
    return [one for one in objects if one["kind"] == kind]


def sources(application: Object) -> list[Object]:
    """What an Application is made from: one source or several."""
    spec = application["spec"]
    return list(spec.get("sources") or [spec["source"]])


def own_repository(generated: Sequence[Object]) -> str:
    """The repository of the Application that holds the cluster itself."""
    return next(
        (str(sources(one)[0]["repoURL"]) for one in generated if "kind" in one), "no repository"
    )


def paths(applications: Sequence[Object]) -> list[str]:
    """The folders of this repository that Applications apply."""
    own = own_repository(applications)
    return [path for one in applications for path in _paths(one, own)]


def _paths(application: Object, own: str) -> list[str]:
    found = (source for source in sources(application) if source["repoURL"] == own)
    return [str(source["path"]) for source in found if "path" in source]


def check_wildcards(objects: Sequence[Object], file: str) -> Iterator[Finding]:
    """No AppProject allows what it does not name."""
    for project in of_kind(objects, "AppProject"):
        for key in _LISTS:
            for entry in project["spec"].get(key) or []:
                values = [entry] if isinstance(entry, str) else entry.values()
                if any("*" in value for value in values):
                    yield Finding(
                        file,
                        f"AppProject/{project['metadata']['name']}/{key}",
                        "project allows by wildcard",
                        "each one by name",
                        ", ".join(values),
                        "name what the project needs",
                    )


def check_projects(
    generated: Sequence[Object],
    objects: Sequence[Object],
    everything: Mapping[str, Rendered[Source]],
    file: str,
) -> Iterator[Finding]:
    """Each Application's project allows its sources, its places and what it renders here."""
    projects = {one["metadata"]["name"]: one["spec"] for one in of_kind(objects, "AppProject")}
    own = own_repository(generated)
    refused: set[tuple[str, str, str]] = set()
    for application in generated:
        name = application["spec"]["project"]
        project = projects.get(name, _NOTHING)
        made = [
            item
            for path in _paths(application, own)
            if path in everything
            for item in everything[path].objects
        ]
        yield from _check_places(application, project, made, file)
        if name in projects:
            refused |= {(name, *kind) for kind in _refused(project, made)}
    for name, group, kind in sorted(refused):
        yield Finding(
            file,
            f"AppProject/{name}",
            "does not allow a kind of its units",
            f"{group or 'core'} {kind}",
            "not listed",
            f"add it to base/argocd/appproject-{name}.yaml, or take it out of the units",
        )


def _check_places(
    application: Object, project: Object, made: Sequence[Object], file: str
) -> Iterator[Finding]:
    spec = application["spec"]
    place = {key: str(spec["destination"].get(key)) for key in ("server", "namespace")}
    inside = {str(one["metadata"]["namespace"]) for one in made if _namespaced(one)}
    wanted = [place, *(place | {"namespace": name} for name in sorted(inside))]
    urls = [str(source["repoURL"]) for source in sources(application)]
    missing = [url for url in urls if url not in project["sourceRepos"]]
    missing += [
        f"{one['server']} {one['namespace']}"
        for one in wanted
        if one not in project["destinations"]
    ]
    if missing:
        yield Finding(
            file,
            f"Application/{application['metadata']['name']}",
            "not allowed by its project",
            f"sources and destination listed in AppProject/{spec['project']}",
            ", ".join(dict.fromkeys(missing)),
            "list it in base/argocd, or correct the Application",
        )


def _namespaced(item: Object) -> bool:
    return "namespace" in item["metadata"]


def _refused(project: Object, made: Sequence[Object]) -> set[tuple[str, str]]:
    """Kinds that a project does not list; a project without a list of namespaced ones has all."""
    return {
        (group, item["kind"])
        for item in made
        for group in [str(item["apiVersion"]).rpartition("/")[0]]
        for listed in [project.get(_KINDS[_namespaced(item)])]
        if not (listed is None and _namespaced(item))
        and {"group": group, "kind": item["kind"]} not in (listed or [])
    }
