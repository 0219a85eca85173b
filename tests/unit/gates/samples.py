"""A model for each task, as small as its sets may be, that a well-behaved stub passes."""

import json
from pathlib import Path
from typing import Any

from tidegate.catalog.evals import EvalSet
from tidegate.catalog.load import ModelFolder
from tidegate.catalog.objects import ModelSpec

WORDS = [
    "alpha",
    "bravo",
    "charlie",
    "delta",
    "echo",
    "foxtrot",
    "golf",
    "hotel",
    "india",
    "juliett",
    "kilo",
    "lima",
    "mike",
]
# Limits that no busy machine breaks: what is slow is not what most tests are about.
STREAMS = {
    "timeToFirstToken": {"objective": 0.9, "seconds": 30},
    "interTokenLatency": {"objective": 0.9, "seconds": 30},
}
SPEC: dict[str, Any] = {
    "source": {"oci": {"repository": "lab.tidegate.invalid/stub"}},
    "licence": "Apache-2.0",
    "contextLength": 512,
    "parameters": 1000,
    "dtype": "float32",
    "architecture": {"layers": 1, "keyValueHeads": 1, "headSize": 1},
    "accelerator": {"kind": "cpu", "count": 1, "memoryGiB": 1},
    "coldStart": {"p99Seconds": 30, "reason": "a stub"},
    "engineConfig": "engine.yaml",
    "owner": "platform",
    "priceClass": "lab-cpu",
    "budget": {"usdPerMillionTokens": 10},
}


def evals(name: str, **spec: object) -> EvalSet:
    """An evaluation set as its file would give it."""
    metadata = {"name": name}
    text = json.dumps(
        {
            "apiVersion": "tidegate.dev/v1alpha1",
            "kind": "EvalSet",
            "metadata": metadata,
            "spec": spec,
        }
    )
    return EvalSet.model_validate_json(text, by_alias=True, by_name=False)


def folder(task: str, *sets: EvalSet, **changes: object) -> ModelFolder:
    """A model called stub with these sets; changes are keys of its spec."""
    limits = {"concurrency": 4, "inputTokens": 256, "outputTokens": 64, "requestsPerSecond": 40}
    slo = {
        **(STREAMS if task == "generate" else {}),
        "endToEnd": {"objective": 0.9, "seconds": 30},
        "availability": {"objective": 0.95},
    }
    spec = SPEC | {"task": task, "limits": limits, "slo": slo} | changes
    return ModelFolder(
        name="stub",
        folder=Path("models/stub"),
        spec=ModelSpec.model_validate_json(json.dumps(spec), by_alias=True, by_name=False),
        engine={"tool-call-parser": "hermes"},
        evals=sets,
        usd_per_hour=0.1,
    )


IDLE = {"concurrency": 4, "inputTokens": 256, "outputTokens": 64}
"""Limits without a promised rate: nothing to put load on."""


def questions(count: int = 20, name: str = "facts") -> EvalSet:
    """Questions that an echo answers right."""
    asked = [f"{WORDS[i % len(WORDS)]} number {i}" for i in range(count)]
    cases = [{"prompt": text, "answer": f"you said {text}"} for text in asked]
    return evals(name, type="questions", threshold=0.9, minSamples=count, cases=cases)


def generator(*more: EvalSet, **changes: object) -> ModelFolder:
    """A generator with questions and further sets."""
    return folder("generate", questions(), *more, **changes)


def retriever(**changes: object) -> ModelFolder:
    """A retriever whose queries are words of its documents."""
    return folder(
        "embed",
        evals(
            "nearest",
            type="nearest",
            threshold=0.9,
            minSamples=len(WORDS),
            mrr=0.9,
            ndcg=0.9,
            recall=0.9,
            documents={word: f"{word} {word}" for word in WORDS},
            cases=[{"query": word, "nearest": word} for word in WORDS],
        ),
        **changes,
    )


def reranker(**changes: object) -> ModelFolder:
    """A reranker whose right document holds the query."""
    cases = [
        {"query": word, "documents": [f"about {word}", "about nothing"], "best": 0}
        for word in WORDS
    ]
    return folder(
        "rerank",
        evals(
            "ranking", type="ranking", threshold=0.9, minSamples=len(WORDS), mrr=0.9, cases=cases
        ),
        **changes,
    )
