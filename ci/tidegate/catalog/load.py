"""Reads the whole catalog of a repository: models, services, environments, clusters."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from tidegate.catalog.evals import EvalSet
from tidegate.catalog.objects import (
    Cluster,
    Environment,
    Model,
    ModelSpec,
    Service,
    Task,
)
from tidegate.catalog.policy import Policy, Signers
from tidegate.catalog.prices import PriceClass, PriceList
from tidegate.catalog.reading import collect, read_object, read_yaml
from tidegate.findings import CouldNotCheckError, Finding, cannot_check

# Folders of overlays/<environment> that its units share: its values, and what each of them has.
ENVIRONMENT, PROFILE = "environment", "profile"
# What they stand in, which is rendered on its own.
NAMESPACE = "namespace"

# In overlays/, beside the environments; rendered and never promoted.
EXAMPLES = "examples"
SIGNERS = "overlays/signers.yaml"

T = TypeVar("T", Model, Service, Environment, Cluster, Policy)


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A model with what stands beside its model.yaml."""

    name: str
    folder: Path
    spec: ModelSpec
    engine: dict[str, Any] = field(default_factory=dict)
    evals: tuple[EvalSet, ...] = ()
    usd_per_hour: float | None = None
    """Of one accelerator, by the model's price class."""

    @property
    def file(self) -> str:
        """How findings call the model's file."""
        return f"models/{self.folder.name}/model.yaml"


@dataclass(frozen=True, slots=True)
class Catalog:
    """The validated catalog of the repository at `root`, each part by name."""

    root: Path
    models: dict[str, ModelFolder]
    services: dict[str, Service]
    environments: dict[str, Environment]
    clusters: dict[str, Cluster]
    policies: dict[str, Policy] = field(default_factory=dict)
    signers: Signers | None = None

    def tasks(self) -> dict[str, Task]:
        """What each model does, by its name."""
        return {name: model.spec.task for name, model in self.models.items()}

    def ordered_environments(self) -> list[Environment]:
        """From the first environment to the last, as releases travel."""
        following = {env.spec.promotes_from: env for env in self.environments.values()}
        ordered: list[Environment] = []
        name: str | None = None
        while name in following and following[name] not in ordered:
            ordered.append(following[name])
            name = ordered[-1].metadata.name
        return ordered


def find_root(start: Path) -> Path:
    """The repository that holds `start`: the nearest folder with models/, base/ and overlays/.

    Raises:
        CouldNotCheckError: there is none.
    """
    for folder in (start, *start.parents):
        if all((folder / part).is_dir() for part in ("models", "base", "overlays")):
            return folder
    raise cannot_check(
        start,
        "repository",
        "not inside a Tidegate repository",
        wanted="a folder with models/, base/ and overlays/",
        found="none above",
        next_step="change into your fork, or name it with --root",
    )


def load(root: Path) -> tuple[Catalog, list[Finding]]:
    """The catalog of the repository at `root` and everything that is wrong with its files.

    What could not be read is missing from the catalog and present in the findings.
    """
    findings: list[Finding] = []
    models = _read_all(root, "models/*/model.yaml", Model, findings)
    prices = _read_prices(root, findings)
    catalog = Catalog(
        root=root,
        models={
            name: _read_model_folder(root, path, model.spec, prices, findings)
            for name, (path, model) in models.items()
        },
        services=_values(_read_all(root, "base/services/*/service.yaml", Service, findings)),
        environments=_values(
            _read_all(root, f"overlays/*/{ENVIRONMENT}/environment.yaml", Environment, findings)
        ),
        clusters=_values(_read_all(root, "clusters/*/cluster.yaml", Cluster, findings)),
        policies=_values(_read_all(root, "overlays/*/policy.yaml", Policy, findings)),
        signers=collect(findings, partial(read_object, root / SIGNERS, Signers, name=SIGNERS)),
    )
    return catalog, findings


def _values(found: dict[str, tuple[Path, T]]) -> dict[str, T]:
    return {name: value for name, (_, value) in found.items()}


def _read_all(
    root: Path, pattern: str, kind: type[T], findings: list[Finding]
) -> dict[str, tuple[Path, T]]:
    """Objects of one kind by name; a second object of a name is a finding and is left out."""
    found: dict[str, tuple[Path, T]] = {}
    for folder, path in _expected_files(root, pattern):
        file = path.relative_to(root).as_posix()
        value = collect(findings, partial(read_object, path, kind, name=file))
        if value is None:
            continue
        name = value.metadata.name
        if name in found:
            other = found[name][0].relative_to(root).as_posix()
            findings.append(
                Finding(
                    file,
                    "metadata.name",
                    "duplicate name",
                    "a name of its own",
                    f"{name}, which {other} has",
                    "rename one of the two",
                )
            )
            continue
        if name != folder:
            findings.append(
                Finding(
                    file,
                    "metadata.name",
                    "differs from its folder",
                    folder,
                    name,
                    "rename the folder or the object",
                )
            )
        found[name] = (path, value)
    return found


def _expected_files(root: Path, pattern: str) -> Iterator[tuple[str, Path]]:
    """The file that `pattern` asks for in every folder that should have one, by folder name."""
    folder, _, file = pattern.partition("/*/")
    for child in sorted((root / folder).glob("*/")):
        if child != root / "overlays" / EXAMPLES:
            yield child.name, child / file


def _read_model_folder(
    root: Path,
    path: Path,
    spec: ModelSpec,
    prices: dict[str, PriceClass],
    findings: list[Finding],
) -> ModelFolder:
    folder = path.parent
    name = folder.relative_to(root).as_posix()
    engine_name = f"{name}/{spec.engine_config}"
    engine = collect(findings, partial(read_yaml, folder / spec.engine_config, name=engine_name))
    evals = [
        collect(findings, partial(read_object, file, EvalSet, name=f"{name}/evals/{file.name}"))
        for file in sorted((folder / "evals").glob("*.yaml"))
    ]
    return ModelFolder(
        name=folder.name,
        folder=folder,
        spec=spec,
        engine=engine if isinstance(engine, dict) else {},
        evals=tuple(found for found in evals if found is not None),
        usd_per_hour=_price(f"{name}/model.yaml", spec, prices, findings),
    )


def _read_prices(root: Path, findings: list[Finding]) -> dict[str, PriceClass]:
    file = "models/prices.yaml"
    found = collect(findings, partial(read_object, root / file, PriceList, name=file))
    return found.spec.classes if found else {}


def _price(
    file: str, spec: ModelSpec, prices: dict[str, PriceClass], findings: list[Finding]
) -> float | None:
    """US dollars an hour of one of the model's accelerators; an unknown class is a finding."""
    if prices and spec.price_class not in prices:
        findings.append(
            Finding(
                file,
                "spec.priceClass",
                "unknown price class",
                f"one of {', '.join(prices)}",
                spec.price_class,
                "add the class to models/prices.yaml or correct the name",
            )
        )
    known = prices.get(spec.price_class)
    return known.usd_per_hour if known else None


def load_valid(root: Path) -> Catalog:
    """The catalog of `root`, for commands that work on it.

    Raises:
        CouldNotCheckError: a file of the catalog is invalid; carries every finding.
    """
    catalog, findings = load(root)
    if findings:
        raise CouldNotCheckError(findings)
    return catalog
