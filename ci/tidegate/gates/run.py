"""Looks at an endpoint gate by gate, and judges what was seen.

What is only asked is asked at once, as many requests at a time as the model promises to take;
what is timed is alone with the server.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from tidegate.catalog.load import ModelFolder
from tidegate.catalog.objects import Task
from tidegate.gates import contract, corpora, faults, functional, latency, load, retrieval
from tidegate.gates.client import Endpoint
from tidegate.gates.jobs import Job, Plan, Progress, Target, ask_all
from tidegate.gates.judge import judge
from tidegate.gates.record import Run
from tidegate.gates.verdict import Verdict

# Gates whose numbers rest on what is asked for another one.
_FEEDS = {"functional": "robustness", "safety": "robustness", "retrieval": "drift"}


def _silent(what: str, done: int, total: int) -> None:
    del what, done, total


def _jobs(target: Target) -> Iterator[Job]:
    yield from contract.jobs(target)
    if target.model.spec.task is not Task.GENERATE:
        yield from retrieval.jobs(target)
        return
    yield from functional.jobs(target)
    yield from corpora.jobs(target)
    if target.plan.suite == "full":
        yield from functional.disturbed_jobs(target)


def observe(
    endpoint: Endpoint, model: ModelFolder, plan: Plan | None = None, progress: Progress = _silent
) -> Run:
    """Everything that the plan looks at.

    Raises:
        CouldNotCheckError: the endpoint cannot be reached or does not serve the model, or an
            assertion needs what is not there.
    """
    started = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    target = Target(endpoint, model, plan or Plan())
    endpoint.require_model()
    jobs = [
        job for job in _jobs(target) if target.plan.wants(job.gate, _FEEDS.get(job.gate, job.gate))
    ]
    asked = list(ask_all(jobs, model.spec.limits.concurrency, progress))
    timed = target.plan.wants("streaming", "latency")
    streamed, times = latency.observe(target, progress) if timed else ([], [])
    full = target.plan.suite == "full"
    loaded = full and target.plan.wants("load", "cost")
    steps = tuple(load.observe(target, progress)) if loaded else ()
    stressed = full and target.plan.wants(faults.GATE)
    hurt = list(faults.observe(target, progress)) if stressed else []
    return Run(
        model=model.name,
        started=started,
        suite=target.plan.suite,
        seed=target.plan.seed,
        only=tuple(sorted(target.plan.only)),
        observed=(*asked, *streamed, *hurt),
        times=tuple(times),
        steps=steps,
    )


def run_gates(
    endpoint: Endpoint,
    model: ModelFolder,
    *,
    plan: Plan | None = None,
    previous: Run | None = None,
    progress: Progress = _silent,
) -> Verdict:
    """The verdict on one endpoint.

    Args:
        endpoint: a running OpenAI-compatible server.
        model: what it is meant to serve, with its evaluation sets and objectives.
        plan: what is looked at; the smoke suite if left out.
        previous: the run of the release that this one would replace.
        progress: told what is asked, how much of it is done, and how much there is.

    Raises:
        CouldNotCheckError: see `observe`.
    """
    return judge(observe(endpoint, model, plan, progress), model, previous)
