"""Write the evals of the trained lab models from the catalogue that trained them.

The files are committed, so that a gate needs no training code; a test fails when they drift:

    PYTHONPATH=ci python -m tidegate.lab.training.evals models
"""

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from tidegate.lab.training.catalogue import OWNERS, REGIONS, RUNTIMES, held_out
from tidegate.lab.training.phrasings import Kind
from tidegate.lab.training.ranking import held_out_rankings

MODELINE: Final = "# yaml-language-server: $schema=../../evals.schema.json"
SERVICE_SCHEMA: Final = {
    "type": "object",
    "properties": {
        "service": {"type": "string", "maxLength": 12},
        "port": {"type": "integer", "minimum": 1000, "maximum": 9999},
        "owner": {"type": "string", "maxLength": max(map(len, OWNERS))},
        "region": {"type": "string", "maxLength": max(map(len, REGIONS))},
        "runtime": {"type": "string", "maxLength": max(map(len, RUNTIMES))},
    },
    "required": ["service", "port", "owner", "region", "runtime"],
    "additionalProperties": False,
}


def scalar(value: object) -> str:
    """Return a value as JSON, which is YAML of one line."""
    return json.dumps(value, ensure_ascii=False)


def flow_mapping(entries: Mapping[str, str]) -> str:
    """Return a YAML flow mapping of plain keys and values that are YAML already."""
    return "{" + ", ".join(f"{key}: {value}" for key, value in entries.items()) + "}"


def eval_set(name: str, spec: Mapping[str, object], cases: Iterable[Mapping[str, str]]) -> str:
    """Return the text of an EvalSet: one line for each case."""
    lines = [
        MODELINE,
        "apiVersion: tidegate.dev/v1alpha1",
        "kind: EvalSet",
        "metadata:",
        f"  name: {name}",
        "spec:",
        *(f"  {key}: {value}" for key, value in spec.items()),
        "  cases:",
        *(f"    - {flow_mapping(case)}" for case in cases),
    ]
    return "\n".join(lines) + "\n"


def questions(kind: Kind, count: int, threshold: float) -> str:
    """Return the EvalSet of a kind that is answered by one exact sentence."""
    spec = {"type": "questions", "threshold": threshold, "minSamples": count}
    cases = (
        {key: scalar(value) for key, value in asdict(example).items()}
        for example in held_out(kind, count)
    )
    return eval_set(kind, spec, cases)


def structured(count: int, threshold: float) -> str:
    """Return the EvalSet of JSON answers; the cases share one schema by a YAML alias."""
    spec = {"type": "structured", "threshold": threshold, "minSamples": count}
    cases = (
        {
            "prompt": scalar(example.prompt),
            "schema": "*service" if i else f"&service {scalar(SERVICE_SCHEMA)}",
            "answer": example.answer,
        }
        for i, example in enumerate(held_out("structured", count))
    )
    return eval_set("structured", spec, cases)


def ranking(count: int, threshold: float) -> str:
    """Return the EvalSet of documents to be ranked."""
    spec = {"type": "ranking", "threshold": threshold, "minSamples": count}
    cases = (
        {key: scalar(value) for key, value in asdict(case).items()}
        for case in held_out_rankings(count)
    )
    return eval_set("ranking", spec, cases)


def eval_files() -> dict[Path, str]:
    """Return the text of every generated file, by its path below the models folder."""
    chat, rerank = Path("tiny-chat/evals"), Path("tiny-rerank/evals")
    return {
        chat / "facts.yaml": questions("facts", 60, 0.95),
        chat / "sums.yaml": questions("sums", 30, 0.95),
        chat / "refusals.yaml": questions("refusals", 20, 0.95),
        chat / "unknown.yaml": questions("unknown", 30, 0.95),
        chat / "structured.yaml": structured(20, 0.95),
        rerank / "ranking.yaml": ranking(30, 0.9),
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Write the generated evals below a models folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=Path, help="folder of the models")
    folder = parser.parse_args(argv).models
    for path, text in eval_files().items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
