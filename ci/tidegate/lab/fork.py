"""The lab's fork: a bare git remote with this repository's manifests, set to the lab's models."""

import shutil
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tidegate.catalog.gates import FULL_ALONE
from tidegate.catalog.load import SIGNERS, Catalog, load_valid
from tidegate.catalog.policy import EvidenceKind
from tidegate.lab.paths import Lab
from tidegate.lab.proof import lab_keys
from tidegate.manifests.release import with_components
from tidegate.manifests.units import find_units
from tidegate.promotion.git import BRANCH, REMOTE, Repository

_EDITOR = YAML()

PARTS = ("models", "base", "overlays", "clusters")
LAB_KIND = "cpu"


def lab_model(catalog: Catalog, service: str) -> str:
    """Name of the lab's model for a service: the one for CPUs with the service's task."""
    task = catalog.services[service].spec.task
    return next(
        name
        for name, model in catalog.models.items()
        if model.spec.task is task and model.spec.accelerator.kind == LAB_KIND
    )


def make_fork(lab: Lab) -> Repository:
    """A new remote and a checkout of it: two commits, no release on any environment."""
    for path in (lab.fork, lab.remote):
        shutil.rmtree(path, ignore_errors=True)
    lab.fork.mkdir(parents=True)
    repository = Repository(lab.fork)
    repository.run("init", "--quiet", "--bare", f"--initial-branch={BRANCH}", str(lab.remote))
    repository.run("init", "--quiet", f"--initial-branch={BRANCH}")
    for key, value in {
        "user.name": "Tidegate Lab",
        "user.email": "lab@tidegate.invalid",
        "commit.gpgSign": "false",
    }.items():
        repository.run("config", key, value)
    repository.run("remote", "add", REMOTE, str(lab.remote))
    for part in PARTS:
        shutil.copytree(lab.root / part, lab.fork / part)
    _commit(repository, "feat: fork the manifests")
    _use_lab_models(lab.fork)
    _use_lab_policies(lab)
    _commit(repository, "feat: serve the lab's models on the lab's engine")
    repository.run("push", "--quiet", "--set-upstream", REMOTE, BRANCH)
    return repository


def _commit(repository: Repository, message: str) -> None:
    repository.run("add", "--all")
    repository.commit(repository.path, message)


def _use_lab_models(root: Path) -> None:
    catalog = load_valid(root)
    units, _ = find_units(catalog)
    for unit in units:
        model = lab_model(catalog, unit.service.metadata.name)
        path = root / unit.file
        path.write_text(with_components(path.read_text(), [f"../../../models/{model}"]))
    for name in catalog.environments:
        path = root / "overlays" / name / "environment" / "environment.yaml"
        text = path.read_text()
        path.write_text(text.replace("engineArtifact: image", "engineArtifact: lab"))


def _use_lab_policies(lab: Lab) -> None:
    """Believe the lab's own keys and its smoke tests; wait for nothing, scan for nothing.

    No vulnerability database knows the lab's engine, and load on a laptop measures the laptop.
    """
    path = lab.fork / SIGNERS
    signers = _EDITOR.load(path)
    for role, public in lab_keys(lab).public.items():
        signers["spec"]["roles"][role] = [{"name": f"lab-{role}", "publicKey": public}]
    _EDITOR.dump(signers, path)
    for path in (lab.fork / "overlays").glob("*/policy.yaml"):
        policy = _EDITOR.load(path)
        spec = policy["spec"]
        spec["evidence"] = [e for e in spec["evidence"] if e["kind"] != EvidenceKind.SCAN.value]
        for wanted in spec["evidence"]:
            _ask_for_smoke(wanted)
        spec["soakHours"] = 0
        spec.pop("freezes", None)
        _EDITOR.dump(policy, path)


def _ask_for_smoke(wanted: dict[str, Any]) -> None:
    """Leave what the smoke suite has of what a requirement asks for."""
    wanted.pop("suite", None)
    for groups in (wanted, wanted.get("taskGates", {})):
        for name, gates in groups.items():
            if isinstance(gates, list):
                groups[name] = [gate for gate in gates if gate not in FULL_ALONE]
