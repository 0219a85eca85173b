"""What must agree inside the catalog: models with their files, environments and clusters."""

from collections.abc import Iterator
from pathlib import Path

from tidegate.catalog import corpora
from tidegate.catalog.engine import check_engine
from tidegate.catalog.evals import (
    TASK_OF,
    Cases,
    Conversations,
    Corpus,
    Nearest,
    Needle,
    Questions,
    Ranking,
    Robustness,
    Structured,
)
from tidegate.catalog.load import Catalog, ModelFolder
from tidegate.catalog.objects import Cluster, ModelSpec
from tidegate.catalog.prompts import check_prompts
from tidegate.catalog.sizing import GIB, fit
from tidegate.findings import Finding


def check_catalog(catalog: Catalog) -> list[Finding]:
    """All findings of a catalog whose files could be read."""
    findings = [fault for model in catalog.models.values() for fault in check_model(model)]
    findings += [*_check_environments(catalog), *_check_clusters(catalog)]
    return [*findings, *_check_policies(catalog)]


def check_model(model: ModelFolder) -> list[Finding]:
    """Findings of one model: its engine file, memory, prompts, evaluation sets and card."""
    folder = f"models/{model.folder.name}"
    engine_file = f"{folder}/{model.spec.engine_config}"
    return [
        *check_engine(model.engine, file=engine_file),
        *_check_agreement(model, engine_file),
        *_check_fit(model),
        *check_prompts(model.folder / "prompts", name=f"{folder}/prompts"),
        *_check_evals(model, folder),
        *_check_card(model.folder, folder),
    ]


def _check_agreement(model: ModelFolder, file: str) -> Iterator[Finding]:
    """The engine file says the same as model.yaml where both speak."""
    spec = model.spec
    said = {
        "max-model-len": spec.context_length,
        "served-model-name": model.name,
        "tensor-parallel-size": spec.accelerator.count,
    }
    for key, wanted in said.items():
        found = model.engine.get(key, 1 if key == "tensor-parallel-size" else None)
        if found not in (wanted, [wanted]):
            yield Finding(
                file,
                key,
                "differs from model.yaml",
                str(wanted),
                str(found or "nothing"),
                "correct the one that is wrong",
            )


def _check_fit(model: ModelFolder) -> Iterator[Finding]:
    balance = fit(model.spec, model.engine)
    if not balance.fits:
        accelerator = model.spec.accelerator
        yield Finding(
            model.file,
            "spec.accelerator",
            "model does not fit",
            f"{balance.needed / GIB:.1f} GiB "
            f"(weights {balance.weights / GIB:.1f}, cache {balance.key_value_cache / GIB:.1f})",
            f"{balance.available / GIB:.1f} GiB of {accelerator.count} x {accelerator.kind}",
            "promise less in limits, or take more or larger accelerators",
        )


def _check_evals(model: ModelFolder, folder: str) -> Iterator[Finding]:
    if not model.evals:
        yield Finding(
            f"{folder}/evals",
            "evals",
            "no evaluation set",
            "at least one",
            "none",
            "write one; without it the gates hold every release",
        )
    for evals in model.evals:
        file = f"{folder}/evals/{evals.metadata.name}.yaml"
        task = TASK_OF[evals.spec.type]
        if task is not model.spec.task:
            yield Finding(
                file,
                "spec.type",
                "is for another task",
                f"a set for {model.spec.task}",
                f"{evals.spec.type}, for {task}",
                "move it to a model of that task",
            )
        if isinstance(evals.spec, Robustness):
            yield from _check_disturbed(model, evals.spec, file)
        elif (size := _size(evals.spec)) < evals.spec.min_samples:
            yield Finding(
                file,
                "spec.minSamples",
                "more than there are cases",
                f"at most {size}",
                str(evals.spec.min_samples),
                "add cases; with fewer the gate can only hold",
            )
        if isinstance(evals.spec, Questions | Structured | Cases | Needle):
            yield from _check_keys([case.key for case in evals.spec.expanded()], file)


def _size(spec: Conversations | Corpus | Nearest | Ranking) -> int:
    """How many cases of a set are asked."""
    if isinstance(spec, Corpus):
        return min(spec.sample or corpora.size(spec.corpus), corpora.size(spec.corpus))
    return len(spec.cases)


def _check_disturbed(model: ModelFolder, spec: Robustness, file: str) -> Iterator[Finding]:
    known = [e.metadata.name for e in model.evals if isinstance(e.spec, Questions | Cases)]
    if spec.of not in known:
        yield Finding(
            file,
            "spec.of",
            "no such set of prompts",
            f"one of {', '.join(known) or 'none'}",
            spec.of,
            "name a set of type questions or cases of this model",
        )


def _check_keys(keys: list[str], file: str) -> Iterator[Finding]:
    """A case that is there twice would count twice and pair with itself once."""
    for key in sorted({key for key in keys if keys.count(key) > 1}):
        yield Finding(
            file,
            "spec.cases",
            "the same case twice",
            "each case once, or a name of its own",
            f"{keys.count(key)} cases {key}",
            "delete one, or name both",
        )


def _check_card(path: Path, folder: str) -> Iterator[Finding]:
    if not (path / "README.md").is_file():
        yield Finding(
            f"{folder}/README.md",
            "model card",
            "missing file",
            "a model card",
            "no file",
            "write what the model is for and what it must not be used for",
        )


def _check_environments(catalog: Catalog) -> Iterator[Finding]:
    ordered = {env.metadata.name for env in catalog.ordered_environments()}
    for name, environment in catalog.environments.items():
        if name not in ordered:
            yield Finding(
                f"overlays/{name}/environment/environment.yaml",
                "spec.promotesFrom",
                "not on the one way",
                "each environment promoted from one other, the first from none",
                str(environment.spec.promotes_from or "none"),
                "correct promotesFrom",
            )


def _check_policies(catalog: Catalog) -> Iterator[Finding]:
    """A policy believes roles that there are, about environments that there are."""
    roles = catalog.signers.spec.roles if catalog.signers else {}
    for name, policy in catalog.policies.items():
        for wanted in policy.spec.evidence:
            named = {
                "role": (wanted.signers, list(roles)),
                "environment": (wanted.endpoint, list(catalog.environments)),
            }
            for what, (found, known) in named.items():
                if found is not None and found not in known:
                    yield Finding(
                        f"overlays/{name}/policy.yaml",
                        f"{wanted.kind} evidence",
                        f"unknown {what}",
                        f"one of {', '.join(known) or 'none'}",
                        found,
                        f"add the {what} or correct the name",
                    )


def _check_clusters(catalog: Catalog) -> Iterator[Finding]:
    for name, cluster in catalog.clusters.items():
        if cluster.spec.environment not in catalog.environments:
            yield Finding(
                f"clusters/{name}/cluster.yaml",
                "spec.environment",
                "unknown environment",
                f"one of {', '.join(catalog.environments) or 'none'}",
                cluster.spec.environment,
                "add the environment or correct the name",
            )


def offers(cluster: Cluster, spec: ModelSpec) -> bool:
    """Whether a cluster has nodes that can hold one replica of a model."""
    need = spec.accelerator
    return any(
        offer.kind == need.kind
        and offer.memory_gib >= need.memory_gib
        and offer.per_node >= need.count
        for offer in cluster.spec.accelerators
    )
