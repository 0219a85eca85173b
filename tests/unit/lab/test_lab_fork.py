"""The lab's fork: this repository's manifests with the lab's models, and no release yet."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import PARTS, ROOT

from tidegate.catalog.gates import FULL_ALONE
from tidegate.catalog.load import Catalog, load_valid
from tidegate.catalog.policy import EvidenceKind
from tidegate.lab import fork as module
from tidegate.lab.fork import lab_model, make_fork
from tidegate.lab.paths import Lab
from tidegate.manifests.units import find_units
from tidegate.promotion.git import Repository
from tidegate.promotion.history import records


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A lab in a copy of this repository."""
    root = tmp_path_factory.mktemp("fork")
    for part in PARTS:
        (root / part).parent.mkdir(exist_ok=True)
        (root / part).symlink_to(ROOT / part)
    return Lab(root)


@pytest.fixture(scope="module")
def made(lab: Lab) -> Iterator[Repository]:
    """Its fork, made twice: a second run starts anew. The machine's git says nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        patch.setenv("HOME", str(lab.root))
        lab.fork.mkdir(parents=True)
        (lab.fork / "left").touch()
        (lab.remote / "left").parent.mkdir()
        yield make_fork(lab)


@pytest.fixture(scope="module")
def catalog(made: Repository) -> Catalog:
    """The fork's catalog."""
    return load_valid(made.path)


def test_the_fork_has_two_commits_and_the_remote_has_them(lab: Lab, made: Repository) -> None:
    """What was there before is gone."""
    subjects = made.run("log", "--format=%s").splitlines()

    assert subjects == [
        "feat: serve the lab's models on the lab's engine",
        "feat: fork the manifests",
    ]
    remote = Repository(lab.remote)
    assert remote.run("rev-parse", "main") == made.run("rev-parse", "HEAD")
    assert made.run("status", "--porcelain") == ""
    assert not (lab.fork / "left").exists()


def test_the_first_commit_is_this_repositorys_manifests(made: Repository) -> None:
    """Nothing but them, and unchanged."""
    made.run("diff", "--exit-code", "--no-index", str(ROOT / "base"), str(made.path / "base"))
    top = made.run("ls-tree", "--name-only", "HEAD~1").split()

    assert top == sorted(module.PARTS)


def test_the_fork_has_no_release(made: Repository, catalog: Catalog) -> None:
    """Nothing was promoted, on any environment."""
    units, findings = find_units(catalog)

    assert findings == []
    assert {unit.release for unit in units} == {None}
    assert records(made) == []


def test_every_unit_serves_the_labs_model_of_its_task(catalog: Catalog) -> None:
    """Three services in three environments, each with a model for CPUs."""
    served = {unit.service.metadata.name: unit.model for unit in find_units(catalog)[0]}

    assert len(find_units(catalog)[0]) == 9
    assert {name: model.name for name, model in served.items()} == {
        "generator": "tiny-chat",
        "retriever": "minilm",
        "reranker": "tiny-rerank",
    }
    assert all(lab_model(catalog, name) == model.name for name, model in served.items())


def test_every_environment_takes_the_labs_engine(made: Repository, catalog: Catalog) -> None:
    """Outside the lab that type of artifact is refused."""
    kinds = {e.spec.engine_artifact for e in catalog.environments.values()}
    outside = {e.spec.engine_artifact for e in load_valid(ROOT).environments.values()}
    changed = made.run("show", "--format=", "--name-only", "HEAD").split()

    assert {str(kind) for kind in kinds} == {"lab"}
    assert {str(kind) for kind in outside} == {"image"}
    assert {Path(file).name for file in changed} == {
        "environment.yaml",
        "kustomization.yaml",
        "policy.yaml",
        "signers.yaml",
    }
    assert len(changed) == 12 + 3 + 1


def test_the_labs_policies_ask_for_the_smoke_suite(catalog: Catalog) -> None:
    """For all of it, and for nothing that only the full suite measures."""
    for name, policy in catalog.policies.items():
        wanted = policy.spec.requirement(EvidenceKind.VERDICT)
        outside = load_valid(ROOT).policies[name].spec.requirement(EvidenceKind.VERDICT)
        assert wanted
        assert outside
        assert wanted.suite == "smoke"
        assert set(wanted.gates) == set(outside.gates) - FULL_ALONE
        assert wanted.task_gates == outside.task_gates
