"""From what was seen to a verdict, by thresholds of the catalog; asks no endpoint anything."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tidegate.catalog.evals import EvalSet, Nearest, Ranking, Robustness
from tidegate.catalog.gates import gate_of
from tidegate.catalog.load import ModelFolder
from tidegate.catalog.objects import Objective, Task
from tidegate.gates import capacity, contract, drift, faults, measure, retrieval
from tidegate.gates.functional import conversations
from tidegate.gates.latency import STREAMS
from tidegate.gates.mutations import SEPARATOR
from tidegate.gates.record import Answer, Run
from tidegate.gates.shapes import broken
from tidegate.gates.verdict import Measurement, Verdict

_SCORE_MARGIN = 0.05


@dataclass(frozen=True, slots=True)
class Judging:
    """A run, the model it is judged by, and the previous release's run, where there is one."""

    run: Run
    model: ModelFolder
    previous: Run | None = None


def judge(run: Run, model: ModelFolder, previous: Run | None = None) -> Verdict:
    """The verdict on a run: the same for the same run, model and previous run.

    Args:
        run: what was seen.
        model: its sets, objectives and budget; a set that was not asked holds.
        previous: the run of the release that this one would replace.
    """
    judging = Judging(run, model, previous)
    judges: tuple[Callable[[Judging], Iterator[Measurement]], ...] = (
        _contract,
        _streaming,
        _sets,
        _times,
        *((_robustness, _load, _faults) if run.suite == "full" else ()),
    )
    return Verdict(
        model=model.name,
        started=run.started,
        suite=run.suite,
        seed=run.seed,
        previous=previous.started if previous else None,
        measurements=tuple(
            m for one in judges for m in one(judging) if not run.only or m.gate in run.only
        ),
    )


def comparison(run: Run, model: ModelFolder, previous: Run) -> Verdict:
    """The part of the verdict that is about the difference of two runs."""
    verdict = judge(run, model, previous)
    alone = {(m.gate, m.name) for m in judge(run, model).measurements}
    kept = tuple(m for m in verdict.measurements if (m.gate, m.name) not in alone)
    return verdict.model_copy(update={"measurements": kept})


def _share(
    judging: Judging,
    gate: str,
    name: str,
    *,
    threshold: float = 1,
    least: int = 1,
    margin: float | None = None,
) -> Iterator[Measurement]:
    """A set's share and, where there is a previous release and a margin, how far it fell."""
    answers = judging.run.set_of(gate, name)
    yield measure.share(gate, name, answers, threshold=threshold, min_samples=least)
    if judging.previous and margin is not None:
        old = judging.previous.set_of(gate, name)
        yield measure.drop(gate, name, old, answers, margin=margin)


def _contract(judging: Judging) -> Iterator[Measurement]:
    for name in ("requests", "errors"):
        yield from _share(judging, contract.GATE, name)
    if judging.previous:
        yield measure.share(
            contract.GATE, "unchanged", list(_changes(judging)), threshold=1, min_samples=1
        )


def _changes(judging: Judging) -> Iterator[Answer]:
    """For each answer of the previous release, what its callers would miss in the new one."""
    for name in ("requests", "errors"):
        new = {a.case: a.shape for a in judging.run.set_of(contract.GATE, name)}
        old = judging.previous.set_of(contract.GATE, name) if judging.previous else ()
        for answer in old:
            if answer.shape:
                faults = broken(answer.shape, new.get(answer.case, {}))
                fault = "; ".join(faults[:3]) or None
                yield Answer(case=answer.case, asked=answer.case, fault=fault)


def _streaming(judging: Judging) -> Iterator[Measurement]:
    if judging.model.spec.task is Task.GENERATE:
        yield from _share(judging, "streaming", "streamed", least=min(STREAMS, _free(judging)))
        for name in ("stream-equal", "deterministic"):
            yield from _share(judging, "streaming", name)


def _free(judging: Judging) -> int:
    """How many cases can be asked of a stream; at least one, so that none holds."""
    cases = [case for _, found in conversations(judging.model) for case in found]
    return max(sum(not c.parameters and len(c.conversation) == 1 for c in cases), 1)


def _sets(judging: Judging) -> Iterator[Measurement]:
    for evals in sorted(judging.model.evals, key=gate_of):
        spec, name, gate = evals.spec, evals.metadata.name, gate_of(evals)
        if isinstance(spec, Robustness):
            continue
        yield from _share(
            judging,
            gate,
            name,
            threshold=spec.threshold,
            least=spec.min_samples,
            margin=spec.margin,
        )
        if isinstance(spec, Nearest | Ranking):
            yield from _scores(judging, name, spec)
        if isinstance(spec, Nearest) and judging.previous:
            yield from _drift(judging, name, spec)


def _scores(judging: Judging, name: str, spec: Nearest | Ranking) -> Iterator[Measurement]:
    answers, seed = judging.run.set_of(retrieval.GATE, name), judging.run.seed
    wanted = {"mrr": spec.mrr, "ndcg": spec.ndcg, "recall": spec.recall}
    for score, threshold in wanted.items():
        if threshold is None:
            continue
        label = f"{name}-{score}" if score == "mrr" else f"{name}-{score}@{spec.k}"
        found = {a.case: a.scores.get(score, 0.0) for a in answers}
        yield measure.mean(
            retrieval.GATE,
            label,
            list(found.values()),
            threshold=threshold,
            min_samples=spec.min_samples,
            seed=seed,
        )
        if judging.previous:
            old = judging.previous.set_of(retrieval.GATE, name)
            before = {a.case: a.scores.get(score, 0.0) for a in old}
            yield measure.score_drop(
                retrieval.GATE, label, before, found, margin=_SCORE_MARGIN, seed=seed
            )


def _drift(judging: Judging, name: str, spec: Nearest) -> Iterator[Measurement]:
    old, new = (
        {a.case: a.vector for a in run.set_of(retrieval.GATE, f"{name}-documents") if a.vector}
        for run in (judging.previous or judging.run, judging.run)
    )
    cosines = drift.moved(old, new)
    yield measure.mean(
        "drift",
        f"{name}-mean-cosine",
        cosines,
        threshold=spec.drift.mean_cosine,
        min_samples=2,
        seed=judging.run.seed,
    )
    yield from drift.measured(name, old, new, spec.drift, seed=judging.run.seed)


def _objectives(judging: Judging) -> Iterator[tuple[str, Objective]]:
    slo = judging.model.spec.slo
    if judging.model.spec.task is not Task.GENERATE:
        yield "end-to-end", slo.end_to_end
    if slo.time_to_first_token:
        yield "time-to-first-token", slo.time_to_first_token
    if slo.inter_token_latency:
        yield "inter-token-latency", slo.inter_token_latency


def _times(judging: Judging) -> Iterator[Measurement]:
    for name, objective in _objectives(judging):
        found = judging.run.times_of("latency", name)
        yield measure.seconds("latency", name, found, objective)


def _robustness(judging: Judging) -> Iterator[Measurement]:
    """The drop of each disturbed set from the same cases undisturbed."""
    sets = {evals.metadata.name: evals for evals in judging.model.evals}
    for evals in judging.model.evals:
        if isinstance(evals.spec, Robustness):
            yield from _disturbed(judging, evals, evals.spec, sets[evals.spec.of])


def _disturbed(
    judging: Judging, evals: EvalSet, spec: Robustness, of: EvalSet
) -> Iterator[Measurement]:
    name = evals.metadata.name
    clean = judging.run.set_of(gate_of(of), of.metadata.name)
    by_kind: dict[str, list[Answer]] = {how: [] for how in (*spec.mutations, *spec.wordings)}
    for answer in judging.run.set_of("robustness", name):
        key, _, how = answer.case.partition(SEPARATOR)
        if (kind := how.rstrip("-0123456789")) in by_kind:  # the catalog may have dropped it
            by_kind[kind].append(answer.model_copy(update={"case": key}))
    for how, answers in by_kind.items():
        found = measure.drop("robustness", f"{name}-{how}", clean, answers, margin=spec.max_drop)
        yield found.model_copy(update={"min_samples": spec.min_samples})


def _load(judging: Judging) -> Iterator[Measurement]:
    yield from capacity.measured(judging.run, judging.model, judging.previous)


def _faults(judging: Judging) -> Iterator[Measurement]:
    for name in faults.sets_of(judging.model.spec.task):
        yield from _share(judging, faults.GATE, name)
