"""The developer stack as `docker compose config` reads it: by the library that is Compose's own."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import ROOT
from tests.e2e.tools import tool

IMAGES = {
    f"{name}_IMAGE": f"registry.example/{name.lower()}:v1@sha256:{'a' * 64}"
    for name in ("VLLM", "PHOENIX", "PROMETHEUS", "GRAFANA")
}
VALUES = IMAGES | {"MODEL_WEIGHTS": "./models/tiny-chat"}
GPU = ("compose.yaml", "compose.gpu.yaml")
_VARIABLE = re.compile(r"\$\{(?P<name>\w+):(?P<kind>[?-])(?P<text>[^}]*)\}")


def load(*files: str | Path) -> subprocess.CompletedProcess[str]:
    """What Compose makes of the files, or why it refuses them."""
    command = [tool("compose", "cmd"), "--format", "json", *files]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


@pytest.fixture
def services(tmp_path: Path) -> Callable[..., dict[str, dict[str, Any]]]:
    """The services of files in which every variable is set; the loader's command reads none."""

    def loaded(*files: str) -> dict[str, dict[str, Any]]:
        for file in files:
            text = (ROOT / file).read_text()
            (tmp_path / file).write_text(
                _VARIABLE.sub(lambda one: VALUES.get(one["name"], one["text"]), text)
            )
        done = load(*(tmp_path / file for file in files))
        assert done.returncode == 0, done.stderr
        found: dict[str, dict[str, Any]] = json.loads(done.stdout)["services"]
        return found

    return loaded


Services = Callable[..., dict[str, dict[str, Any]]]


@pytest.mark.parametrize("files", [GPU[:1], GPU], ids=["cpu", "gpu"])
def test_the_stack_loads(files: tuple[str, ...], services: Services) -> None:
    """With and without the GPU file, each image as it was named."""
    found = {f"{name.upper()}_IMAGE": one["image"] for name, one in services(*files).items()}

    assert found == IMAGES


def test_compose_stops_where_a_value_is_missing() -> None:
    """And says which, and what it should hold."""
    said = load("compose.yaml").stderr

    for name in VALUES:
        assert f"required variable {name} is missing a value: " in said


def test_everything_that_is_mounted_is_there(services: Services) -> None:
    """Docker would make an empty folder of what is not, and the dashboards would be gone."""
    mounts = [
        Path(mount["source"])
        for one in services("compose.yaml").values()
        for mount in one.get("volumes", [])
        if mount["type"] == "bind"
    ]

    assert ROOT / "base" / "observability" / "dashboards" in mounts
    assert [path for path in mounts if not path.exists()] == []


def test_the_gpu_file_takes_away_what_is_for_processors(services: Services) -> None:
    """Merged, not listed: the engine has a device, and no cache sized for a CPU."""
    before, after = services("compose.yaml")["vllm"], services(*GPU)["vllm"]

    assert before["environment"]["VLLM_CPU_KVCACHE_SPACE"] == "1"
    kept = {name: value for name, value in before["environment"].items() if "CPU" not in name}
    assert {f"{name}={value}" for name, value in kept.items()} == {
        one for one in after["environment"] if "=" in one
    }
    (device,) = after["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])
