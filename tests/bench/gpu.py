"""What the production models need on a GPU: time to start, memory, and time under load.

Their weights cannot be had where this is written: `made_up` says what stands in for them. The
engine runs on the model's own engine.yaml and is held to the memory of the card that its
model.yaml names, on whatever larger card there is.
"""

import json
import math
import random
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
from tests.bench.figures import Figures
from tests.bench.gates import missed
from tests.bench.made_up import SHAPES, make_model, request

from tidegate.catalog.load import ModelFolder, load_valid
from tidegate.catalog.objects import Task
from tidegate.catalog.sizing import (
    key_value_bytes_per_token,
    minimum_key_value_bytes,
    utilization,
)
from tidegate.findings import CouldNotCheckError, cannot_check
from tidegate.gates import measure
from tidegate.gates.arrivals import poisson
from tidegate.gates.contract import GATE
from tidegate.gates.jobs import Plan
from tidegate.gates.load import send
from tidegate.gates.record import Request
from tidegate.lab.paths import Lab
from tidegate.lab.process import end_group, spawn, started
from tidegate.lab.server import Server, choose_ports, health_fault, wait_healthy
from tidegate.lab.training_runs import SERVED

ROOT = Path(__file__).parents[2]
# MiB that nvidia-smi reports: a card keeps some of what its name promises.
CARDS = {"nvidia-l4": 23034, "nvidia-l40s": 46068}
PATIENCE = 300.0
RATE_SECONDS = 20.0
USUAL_WORDS, USUAL_ANSWER = 512, 128


def _vllm() -> str:
    """The engine's command.

    Raises:
        CouldNotCheckError: there is none.
    """
    if command := shutil.which("vllm"):
        return command
    raise _cannot_measure("vllm on the PATH")


def _cannot_measure(wanted: str) -> CouldNotCheckError:
    return cannot_check(
        "scripts/bench",
        "gpu",
        "cannot be measured",
        wanted=wanted,
        found="none",
        next_step="run it on a machine that has it",
    )


def _ask_card(fields: str) -> str:
    """What nvidia-smi says of the first GPU; memory is in MiB.

    Raises:
        CouldNotCheckError: there is no GPU.
    """
    query = ["--id=0", f"--query-gpu={fields}", "--format=csv,noheader,nounits"]
    if command := shutil.which("nvidia-smi"):
        found = subprocess.run([command, *query], check=False, capture_output=True, text=True)
        if not found.returncode:
            return found.stdout.strip()
    raise _cannot_measure("an NVIDIA GPU")


def held_to(model: ModelFolder, card_mib: int) -> float:
    """The share of this card that the engine may take of the one it is meant for."""
    own = utilization(model.engine) * CARDS[model.spec.accelerator.kind]
    return round(own / card_mib, 4)


@contextmanager
def _engine(model: ModelFolder, weights: Path, scratch: Path, *options: str) -> Iterator[Server]:
    """An engine on a model's own engine.yaml, healthy; what it compiles is kept in `scratch`."""
    [port] = choose_ports(1)
    log = Lab(ROOT).logs / f"gpu-{model.name}.log"
    kept = ("HOME", "VLLM_CACHE_ROOT", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")
    pid = spawn(
        [
            *(_vllm(), "serve", "--config", str(model.folder / model.spec.engine_config)),
            *("--model", str(weights), "--host", "127.0.0.1", "--port", str(port), *options),
        ],
        log,
        {name: str(scratch / name.lower()) for name in kept}
        | {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"},
    )
    try:
        server = Server(model.name, model.name, "", pid, started(pid) or 0.0, port, str(log), "")
        wait_healthy(server, model.spec.cold_start.p99_seconds, health_fault)
        yield server
    finally:
        end_group(pid)


def _send(
    server: Server, model: ModelFolder, arrivals: Sequence[float], words: int, answer: int
) -> tuple[Request, ...]:
    """Requests of one length at these times."""
    rng = random.Random(f"{model.name} {words}")  # noqa: S311 - the words of test prompts
    asked = [request(model, rng, words, answer) for _ in arrivals]
    return send(server.url, arrivals, asked, patience=PATIENCE)


def _get(server: Server, path: str) -> str:
    return httpx.get(f"{server.url}{path}", trust_env=False, timeout=10).text


def _metric(server: Server, name: str) -> float:
    """The sum of a metric's samples."""
    lines = re.findall(rf"^{name}(?:{{.*}})? (\S+)$", _get(server, "/metrics"), re.MULTILINE)
    return sum(float(value) for value in lines)


def _cached_tokens(server: Server) -> int:
    """How many tokens the key-value cache holds."""
    text = _get(server, "/metrics")
    found = [re.search(rf'{name}="(\d+)"', text) for name in ("block_size", "num_gpu_blocks")]
    return math.prod(int(one[1]) for one in found if one)


def _memory(server: Server, model: ModelFolder, card_mib: int) -> Figures:
    """What the engine took of the card, and how far the promised requests fill its cache."""
    weights = re.findall(r"Model loading took ([\d.]+) GiB", Path(server.log).read_text())
    share = held_to(model, card_mib)
    spec = model.spec
    figures: Figures = [
        *(("weights", float(taken), "GiB", math.inf) for taken in weights[-1:]),
        ("memory in use after start", int(_ask_card("memory.used")) / 1024, "GiB", math.inf),
        ("memory that its card gives it", share * card_mib / 1024, "GiB", math.inf),
    ]
    if minimum_key_value_bytes(spec):
        cache = _cached_tokens(server) * key_value_bytes_per_token(spec)
        filled = 100 * minimum_key_value_bytes(spec) / cache
        figures.append(("share of the cache that the promised requests fill", filled, "%", 100))
    return figures


def _burst(server: Server, model: ModelFolder) -> Figures:
    """Every promised request at its longest, all at the same moment."""
    limits = model.spec.limits
    found = _send(
        server, model, [0.0] * limits.concurrency, limits.input_tokens, limits.output_tokens
    )
    what = f"{limits.concurrency} requests of full length at once"
    figures: Figures = [
        (f"{what}, failed", sum(r.fault is not None for r in found), "requests", 0),
        (f"{what}, slowest", max(r.end_to_end for r in found), "s", math.inf),
    ]
    if model.spec.task is Task.GENERATE:
        first = max(r.time_to_first_token for r in found)
        preempted = _metric(server, "vllm:num_preemptions_total")
        figures += [
            (f"{what}, last first token", first, "s", math.inf),
            (f"{what}, preempted", preempted, "requests", 0),
        ]
    return figures


def _usual(server: Server, model: ModelFolder) -> Figures:
    """Requests of usual length at the promised rate."""
    rate = model.spec.limits.requests_per_second or 1
    arrivals = poisson(rate, RATE_SECONDS, seed=0)
    found = _send(server, model, arrivals, USUAL_WORDS, USUAL_ANSWER)
    what = f"{rate:g} requests/s of {USUAL_WORDS} tokens"
    ends = measure.quantile([r.end_to_end for r in found], 0.95) or math.inf
    figures: Figures = [
        (f"{what}, failed", sum(r.fault is not None for r in found), "requests", 0),
        (f"{what}, end to end p95", 1000 * ends, "ms", math.inf),
    ]
    if model.spec.task is Task.GENERATE:
        first = measure.quantile([r.time_to_first_token for r in found], 0.95) or math.inf
        gaps = measure.quantile([gap for r in found for gap in r.gaps], 0.95) or math.inf
        figures += [
            (f"{what}, time to first token p95", 1000 * first, "ms", math.inf),
            (f"{what}, inter-token latency p95", 1000 * gaps, "ms", math.inf),
        ]
    return figures


def _named(server: Server, figures: Figures) -> Figures:
    """Figures with what they were measured on."""
    version = json.loads(_get(server, "/version"))["version"]
    where = f"{server.model} on {_ask_card('name')}, vLLM {version}"
    return [(f"{where}: {what}", value, unit, bound) for what, value, unit, bound in figures]


def made_up(name: str) -> Figures:
    """A production model, its weights made up, on the GPU of this machine."""
    model, card_mib = load_valid(ROOT).models[name], int(_ask_card("memory.total"))
    held, contract = str(held_to(model, card_mib)), Plan(only=frozenset({GATE}))
    options = ("--load-format", "dummy", "--gpu-memory-utilization", held)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        make_model(model, scratch / "model")
        began = time.perf_counter()
        with _engine(model, scratch / "model", scratch, *options):
            cold = time.perf_counter() - began
        began = time.perf_counter()
        with _engine(model, scratch / "model", scratch, *options) as server:
            warm = time.perf_counter() - began
            figures: Figures = [
                ("start without weights", cold, "s", math.inf),
                ("start without weights, compiled before", warm, "s", math.inf),
                *_memory(server, model, card_mib),
                *_usual(server, model),
                *_burst(server, model),
                ("contract that does not pass", missed(server, model, contract), "measurements", 0),
            ]
            return _named(server, figures)


def trained(name: str) -> Figures:
    """A model of the lab, as `tidegate lab up` trained it, on the GPU of this machine."""
    model, weights = load_valid(ROOT).models[name], Lab(ROOT).models / name
    with tempfile.TemporaryDirectory() as folder, _engine(model, weights, Path(folder)) as server:
        short = missed(server, model, Plan())
        return _named(server, [("smoke suite that does not pass", short, "measurements", 0)])


PARTS: dict[str, Callable[[], Figures]] = {
    **{
        f"gpu-{shape.stem}": partial(made_up, shape.stem) for shape in sorted(SHAPES.glob("*.json"))
    },
    **{f"gpu-{name}": partial(trained, name) for name in SERVED},
}
