"""What is measured on a GPU is the production model in all but its weights."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.bench.gpu import held_to
from tests.bench.made_up import SHAPES
from tests.conftest import ROOT

from tidegate.catalog.load import load_valid

MODELS = load_valid(ROOT).models


def linear(inputs: int, outputs: int) -> int:
    """Parameters of a linear layer with a bias."""
    return inputs * outputs + outputs


def qwen3(shape: dict[str, Any]) -> int:
    """Parameters of Qwen3ForCausalLM, whose layers have no biases and whose head is its own."""
    hidden, head = shape["hidden_size"], shape["head_dim"]
    queries, keys = (head * shape[f"num_{kind}_heads"] for kind in ("attention", "key_value"))
    attention = hidden * (2 * queries + 2 * keys) + 2 * head
    layer = attention + 3 * hidden * shape["intermediate_size"] + 2 * hidden
    return int(2 * shape["vocab_size"] * hidden + shape["num_hidden_layers"] * layer + hidden)


def roberta(shape: dict[str, Any]) -> int:
    """Parameters of XLM-RoBERTa with its pooler, or with a head of one label in its place."""
    hidden, between = shape["hidden_size"], shape["intermediate_size"]
    tables = shape["vocab_size"] + shape["max_position_embeddings"] + shape["type_vocab_size"]
    layer = 4 * linear(hidden, hidden) + linear(hidden, between) + linear(between, hidden)
    layers = shape["num_hidden_layers"] * (layer + 4 * hidden)
    head = linear(hidden, 1) if "Sequence" in shape["architectures"][0] else 0
    return int(tables * hidden + 2 * hidden + layers + linear(hidden, hidden) + head)


COUNTS = {"qwen3": qwen3, "xlm-roberta": roberta}


@pytest.mark.parametrize("path", sorted(SHAPES.glob("*.json")), ids=lambda path: path.stem)
def test_a_shape_is_that_of_its_model(path: Path) -> None:
    """As many parameters, to the last one, and the architecture by which memory is reckoned."""
    shape, spec = json.loads(path.read_text()), MODELS[path.stem].spec
    heads = shape["num_attention_heads"]
    width = shape.get("head_dim", shape["hidden_size"] // heads)

    assert COUNTS[shape["model_type"]](shape) == spec.parameters
    assert shape["num_hidden_layers"] == spec.architecture.layers
    assert shape.get("num_key_value_heads", heads) == spec.architecture.key_value_heads
    assert width == spec.architecture.head_size


def test_an_engine_may_take_what_its_own_card_has() -> None:
    """0.92 of the 46,068 MiB of an L40S, on a card of 81,559 MiB."""
    assert held_to(MODELS["qwen3-8b"], 81559) == pytest.approx(0.92 * 46068 / 81559, abs=1e-4)


def test_without_a_gpu_nothing_is_measured(tmp_path: Path) -> None:
    """The page stays as it is."""
    page = ROOT / "docs" / "reference" / "benchmarks.md"
    before = page.read_bytes()
    command = [sys.executable, "-m", "tests.bench.measure", "--only", "gpu-qwen3-8b"]

    done = subprocess.run(
        command, cwd=ROOT, check=False, capture_output=True, text=True, env={"PATH": str(tmp_path)}
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "scripts/bench: gpu: cannot be measured; wanted an NVIDIA GPU, found none"
        " - run it on a machine that has it\n"
    )
    assert page.read_bytes() == before
