"""Conversations with known answers. Each set is judged by itself: an average hides a lost skill."""

from collections.abc import Iterator
from functools import partial

from tidegate.catalog.cases import Case
from tidegate.catalog.evals import Conversations, EvalSet, Robustness
from tidegate.catalog.gates import gate_of
from tidegate.catalog.load import ModelFolder
from tidegate.gates.assertions import Said, fault_of
from tidegate.gates.client import Endpoint, Json
from tidegate.gates.jobs import Job, Target
from tidegate.gates.mutations import disturbed
from tidegate.gates.record import Answer


def converse(endpoint: Endpoint, case: Case) -> str:
    """The last answer of a conversation; answers left out on the way are the model's own."""
    said: list[Json] = []
    for message in case.conversation:
        content = message.content
        if content is None:
            content = endpoint.chat(said, case.parameters)
        said.append({"role": message.role, "content": content})
    return endpoint.chat(said, case.parameters)


def ask(target: Target, case: Case) -> Answer:
    """What became of one case."""
    said = Said(case.question, converse(target.endpoint, case), target.plan.helpers)
    faults = (fault_of(said, assertion) for assertion in case.asserts)
    return Answer(
        case=case.key,
        fault=next((fault for fault in faults if fault), None),
        weight=case.weight,
        asked=case.question[-200:],
        answer=said.answer,
    )


def selected(cases: list[Case], tags: frozenset[str]) -> list[Case]:
    """Cases with one of the tags; all where there are none."""
    return [case for case in cases if not tags or tags & set(case.tags)]


def conversations(model: ModelFolder) -> Iterator[tuple[EvalSet, list[Case]]]:
    """Every set of conversations with its cases."""
    for evals in model.evals:
        if isinstance(evals.spec, Conversations):
            yield evals, evals.spec.expanded()


def jobs(target: Target) -> Iterator[Job]:
    """One job for each case of each set."""
    for evals, cases in conversations(target.model):
        for case in selected(cases, target.plan.tags):
            yield Job(gate_of(evals), evals.metadata.name, case.key, partial(ask, target, case))


def disturbed_jobs(target: Target) -> Iterator[Job]:
    """One job for each disturbed prompt; a case pairs with its clean self by its key."""
    sets = {evals.metadata.name: cases for evals, cases in conversations(target.model)}
    for evals in target.model.evals:
        if isinstance(evals.spec, Robustness):
            for case in selected(sets[evals.spec.of], target.plan.tags):
                for changed in disturbed(case, evals.spec, seed=target.plan.seed):
                    asked = partial(ask, target, changed)
                    yield Job("robustness", evals.metadata.name, changed.key, asked)
