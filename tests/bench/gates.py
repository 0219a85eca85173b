"""What the gates promise: error rates, the pace of the load client, the lab's suites."""

import math
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvloop
from tests.bench.figures import Figures
from tests.bench.twins import served

from tidegate.catalog.load import ModelFolder, load_valid
from tidegate.gates import measure
from tidegate.gates import statistics as own
from tidegate.gates.arrivals import poisson
from tidegate.gates.client import Endpoint
from tidegate.gates.jobs import Plan
from tidegate.gates.record import Answer
from tidegate.gates.run import run_gates
from tidegate.gates.verdict import Outcome
from tidegate.gates.wire import open_loop, payload
from tidegate.lab.paths import Lab
from tidegate.lab.server import Server
from tidegate.lab.training_runs import SERVED

ROOT = Path(__file__).parents[2]
TRIALS = 2000
RATE, SECONDS = 1500.0, 10.0
BODY = b'{"model":"stub","messages":[{"role":"user","content":"Hello"}],"stream":true}'


def _answers(rng: random.Random, share: float, count: int) -> list[Answer]:
    return [
        Answer(case=str(i), fault=None if rng.random() < share else "wrong") for i in range(count)
    ]


def _rate(trial: Callable[[random.Random], bool], trials: int = TRIALS) -> float:
    rng = random.Random(20261125)  # noqa: S311 - a simulation
    return sum(trial(rng) for _ in range(trials)) / trials


def _fails_at_threshold(rng: random.Random) -> bool:
    answers = _answers(rng, 0.9, 60)
    return measure.share("g", "n", answers, threshold=0.9, min_samples=1).outcome is Outcome.FAIL


def _misses_share(rng: random.Random) -> bool:
    right = sum(rng.random() < 0.9 for _ in range(60))
    found = own.wilson(right, 60)
    return not (found.low or 0) <= 0.9 <= (found.high or 1)


def _compared(rng: random.Random, old: float, new: float, count: int) -> Outcome:
    was, now = _answers(rng, old, count), _answers(rng, new, count)
    return measure.drop("g", "n", was, now, margin=0.1).outcome


def _no_drop_fails(rng: random.Random) -> bool:
    return _compared(rng, 0.9, 0.9, 60) is Outcome.FAIL


def _drop_passes(rng: random.Random) -> bool:
    return _compared(rng, 0.95, 0.85, 120) is Outcome.PASS


def _large_drop_is_not_blocked(rng: random.Random) -> bool:
    return _compared(rng, 0.95, 0.65, 60) is Outcome.PASS


def _misses_quantile(rng: random.Random) -> bool:
    found = own.quantile_bounds([rng.expovariate(1) for _ in range(200)], 0.95)
    true = 2.995732
    return not (found.low or 0) <= true <= (found.high or 1e9)


def _same_speed_fails(rng: random.Random) -> bool:
    old, new = ([rng.expovariate(1) for _ in range(100)] for _ in range(2))
    return measure.slowdown("g", "n", old, new, 0.95, seed=0).outcome is Outcome.FAIL


def error_rates() -> Figures:
    """How often each rule errs where the truth is known; bounds are those of the documentation."""
    trials: list[tuple[str, Callable[[random.Random], bool], int, float]] = [
        ("share at its threshold fails", _fails_at_threshold, TRIALS, 0.05),
        ("interval of a share misses it", _misses_share, TRIALS, 0.06),
        ("equal release of 60 cases fails", _no_drop_fails, TRIALS, 0.06),
        ("drop of the whole margin passes", _drop_passes, TRIALS, 0.06),
        ("drop of three margins passes", _large_drop_is_not_blocked, TRIALS, 0.001),
        ("interval of a 95th percentile misses it", _misses_quantile, TRIALS, 0.06),
        ("equally fast release fails", _same_speed_fails, 200, 0.1),
    ]
    return [
        (f"gates: {what}", 100 * _rate(trial, n), "%", 100 * bound)
        for what, trial, n, bound in trials
    ]


@contextmanager
def _stub() -> Iterator[str]:
    """A well-behaved stub in a process of its own."""
    code = (
        "import uvloop, sys; from tests.stub.server import Stub; from tests.stub.faults import "
        "Behaviour\nasync def main():\n"
        "    stub = Stub(Behaviour()); server = await stub.start()\n"
        "    print(stub.url, flush=True); await server.serve_forever()\n"
        "uvloop.run(main())"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        try:
            yield (process.stdout.readline() if process.stdout else "").strip()
        finally:
            process.terminate()


@contextmanager
def _before_all_others() -> Iterator[str]:
    """Client and stub at real-time priority: what is measured is not who else uses the machine."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    except PermissionError:
        yield "normal"
        return
    try:
        yield "real-time"
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def dispatch() -> Figures:
    """How late the client sends when 1,500 streams a second are due."""
    with _before_all_others() as priority, _stub() as url:
        data = payload(url, "/v1/chat/completions", BODY, None)
        arrivals = poisson(RATE, SECONDS, seed=0)
        used = time.process_time()
        started, found = uvloop.run(open_loop(url, arrivals, [data], patience=10, warm=64))
        used = time.process_time() - used
    requests = [exchange.as_request(started, stream=True) for exchange in found]
    late = measure.quantile([r.lateness for r in requests], 0.99) or 0.0
    failed = sum(r.fault is not None for r in requests)
    return [
        (f"gates: lateness p99 at 1,500 streams/s, {priority} priority", 1000 * late, "ms", 5),
        ("gates: client's share of one core at 1,500 streams/s", 100 * used / SECONDS, "%", 50),
        ("gates: failed of 15,000 streams", failed, "streams", 0),
    ]


def missed(server: Server, model: ModelFolder, plan: Plan) -> int:
    """How many measurements of a plan do not pass; each is told."""
    limit = max(model.spec.limits.output_tokens, 1)
    with Endpoint(server.url, model.name, max_tokens=limit) as endpoint:
        verdict = run_gates(endpoint, model, plan=plan)
    found = [m for m in verdict.measurements if m.outcome is not Outcome.PASS]
    sys.stderr.write("".join(f"{model.name}, {plan.suite} suite: {m}\n" for m in found))
    return len(found)


def suites() -> Figures:
    """Both suites of all three services of the lab, one after the other, on real engines."""
    models = load_valid(ROOT).models
    times, short = {"start": 0.0, "smoke": 0.0, "full": 0.0}, 0
    for name in SERVED:
        started = time.perf_counter()
        with served(Lab(ROOT), {name: models[name]}) as servers:
            times["start"] += time.perf_counter() - started
            for suite in ("smoke", "full"):
                started = time.perf_counter()
                short += missed(servers[name], models[name], Plan(suite=suite))
                times[suite] += time.perf_counter() - started
    return [
        ("gates: start of the lab's three engines in turn", times["start"], "s", math.inf),
        ("gates: smoke suite of the lab", times["smoke"], "s", 60),
        ("gates: full suite of the lab", times["full"], "s", 360),
        ("gates: measurements of both suites that do not pass", short, "measurements", 0),
    ]
