"""Whether the gates tell the lab's models from their degraded twins, seed by seed, on real engines.

A seed draws the questions where the lab can make more of them (generator, reranker), the noise in
the weights (retriever), which prompts are disturbed and how, and what is resampled. Both engines of
a pair start on the good model; the twin's takes its weights in place, which a new engine for every
seed would need twenty seconds for.
"""

import dataclasses
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from tests.bench.figures import Figures

from tidegate.catalog.evals import EvalSet
from tidegate.catalog.load import ModelFolder, load_valid
from tidegate.catalog.reading import read_object
from tidegate.gates.client import Endpoint
from tidegate.gates.jobs import Plan
from tidegate.gates.judge import judge
from tidegate.gates.record import Run
from tidegate.gates.run import observe
from tidegate.gates.verdict import Outcome, Verdict
from tidegate.lab.paths import PACKAGE, Lab
from tidegate.lab.server import Server, serving
from tidegate.lab.training import evals
from tidegate.lab.training_runs import CHAT, DEGRADED, RERANKER, RETRIEVER, pack_model

ROOT = Path(__file__).parents[2]
SEEDS = int(os.environ.get("TIDEGATE_BENCH_SEEDS", "20"))
TWINS = {"tiny-rerank-flipped": RERANKER, "minilm-noisy": RETRIEVER, DEGRADED: CHAT}
# What is compared with the previous release, and what else a twin's answers decide. Latency, load
# and faults are the same for a twin: it is as fast as before.
COMPARED = frozenset({"contract", "functional", "safety", "retrieval", "drift"})
GATES = COMPARED | {"robustness"}

MEANT: dict[str, set[str]] = {
    DEGRADED: {
        *(f"functional/{name}" for name in ("facts", "needle", "structured", "sums")),
        *(f"functional/{name}-drop" for name in ("facts", "needle", "structured", "sums")),
        *("safety/injection", "safety/injection-drop"),
    },
    "minilm-noisy": {
        *("retrieval/nearest", "retrieval/nearest-drop", "retrieval/nearest-mrr"),
        *("retrieval/nearest-mrr-drop", "drift/nearest-mean-cosine"),
    },
    "tiny-rerank-flipped": {
        *("retrieval/ranking", "retrieval/ranking-drop"),
        *("retrieval/ranking-mrr", "retrieval/ranking-mrr-drop"),
    },
}
"""What must fail; no measurement of a gate that is not among them may."""


@contextmanager
def served(lab: Lab, wanted: dict[str, ModelFolder]) -> Iterator[dict[str, Server]]:
    """Engines on the models' artifacts by name, until the block ends."""
    packed = {name: (model, pack_model(lab, model.name).digest) for name, model in wanted.items()}
    with lab.locked(), serving(lab, packed) as servers:
        yield servers


def drawn(model: ModelFolder, seed: int) -> ModelFolder:
    """The model with the seed's own questions, where there are more than the committed ones."""
    with tempfile.TemporaryDirectory() as folder:
        evals.main([folder, "--draw", str(seed)])
        paths = Path(folder, model.name).rglob("*.yaml")
        found = {path.stem: read_object(path, EvalSet, name=path.name) for path in paths}
    sets = tuple(found.get(one.metadata.name, one) for one in model.evals)
    return dataclasses.replace(model, evals=sets)


def reload(server: Server, weights: Path) -> None:
    """Put other weights into a running engine."""
    body = {"method": "reload_weights", "kwargs": {"weights_path": str(weights)}}
    url = f"{server.url}/collective_rpc"
    httpx.post(url, json=body, timeout=60, trust_env=False).raise_for_status()


@dataclass(frozen=True)
class Pair:
    """A release, its twin, and where the weights of the twin lie."""

    name: str
    good: Server
    bad: Server
    folder: Path

    def weights(self, seed: int) -> Path:
        """Of the seed, where each has its own."""
        own = self.folder / f"{self.name}-{seed}"
        return own if own.exists() else self.folder / self.name


def seen(server: Server, model: ModelFolder, plan: Plan) -> Run:
    """What a run sees."""
    limit = max(model.spec.limits.output_tokens, 1)
    with Endpoint(server.url, model.name, max_tokens=limit, timeout=120) as endpoint:
        return observe(endpoint, model, plan)


def as_meant(verdict: Verdict, meant: set[str]) -> bool:
    """Whether all that is meant to fail does, and nothing in any other gate."""
    failed = {f"{m.gate}/{m.name}" for m in verdict.measurements if m.outcome is Outcome.FAIL}
    gates = {name.partition("/")[0] for name in meant}
    return meant <= failed and all(name.partition("/")[0] in gates for name in failed)


def told(pair: Pair, model: ModelFolder, seed: int) -> tuple[bool, bool]:
    """Whether the good release passes under a seed, and its twin fails where it is meant to."""
    model = drawn(model, seed)
    whole, part = (Plan(suite="full", seed=seed, only=only) for only in (GATES, COMPARED))
    reload(pair.bad, pair.weights(seed))
    with ThreadPoolExecutor(1) as beside:
        twin = beside.submit(seen, pair.bad, model, whole)
        before, now = seen(pair.good, model, part), seen(pair.good, model, whole)
        good, bad = judge(now, model, before), judge(twin.result(), model, before)
    passes, fails = good.outcome is Outcome.PASS, as_meant(bad, MEANT[pair.name])
    unlike = [m for m in good.measurements if m.outcome is not Outcome.PASS]
    if not fails:
        unlike += [m for m in bad.measurements if f"{m.gate}/{m.name}" in MEANT[pair.name]]
    sys.stderr.write("".join(f"{pair.name}, seed {seed}: {m}\n" for m in unlike))
    return passes, fails


def twins() -> Figures:
    """Of all seeds, for how many the good release does not pass, and its twin does not fail."""
    lab, models = Lab(ROOT), load_valid(ROOT).models
    os.environ["VLLM_SERVER_DEV_MODE"] = "1"  # else an engine takes no other weights
    figures: Figures = []
    with tempfile.TemporaryDirectory(dir=lab.home) as folder:
        command = [str(lab.python), "-m", "tidegate.lab.training.twins", str(lab.models), folder]
        environment = PACKAGE | {"OMP_NUM_THREADS": "1"}
        subprocess.run([*command, "--seeds", str(SEEDS)], check=True, env=environment)
        Path(folder, DEGRADED).symlink_to(lab.models / DEGRADED)
        for twin, name in TWINS.items():
            model = models[name]
            with served(lab, {name: model, twin: model}) as servers:
                pair = Pair(twin, servers[name], servers[twin], Path(folder))
                found = [told(pair, model, seed) for seed in range(SEEDS)]
            missed = [sum(not right for right in column) for column in zip(*found, strict=True)]
            wrong = ("does not pass", "does not fail where it is meant to")
            figures += [
                (f"gates: {who} {what}, of {SEEDS} seeds", count, "seeds", 0)
                for who, what, count in zip((name, twin), wrong, missed, strict=True)
            ]
    return figures
