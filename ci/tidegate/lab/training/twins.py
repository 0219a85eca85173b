"""Damage the lab's retriever and reranker, so that gates can be seen to refuse them.

The retriever gets noise in its weights, the reranker the opposite sign: it ranks backwards. Both
are as quick and as well-formed as before; only what they say is wrong.
"""

import argparse
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import load_file, save_file

from tidegate.lab.training.output import whole_folder

NOISE: Final = 0.05
WEIGHTS: Final = "model.safetensors"

Weights = Mapping[str, torch.Tensor]


def noisy(weights: Weights) -> Weights:
    """Return weights with Gaussian noise, the same on every run."""
    generator = torch.Generator().manual_seed(0)
    return {
        name: value + NOISE * torch.randn(value.shape, generator=generator)
        if value.is_floating_point()
        else value
        for name, value in weights.items()
    }


def flipped(weights: Weights) -> Weights:
    """Return weights whose last layer has the opposite sign."""
    return {
        name: -value if name.startswith("classifier.") else value for name, value in weights.items()
    }


def damage(models: Path, name: str, twin: str, how: Callable[[Weights], Weights]) -> None:
    """Write a copy of a model folder with other weights."""
    with whole_folder(models / twin) as partial:
        shutil.copytree(models / name, partial, dirs_exist_ok=True)
        save_file(
            dict(how(load_file(models / name / WEIGHTS))), partial / WEIGHTS, {"format": "pt"}
        )


def main(argv: Sequence[str] | None = None) -> None:
    """Make both twins beside the models they are made from."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=Path, help="folder of the trained models")
    models = parser.parse_args(argv).models
    damage(models, "minilm", "minilm-noisy", noisy)
    damage(models, "tiny-rerank", "tiny-rerank-flipped", flipped)


if __name__ == "__main__":
    main()
