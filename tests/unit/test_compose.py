"""The developer stack: valid by the Compose specification, pinned, reachable from here alone."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from tests.conftest import ROOT

FILES = ("compose.yaml", "compose.gpu.yaml")


def judged(*files: Path) -> subprocess.CompletedProcess[str]:
    """The verdict of the Compose specification's own schema."""
    command = [Path(sys.executable).parent / "check-jsonschema"]
    options = ["--builtin-schema", "vendor.compose-spec"]
    return subprocess.run(
        [*command, *options, *files], capture_output=True, text=True, check=False, cwd=ROOT
    )


def services() -> dict[str, dict[str, Any]]:
    """The services of compose.yaml as written."""
    found: dict[str, dict[str, Any]] = YAML(typ="safe").load(ROOT / "compose.yaml")["services"]
    return found


def test_the_compose_files_are_valid() -> None:
    """Every key and value is one that the specification knows."""
    ran = judged(*(ROOT / name for name in FILES))

    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize("fault", ["    imagee: x\n", "    read_only: [true]\n"])
def test_what_the_specification_does_not_know_is_refused(fault: str, tmp_path: Path) -> None:
    """Or the test above would pass on anything."""
    text = (ROOT / "compose.yaml").read_text()
    (tmp_path / "compose.yaml").write_text(text.replace("    read_only: true\n", fault, 1))

    ran = judged(tmp_path / "compose.yaml")

    assert ran.returncode == 1
    assert "services.vllm" in ran.stdout


def test_every_image_must_be_named_by_who_starts_the_stack() -> None:
    """No digest is guessed: without a value, Compose stops and says what it wants."""
    images = {name: service["image"] for name, service in services().items()}

    assert set(images) == {"vllm", "phoenix", "prometheus", "grafana"}
    for name, image in images.items():
        assert image.startswith(f"${{{name.upper()}_IMAGE:?name:tag@digest of "), image


def test_ports_are_on_loopback_alone() -> None:
    """Nobody else on the network reaches an engine that asks for no token."""
    ports = [port for service in services().values() for port in service["ports"]]

    assert len(ports) == len(services())
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_engine_s_file_is_there() -> None:
    """The default model is one of this repository."""
    (engine, weights) = services()["vllm"]["volumes"]

    assert engine == "./models/${MODEL:-tiny-chat}/engine.yaml:/etc/vllm/engine.yaml:ro"
    assert (ROOT / "models/tiny-chat/engine.yaml").is_file()
    assert weights.startswith("${MODEL_WEIGHTS:?")


def test_no_service_may_gain_a_privilege() -> None:
    """As in the cluster: no capability, no new privileges."""
    for service in services().values():
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_the_gpu_file_changes_the_engine_alone() -> None:
    """It adds the device and takes away what is for CPUs."""
    override = YAML(typ="safe").load(ROOT / "compose.gpu.yaml")["services"]

    assert list(override) == ["vllm"]
    devices = override["vllm"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices == [{"driver": "nvidia", "count": "${GPUS:-1}", "capabilities": ["gpu"]}]
