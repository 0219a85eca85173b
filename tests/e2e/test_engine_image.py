"""The engine image, built and run by a real Docker: layers, rights, gates, and a drain."""

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import httpx
import pytest
from tests.e2e.conftest import built, run

from tidegate.catalog.load import ModelFolder, load_valid
from tidegate.findings import CouldNotCheckError
from tidegate.lab.container import running
from tidegate.lab.paths import Lab
from tidegate.lab.process import exit_code
from tidegate.lab.server import Server, unpacked
from tidegate.lab.training_runs import CHAT, pack_model

STREAMS = 4
BUILD_TOOLS = ("gcc", "cc", "g++", "make", "ld", "pip", "pip3", "uv", "git", "cargo", "nvcc")


@pytest.fixture(scope="module")
def model(lab: Lab) -> ModelFolder:
    """The lab's generator."""
    return load_valid(lab.root).models[CHAT]


@pytest.fixture(scope="module")
def weights(lab: Lab) -> Path:
    """Its weights, as they are packed."""
    return unpacked(lab, pack_model(lab, CHAT).digest)


def inspected(docker: str, image: str) -> dict[str, Any]:
    """What the image says of itself."""
    (found,) = json.loads(run(docker, "image", "inspect", image).stdout)
    return dict(found)


def inside(docker: str, image: str, script: str) -> str:
    """What a shell in the image says."""
    return run(
        docker, "run", "--rm", "--network", "none", "--entrypoint", "sh", image, "-c", script
    ).stdout


def test_the_image_says_what_it_is(docker: str, image: str) -> None:
    """Labels of the OCI, a user by number, and the server as the first process."""
    config = inspected(docker, image)["Config"]

    assert config["User"] == "10001:10001"
    assert config["Entrypoint"] == ["vllm", "serve"]
    assert config["Labels"]["org.opencontainers.image.version"] == "0.32.0"
    assert config["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"


def test_the_image_has_nothing_to_build_with(docker: str, image: str) -> None:
    """No compiler, no installer, and nothing that its user may write but the cache."""
    found = inside(docker, image, f"for t in {' '.join(BUILD_TOOLS)}; do command -v $t; done; true")
    writable = inside(
        docker,
        image,
        "find / -xdev -writable -not -type l -not -path '/tmp*' -not -path '/var/tmp*' "
        "-not -path '/cache*' -not -path '/run/lock*' 2>/dev/null; true",
    )

    assert found.split() == []
    assert writable.split() == []


def test_a_small_change_is_a_small_layer(docker: str, image: str) -> None:
    """The engine is one layer, and what changes more often lies above it."""
    history = run(docker, "history", "--format", "{{.Size}} {{.CreatedBy}}", image).stdout
    copies = [line for line in history.splitlines() if "COPY" in line]

    assert "/launcher/" in copies[0]
    assert "/out/" in copies[1]
    assert copies[1].split("B")[0].endswith("G")


def test_two_builds_give_the_same_layers(docker: str, base: str, image: str) -> None:
    """Times of files and of bytecode follow from SOURCE_DATE_EPOCH alone."""
    again = built(docker, base, "tidegate-engine:again")

    assert inspected(docker, image)["RootFS"] == inspected(docker, again)["RootFS"]


def test_the_gpu_target_builds_on_an_image_that_has_vllm(docker: str, image: str) -> None:
    """The public base cannot stand here, so the image for CPUs stands in for it."""
    built(docker, image, "tidegate-engine:gpu", "gpu")

    config = inspected(docker, "tidegate-engine:gpu")["Config"]
    assert config["User"] == "10001:10001"
    assert config["Labels"]["org.opencontainers.image.title"] == "tidegate-engine-gpu"


def test_the_gates_pass_on_the_image(docker: str, image: str, lab: Lab) -> None:
    """As user 10001, with no capability, on a root that is never written."""
    tidegate = lab.root / ".venv" / "bin" / "tidegate"
    ran = run(tidegate, "smoke", image, "--json", "--root", lab.root)

    assert json.loads(ran.stdout)["outcome"] == "pass"
    assert "tidegate-" not in run(docker, "ps", "--format", "{{.Names}}").stdout


def stream(server: Server, started: Barrier) -> tuple[int, str | None]:
    """Tokens of one streamed answer, and how it says that it ended."""
    body = {
        "model": CHAT, "prompt": "the", "max_tokens": 400, "ignore_eos": True, "stream": True,
    }  # fmt: skip
    tokens, finish = 0, None
    with httpx.stream("POST", f"{server.url}/v1/completions", json=body, timeout=60) as answer:
        for line in answer.iter_lines():
            if line.startswith("data: {"):
                choice = json.loads(line.removeprefix("data: "))["choices"][0]
                tokens, finish = tokens + 1, choice["finish_reason"] or finish
                if tokens == 1:
                    started.wait(60)
    return tokens, finish


def test_no_stream_is_lost_to_a_sigterm(
    docker: str, image: str, lab: Lab, model: ModelFolder, weights: Path
) -> None:
    """The signal comes when every stream has its first token; each runs to its end."""
    del docker
    started = Barrier(STREAMS + 1)
    with (
        running(lab, image, model, weights) as server,
        ThreadPoolExecutor(STREAMS) as pool,
    ):
        answers = [pool.submit(stream, server, started) for _ in range(STREAMS)]
        started.wait(120)
        os.kill(server.pid, signal.SIGTERM)
        ended = [answer.result(120) for answer in answers]

    assert [finish for _, finish in ended] == ["length"] * STREAMS
    assert exit_code(server.pid) is None  # reaped: the server ended by itself and was waited for


def test_an_image_without_its_model_is_one_clear_line(
    docker: str, image: str, lab: Lab, model: ModelFolder, tmp_path: Path
) -> None:
    """Before anything is started, and no container is left."""
    with pytest.raises(CouldNotCheckError) as failed, running(lab, image, model, tmp_path):
        pass

    (finding,) = failed.value.findings
    assert (finding.object, finding.what) == ("config.json", "no model to serve")
    assert "tidegate-" not in run(docker, "ps", "--all", "--format", "{{.Names}}").stdout
