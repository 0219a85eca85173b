"""What the real vLLM does with faults that the checks are there to catch."""

import dataclasses
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.lab.conftest import ROOT, Clone

from tidegate import cache
from tidegate.catalog.load import load_valid
from tidegate.findings import CouldNotCheckError
from tidegate.lab.environment import altered_files, distributions
from tidegate.lab.paths import Lab
from tidegate.lab.process import group_members
from tidegate.lab.server import Server, read_servers, start_all, wait_healthy
from tidegate.lab.training_runs import pack_model


def test_the_committed_argument_list_is_the_installed_engines(prepared: Lab) -> None:
    """The flags that `check` allows are the flags that this vLLM has; asked once of each vLLM."""
    installed = altered_files(prepared), distributions(prepared)
    key = f"{cache.code('lab/arguments.py')} {installed}"
    listed = cache.read("arguments", key, str)
    if listed is None:
        listed = subprocess.run(
            [str(prepared.python), "-m", "tidegate.lab.arguments"],
            env={"PYTHONPATH": str(ROOT / "ci"), "VLLM_TARGET_DEVICE": "cpu"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        cache.write("arguments", key, listed)

    committed = (ROOT / "ci/tidegate/catalog/data/vllm-arguments.json").read_text()
    assert committed == listed


def test_a_flag_that_check_refuses_ends_the_real_engine(
    clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own words are in the line; one that was still starting beside it is ended too."""
    model = load_valid(clone.root).models["tiny-chat"]
    folder = Path(shutil.copytree(model.folder, tmp_path / "tiny-chat"))
    with (folder / model.spec.engine_config).open("a") as engine:
        engine.write("swap-space: 4\n")
    broken = dataclasses.replace(model, folder=folder)
    digest = pack_model(clone.lab, "tiny-chat").digest

    seen: list[Server] = []

    def look(server: Server) -> None:
        seen[:] = read_servers(clone.lab)
        wait_healthy(server)

    monkeypatch.setattr("tidegate.lab.server.wait_healthy", look)
    with pytest.raises(CouldNotCheckError) as failed:
        start_all(clone.lab, {"broken": (broken, digest), "sound": (model, digest)})

    (finding,) = failed.value.findings
    assert finding.file.endswith("broken.log")
    assert "swap-space" in finding.found
    assert [server.name for server in seen] == ["broken", "sound"]
    assert [member for server in seen for member in group_members(server.pid)] == []
    assert read_servers(clone.lab) == []
