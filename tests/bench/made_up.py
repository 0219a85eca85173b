"""Models of a published shape with made-up numbers, and requests of an exact length.

A pass takes the memory and the time that it takes with the published weights, and says nothing
sensible. `shapes/` holds what each model's own config.json says of its shape. The tokenizer has one
token a word, so that a request is exactly as long as is meant.
"""

import json
import random
import string
from pathlib import Path
from typing import Any

from tidegate.catalog.load import ModelFolder
from tidegate.catalog.objects import Task
from tidegate.gates.scenarios import CHAT, Scenario

SHAPES = Path(__file__).parent / "shapes"
_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")


def _words(vocabulary: int) -> dict[str, int]:
    """A token for each id: special ones, single characters, and words made up for the rest."""
    known = [*_SPECIAL, *string.ascii_letters, *string.digits, *string.punctuation]
    words = known + [f"w{i:06}" for i in range(len(known), vocabulary)]
    return {word: i for i, word in enumerate(words)}


def _text(rng: random.Random, count: int) -> str:
    """So many words, which are as many tokens; no two texts begin alike, so none is cached."""
    return " ".join(f"w{rng.randrange(1_000, 100_000):06}" for _ in range(count))


def _tokenizer(vocabulary: int, *, bounded: bool) -> dict[str, Any]:
    """A tokenizer.json that knows whole words; `bounded` puts an encoder's marks around a text."""
    marks = [{"SpecialToken": {"id": mark, "type_id": 0}} for mark in ("<s>", "</s>")]
    first, second = ({"Sequence": {"id": one, "type_id": 0}} for one in "AB")
    around = {
        "type": "TemplateProcessing",
        "single": [marks[0], first, marks[1]],
        "pair": [marks[0], first, marks[1], marks[1], second, marks[1]],
        "special_tokens": {
            mark: {"id": mark, "ids": [_SPECIAL.index(mark)], "tokens": [mark]}
            for mark in ("<s>", "</s>")
        },
    }
    return {
        "version": "1.0",
        "added_tokens": [
            {"id": i, "content": mark, "special": True}
            | dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
            for i, mark in enumerate(_SPECIAL)
        ],
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": around if bounded else None,
        "decoder": {"type": "Fuse"},
        "model": {"type": "WordLevel", "vocab": _words(vocabulary), "unk_token": "<unk>"},
    }


def make_model(model: ModelFolder, folder: Path) -> None:
    """Write what vLLM needs to make up a model of this shape."""
    shape = json.loads((SHAPES / f"{model.name}.json").read_text())
    generates = model.spec.task is Task.GENERATE
    marks = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    about = {"tokenizer_class": "PreTrainedTokenizerFast", **marks}
    if generates:
        about["chat_template"] = "{% for m in messages %}{{ m.content }} {% endfor %}"
    tokenizer = _tokenizer(shape["vocab_size"], bounded=not generates)
    folder.mkdir(parents=True)
    for name, content in (
        ("config.json", shape),
        ("tokenizer.json", tokenizer),
        ("tokenizer_config.json", about),
    ):
        (folder / name).write_text(json.dumps(content))


def request(model: ModelFolder, rng: random.Random, words: int, answer: int) -> Scenario:
    """One request with `words` tokens of input, and of `answer` tokens of output."""
    match model.spec.task:
        case Task.GENERATE:
            said = [{"role": "user", "content": _text(rng, words)}]
            limits = {"max_tokens": answer, "ignore_eos": True, "stream": True}
            return Scenario(CHAT, {"model": model.name, "messages": said, **limits})
        case Task.EMBED:
            return Scenario(
                "/v1/embeddings", {"model": model.name, "input": [_text(rng, words - 2)]}
            )
        case Task.RERANK:
            pair = {"query": _text(rng, 16), "documents": [_text(rng, words - 20)]}
            return Scenario("/v1/rerank", {"model": model.name, **pair})
