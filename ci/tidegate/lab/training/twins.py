"""Damage the lab's retriever and reranker, so that gates can be seen to refuse them.

The retriever gets noise in its weights, the reranker the opposite sign: it ranks backwards. Both
are as quick and as well-formed as before; only what they say is wrong.
"""

import argparse
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import load_file, save_file

from tidegate.lab.training.output import whole_folder

NOISE: Final = 0.05
WEIGHTS: Final = "model.safetensors"

Weights = Mapping[str, torch.Tensor]


def noisy(weights: Weights, *, seed: int) -> Weights:
    """Return weights with Gaussian noise, the same for the same seed."""
    generator = torch.Generator().manual_seed(seed)
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


def damage(model: Path, twin: Path, how: Callable[[Weights], Weights]) -> None:
    """Write a copy of a model folder with other weights."""
    with whole_folder(twin) as folder:
        shutil.copytree(model, folder, dirs_exist_ok=True)
        weights = dict(how(load_file(model / WEIGHTS)))
        save_file(weights, folder / WEIGHTS, {"format": "pt"})


def main(argv: Sequence[str] | None = None) -> None:
    """Make one reranker and as many retrievers as there are seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=Path, help="folder of the trained models")
    parser.add_argument("twins", type=Path, help="folder of what is made")
    parser.add_argument("--seeds", type=int, default=1, help="of the noise")
    given = parser.parse_args(argv)
    for seed in range(given.seeds):
        twin = given.twins / f"minilm-noisy-{seed}"
        damage(given.models / "minilm", twin, partial(noisy, seed=seed))
    damage(given.models / "tiny-rerank", given.twins / "tiny-rerank-flipped", flipped)


if __name__ == "__main__":
    main()
