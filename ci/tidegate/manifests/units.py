"""The units of a repository: one folder is one service in one environment."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from ruamel.yaml.error import YAMLError

from tidegate.catalog.load import ENVIRONMENT, EXAMPLES, NAMESPACE, PROFILE, Catalog, ModelFolder
from tidegate.catalog.objects import Environment, Service
from tidegate.findings import Finding, FindingsError, refuse
from tidegate.manifests.graph import Links, find_roots
from tidegate.manifests.release import Release, read_kustomization, read_release

# What a cluster has of this repository beside its services, by what its files are called.
PLATFORM = "platform"


class Source(Protocol):
    """A folder of the repository that Kustomize renders on its own."""

    @property
    def root(self) -> Path:
        """The repository."""

    @property
    def name(self) -> str:
        """Two words with a slash between them; its golden file is called so."""

    @property
    def folder(self) -> str:
        """The folder, relative to the repository."""

    @property
    def file(self) -> str:
        """Its kustomization, relative to the repository."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A cluster, a namespace, an example, a part of the platform: rendered, never promoted."""

    root: Path
    folder: str

    @property
    def name(self) -> str:
        """`<environment>/namespace`, `examples/<name>`, `clusters/<name>` or `platform/<name>`."""
        place, *path = self.folder.split("/")
        if place == "overlays" or (place == "clusters" and len(path) == 1):
            return self.folder.removeprefix("overlays/")
        return f"{PLATFORM}/{'-'.join(path)}" if path else f"{PLATFORM}/{place}"

    @property
    def file(self) -> str:
        """Its kustomization, relative to the repository."""
        return f"{self.folder}/kustomization.yaml"


@dataclass(frozen=True, slots=True)
class Unit:
    """A service in an environment: what it runs and where its file is."""

    environment: Environment
    service: Service
    model: ModelFolder
    release: Release | None
    root: Path

    @property
    def name(self) -> str:
        """`<environment>/<service>`."""
        return f"{self.environment.metadata.name}/{self.service.metadata.name}"

    @property
    def file(self) -> str:
        """The one file that a promotion changes, relative to the repository."""
        return f"{self.folder}/kustomization.yaml"

    @property
    def folder(self) -> str:
        """The unit's folder, relative to the repository."""
        return f"overlays/{self.name}"


def find_units(catalog: Catalog) -> tuple[list[Unit], list[Finding]]:
    """All units in the order of environments and names, and what is wrong with the others."""
    units: list[Unit] = []
    findings: list[Finding] = []
    rank = {env.metadata.name: i for i, env in enumerate(catalog.ordered_environments())}
    folders = sorted(
        _folders(catalog.root / "overlays"),
        key=lambda folder: (rank.get(folder.parent.name, len(rank)), folder.parts),
    )
    for folder in folders:
        try:
            units.append(read_unit(catalog, folder.parent.name, folder.name))
        except FindingsError as error:
            findings.extend(error.findings)
    return units, findings


def _folders(overlays: Path) -> Iterator[Path]:
    """Every folder that should be a unit; what an environment's units share is none."""
    others = {ENVIRONMENT, NAMESPACE, PROFILE}
    return (
        folder
        for folder in overlays.glob("*/*/")
        if folder.name not in others and folder.parent.name != EXAMPLES
    )


def find_folders(root: Path, links: Links) -> list[Folder]:
    """Everything beside the units that is rendered on its own, by its place."""
    patterns = (f"overlays/*/{NAMESPACE}/", f"overlays/{EXAMPLES}/*/", "clusters/*/")
    found = {
        path.relative_to(root).as_posix()
        for pattern in patterns
        for path in root.glob(pattern)
        if path.name not in {ENVIRONMENT, PROFILE}
    }
    found |= {name for name in find_roots(root, links) if not name.startswith("overlays/")}
    return [Folder(root, name) for name in sorted(found)]


def read_unit(catalog: Catalog, environment: str, service: str) -> Unit:
    """One unit.

    Raises:
        FindingsError: the environment, the service, the model or the file is not there or wrong.
    """
    file = f"overlays/{environment}/{service}/kustomization.yaml"
    if environment not in catalog.environments:
        raise _unknown(file, "environment", environment, list(catalog.environments))
    if service not in catalog.services:
        raise _unknown(file, "service", service, list(catalog.services))
    try:
        kustomization = read_kustomization(catalog.root / file)
    except FileNotFoundError:
        raise refuse(
            file,
            "file",
            "missing file",
            wanted="a kustomization",
            found="no file",
            next_step="add the unit, or name one that exists",
        ) from None
    except (UnicodeDecodeError, YAMLError) as error:
        raise refuse(
            file,
            "file",
            "unreadable",
            wanted="a kustomization",
            found=" ".join(str(error).split()),
            next_step="correct the syntax",
        ) from None
    return Unit(
        environment=catalog.environments[environment],
        service=catalog.services[service],
        model=_model_of(catalog, kustomization.get("components") or [], service, file),
        release=read_release(kustomization, file=file),
        root=catalog.root,
    )


def _model_of(catalog: Catalog, components: list[str], service: str, file: str) -> ModelFolder:
    names = [PurePosixPath(part).name for part in components if "/models/" in f"/{part}"]
    if len(names) != 1:
        raise refuse(
            file,
            "components",
            "not one model",
            wanted="one ../../../models/<model>",
            found=", ".join(names) or "none",
            next_step="name the model that it serves",
        )
    (name,) = names
    if name not in catalog.models and (catalog.root / "models" / name).is_dir():
        raise refuse(
            file,
            name,
            "model cannot be read",
            wanted="a valid model",
            found="findings of its own",
            next_step=f"correct models/{name} first",
        )
    if name not in catalog.models:
        raise _unknown(file, "model", name, list(catalog.models))
    model = catalog.models[name]
    wanted = catalog.services[service].spec.task
    if model.spec.task is not wanted:
        raise refuse(
            file,
            name,
            "model for another task",
            wanted=str(wanted),
            found=str(model.spec.task),
            next_step=f"name a model that can {wanted}",
        )
    return model


def _unknown(file: str, kind: str, name: str, known: list[str]) -> FindingsError:
    return refuse(
        file,
        kind,
        f"unknown {kind}",
        wanted=f"one of {', '.join(known) or 'none'}",
        found=name,
        next_step=f"add the {kind} or correct the name",
    )
