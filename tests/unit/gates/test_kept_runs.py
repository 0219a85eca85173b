"""A kept run beside a catalog that has moved on, and beside the run before it."""

import pytest
from tests.conftest import ROOT
from tests.unit.gates import samples
from tests.unit.gates.test_load import STARTED

from tidegate.catalog.evals import EvalSet
from tidegate.catalog.gates import measurable
from tidegate.catalog.load import ModelFolder, load_valid
from tidegate.gates.judge import comparison, judge
from tidegate.gates.record import Answer, Observed, Run, Timed
from tidegate.gates.verdict import Measurement, Outcome


def answers(count: int, wrong: int = 0, how: str = "") -> tuple[Answer, ...]:
    """So many answers, the first ones wrong."""
    return tuple(
        Answer(case=f"case-{i}{how}", fault="wrong" if i < wrong else None) for i in range(count)
    )


def run(*observed: Observed, suite: str = "full", **changes: object) -> Run:
    """A run with these sets."""
    fields = {"model": "stub", "started": STARTED, "suite": suite, "observed": observed}
    return Run.model_validate(fields | changes, by_name=True)


def facts(count: int = 40, wrong: int = 0) -> Observed:
    """The answers to the facts."""
    return Observed(gate="functional", name="facts", answers=answers(count, wrong))


def stable(*kinds: str, wrong: int = 0) -> Observed:
    """The answers to the disturbed facts, 40 a kind."""
    found = [a for kind in kinds for a in answers(40, wrong, f"~{kind}")]
    return Observed(gate="robustness", name="stable", answers=tuple(found))


def disturbing(**changes: object) -> EvalSet:
    """A set that disturbs the facts."""
    fields = {"of": "facts", "mutations": ["typos"], "maxDrop": 0.2, "minSamples": 20} | changes
    return samples.evals("stable", type="robustness", **fields)


def found_in(model: ModelFolder, seen: Run, gate: str) -> dict[str, Measurement]:
    """The measurements of one gate by name."""
    return {m.name: m for m in judge(seen, model).measurements if m.gate == gate}


def test_a_mutation_that_the_catalog_no_longer_has_is_not_judged() -> None:
    """A kept run is judged by the catalog of today, and may have asked for more."""
    model = samples.generator(disturbing())
    found = found_in(model, run(facts(), stable("typos", "case", "paraphrase-1")), "robustness")

    assert list(found) == ["stable-typos-drop"]
    assert found["stable-typos-drop"].outcome is Outcome.PASS


def test_a_mutation_that_the_run_did_not_ask_for_holds() -> None:
    """The other way round: what the catalog wants and nobody saw is no pass."""
    model = samples.generator(disturbing(mutations=["typos", "case"]))
    found = found_in(model, run(facts(), stable("typos")), "robustness")

    assert found["stable-case-drop"].outcome is Outcome.HOLD


def test_the_texts_of_one_wording_are_judged_together() -> None:
    """Two paraphrases of 40 cases are 80 samples; 16 of each lost are a drop of 0.4."""
    model = samples.generator(
        disturbing(mutations=[], wordings={"paraphrase": ["Now: {prompt}", "{prompt} Please."]})
    )
    disturbed = stable("paraphrase-1", "paraphrase-2", wrong=16)
    (drop,) = found_in(model, run(facts(), disturbed), "robustness").values()

    assert (drop.samples, drop.threshold, drop.min_samples) == (80, 0.2, 20)
    assert drop.value == pytest.approx(0.4)
    assert drop.outcome is Outcome.FAIL


def test_what_is_wrong_undisturbed_is_no_fault_of_the_disturbance() -> None:
    """Only the difference counts: the same ten wrong in both are no drop."""
    model = samples.generator(disturbing())
    (drop,) = found_in(
        model, run(facts(wrong=10), stable("typos", wrong=10)), "robustness"
    ).values()

    assert drop.value == 0


def test_a_safety_set_is_disturbed_from_its_own_answers() -> None:
    """Under the gate where its clean answers stand."""
    case = {"prompt": "Say it", "assert": [{"refusal": True}]}
    canary = samples.evals(
        "canary", type="cases", gate="safety", threshold=1, minSamples=1, cases=[case]
    )
    clean = Observed(gate="safety", name="canary", answers=answers(40))
    model = samples.generator(canary, disturbing(of="canary"))
    (drop,) = found_in(model, run(clean, stable("typos")), "robustness").values()

    assert (drop.samples, drop.value) == (40, 0)


def test_a_run_of_one_gate_is_judged_in_that_gate_alone() -> None:
    """Also where other answers were needed for it."""
    model = samples.generator(disturbing())
    seen = run(facts(), stable("typos"), only=("robustness",))

    assert {m.gate for m in judge(seen, model).measurements} == {"robustness"}


def test_the_smoke_suite_judges_neither_load_nor_faults_nor_robustness() -> None:
    """What it does not look at does not hold it."""
    model = samples.generator(disturbing())
    gates = {m.gate for m in judge(run(facts(), suite="smoke"), model).measurements}

    assert gates == {"contract", "streaming", "functional", "latency"}


@pytest.mark.parametrize("model", list(load_valid(ROOT).models.values()), ids=lambda m: m.name)
def test_what_a_policy_may_demand_of_a_model_is_what_its_full_suite_measures(
    model: ModelFolder,
) -> None:
    """Beside a previous release, without which drift says nothing."""
    seen = Run(model=model.name, started=STARTED, suite="full")

    gates = {m.gate for m in judge(seen, model, previous=seen).measurements}

    assert gates == measurable(model.spec, model.evals)


def test_a_set_says_itself_how_far_it_may_fall() -> None:
    """Its margin is the threshold of its comparison."""
    cases = [{"prompt": str(i), "answer": str(i)} for i in range(40)]
    wide = samples.evals(
        "facts", type="questions", threshold=0.5, minSamples=1, margin=0.4, cases=cases
    )
    verdict = comparison(run(facts(wrong=8)), samples.folder("generate", wide), run(facts()))
    (drop,) = [m for m in verdict.measurements if m.name == "facts-drop"]

    assert (drop.threshold, drop.value, drop.outcome) == (0.4, 0.2, Outcome.PASS)


def test_an_answer_that_is_gone_breaks_callers_of_the_release_before() -> None:
    """Every path of its shape is missed, three of them by name; an added one is welcome."""
    shape = dict.fromkeys(("a", "b", "c", "d"), "string")
    old = Observed(gate="contract", name="requests", answers=(Answer(case="chat", shape=shape),))
    new = Observed(
        gate="contract",
        name="requests",
        answers=(Answer(case="chat", shape=shape | {"e": "number"}),),
    )
    lost, kept = (
        next(
            m
            for m in comparison(now, samples.generator(), run(old)).measurements
            if m.name == "unchanged"
        )
        for now in (run(), run(new))
    )
    missed = "; ".join(f"{path} was string, is gone" for path in "abc")

    assert (lost.outcome, kept.outcome) == (Outcome.FAIL, Outcome.PASS)
    assert lost.examples == (f"'chat': {missed}",)


def test_times_are_found_by_gate_and_name() -> None:
    """And are none where they were not taken."""
    timed = Timed(gate="latency", name="end-to-end", seconds=(0.5,))
    seen = run(times=(timed,))

    assert seen.times_of("latency", "end-to-end") == (0.5,)
    assert seen.times_of("load", "end-to-end") == ()
    assert seen.times_of("latency", "time-to-first-token") == ()


def test_a_generator_is_timed_by_its_tokens_and_others_by_the_whole() -> None:
    """Only the times that callers of the task feel are judged one by one."""
    assert set(found_in(samples.generator(), run(), "latency")) == {
        "time-to-first-token-p90",
        "inter-token-latency-p90",
    }
    assert set(found_in(samples.reranker(), run(), "latency")) == {"end-to-end-p90"}
