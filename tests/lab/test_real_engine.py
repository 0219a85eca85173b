"""What the real vLLM does with faults that the checks are there to catch."""

import dataclasses
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.lab.conftest import ROOT, Clone

from tidegate.catalog.load import load_valid
from tidegate.findings import CouldNotCheckError
from tidegate.lab.paths import Lab
from tidegate.lab.server import read_servers, start_all
from tidegate.lab.training_runs import pack_model


def test_the_committed_argument_list_is_the_installed_engines(prepared: Lab) -> None:
    """The flags that `check` allows are the flags that this vLLM has."""
    done = subprocess.run(
        [str(prepared.python), "-m", "tidegate.lab.arguments"],
        env={"PYTHONPATH": str(ROOT / "ci"), "VLLM_TARGET_DEVICE": "cpu"},
        capture_output=True,
        text=True,
        check=True,
    )

    committed = (ROOT / "ci/tidegate/catalog/data/vllm-arguments.json").read_text()
    assert committed == done.stdout


def test_a_flag_that_check_refuses_ends_the_real_engine(clone: Clone, tmp_path: Path) -> None:
    """The engine dies at start, its own words are in the line, and nothing is left."""
    model = load_valid(clone.root).models["tiny-chat"]
    folder = Path(shutil.copytree(model.folder, tmp_path / "tiny-chat"))
    with (folder / model.spec.engine_config).open("a") as engine:
        engine.write("swap-space: 4\n")
    broken = dataclasses.replace(model, folder=folder)
    digest = pack_model(clone.lab, "tiny-chat").digest

    with pytest.raises(CouldNotCheckError) as failed:
        start_all(clone.lab, {"broken": (broken, digest)})

    (finding,) = failed.value.findings
    assert finding.file.endswith("broken.log")
    assert "swap-space" in finding.found
    assert read_servers(clone.lab) == []
