"""Whether the gates tell the lab's models from their degraded twins, seed by seed, on real engines.

A request that was asked before is answered from memory: at temperature 0 a seed decides which
disturbed prompts are asked, and what is resampled, and not what an engine answers.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.figures import Figures

from tidegate.catalog.load import ModelFolder, load_valid
from tidegate.gates.client import Endpoint, Json
from tidegate.gates.jobs import Plan
from tidegate.gates.judge import judge
from tidegate.gates.record import Run
from tidegate.gates.run import observe
from tidegate.gates.verdict import Outcome, Verdict
from tidegate.lab.paths import Lab
from tidegate.lab.server import Server, serving
from tidegate.lab.training_runs import CHAT, DEGRADED, RERANKER, RETRIEVER, pack_model

ROOT = Path(__file__).parents[2]
SEEDS = int(os.environ.get("TIDEGATE_BENCH_SEEDS", "20"))
FLIPPED, NOISY = "tiny-rerank-flipped", "minilm-noisy"
TWINS = {DEGRADED: CHAT, NOISY: RETRIEVER, FLIPPED: RERANKER}
# Latency, load and faults are the same for a twin: it is as fast as before.
GATES = frozenset({"contract", "functional", "safety", "robustness", "retrieval", "drift"})

MEANT: dict[str, set[str]] = {
    DEGRADED: {
        *(f"functional/{name}" for name in ("facts", "needle", "structured", "sums")),
        *(f"functional/{name}-drop" for name in ("facts", "needle", "structured", "sums")),
        *("safety/injection", "safety/injection-drop"),
    },
    NOISY: {
        *("retrieval/nearest", "retrieval/nearest-drop", "retrieval/nearest-mrr"),
        *("retrieval/nearest-mrr-drop", "drift/nearest-mean-cosine"),
    },
    FLIPPED: {
        *("retrieval/ranking", "retrieval/ranking-drop"),
        *("retrieval/ranking-mrr", "retrieval/ranking-mrr-drop"),
    },
}
"""What must fail; no measurement of a gate that is not among them may."""


class Remembering(Endpoint):
    """An endpoint that is asked each thing once."""

    known: dict[str, Json]

    def post(self, path: str, body: Json) -> Json:
        """The answer of now, or the one before."""
        self.known = getattr(self, "known", {})
        key = json.dumps([path, body], sort_keys=True)
        if key not in self.known:
            self.known[key] = super().post(path, body)
        return self.known[key]


@contextmanager
def served(lab: Lab, wanted: dict[str, ModelFolder]) -> Iterator[dict[str, Server]]:
    """Engines on these artifacts, until the block ends."""
    packed = {name: (model, pack_model(lab, name).digest) for name, model in wanted.items()}
    with lab.locked(), serving(lab, packed) as servers:
        yield servers


def runs(server: Server, model: ModelFolder) -> list[Run]:
    """What is seen under each seed."""
    limit = max(model.spec.limits.output_tokens, 1)
    with Remembering(server.url, model.name, max_tokens=limit, timeout=120) as endpoint:
        return [
            observe(endpoint, model, Plan(suite="full", seed=seed, only=GATES))
            for seed in range(SEEDS)
        ]


def as_meant(verdict: Verdict, meant: set[str]) -> bool:
    """Whether all that is meant to fail does, and nothing in any other gate."""
    failed = {f"{m.gate}/{m.name}" for m in verdict.measurements if m.outcome is Outcome.FAIL}
    gates = {name.partition("/")[0] for name in meant}
    return meant <= failed and all(name.partition("/")[0] in gates for name in failed)


def twins() -> Figures:
    """Of all seeds, for how many the good release does not pass, and its twin does not fail."""
    lab, models = Lab(ROOT), load_valid(ROOT).models
    command = [str(lab.python), "-m", "tidegate.lab.training.twins", str(lab.models)]
    subprocess.run(command, check=True, env={"PYTHONPATH": str(ROOT / "ci")})
    figures: Figures = []
    for twin, name in TWINS.items():
        model = models[name]
        with served(lab, {name: model, twin: model}) as servers:
            good, bad = runs(servers[name], model), runs(servers[twin], model)
        passed = sum(judge(run, model, run).outcome is Outcome.PASS for run in good)
        found = (judge(run, model, before) for run, before in zip(bad, good, strict=True))
        failed = sum(as_meant(verdict, MEANT[twin]) for verdict in found)
        of = f"of {SEEDS} seeds"
        figures += [
            (f"gates: {name} does not pass, {of}", SEEDS - passed, "seeds", 0),
            (f"gates: {twin} does not fail where it is meant to, {of}", SEEDS - failed, "seeds", 0),
        ]
    return figures
