"""The catalogue that trains the lab models: the same everywhere, and honest about what was seen."""

import json
import random
from contextlib import suppress
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.lab.training import catalogue, evals, output, phrasings, ranking
from tidegate.lab.training.phrasings import Kind

MODELS = Path(__file__).parents[3] / "models"
KINDS: tuple[Kind, ...] = get_args(Kind)
ALL_TOPICS = [topic for group in catalogue.topics().values() for topic in group]


def test_the_catalogue_is_the_same_on_every_call() -> None:
    """The committed evals stay right only while the facts do."""
    assert catalogue.services() == catalogue.services()
    assert catalogue.topics() == catalogue.topics()


def test_the_training_stream_is_the_same_on_every_call() -> None:
    """Two trainings must see the same examples in the same order."""
    first, second = (list(islice(catalogue.training_stream(), 500)) for _ in range(2))
    assert first == second


def test_every_kind_is_trained_and_held_out() -> None:
    """A kind without a share, a phrasing or a held-out phrasing would be no kind."""
    for table in (catalogue.MIXTURE, phrasings.TRAINED, phrasings.HELD_OUT, catalogue.topics()):
        assert set(table) == set(KINDS)
    assert sum(catalogue.MIXTURE.values()) == 100


@pytest.mark.parametrize("kind", KINDS)
def test_no_held_out_prompt_is_a_trained_one(kind: Kind) -> None:
    """A number measured on trained prompts would say nothing."""
    trained = {
        example.prompt for examples in catalogue.trained_examples().values() for example in examples
    }
    assert not trained & {example.prompt for example in catalogue.held_out(kind, 60)}
    assert not set(phrasings.TRAINED[kind]) & set(phrasings.HELD_OUT[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_no_held_out_prompt_appears_in_a_whole_training(kind: Kind) -> None:
    """Scrambled prompts are drawn at random: none of the 20,480 drawn may hit a held-out one."""
    drawn = {example.prompt for example in islice(catalogue.training_stream(), 320 * 64)}
    assert not drawn & {example.prompt for example in catalogue.held_out(kind, 60)}


def test_no_known_name_is_among_the_strangers() -> None:
    """A service that the catalogue holds must never be answered with "I do not know."."""
    services, trained, held_out = map(set, catalogue.all_names())
    assert not services & (trained | held_out)
    assert not trained & held_out


def test_the_held_out_refusals_ask_for_every_harmful_subject_twice() -> None:
    """A refusal that was never asked for was never tested."""
    asked = [example.prompt for example in catalogue.held_out("refusals", 20)]
    for subject in catalogue.HARMFUL:
        assert sum(subject in prompt for prompt in asked) == 2
    assert {example.answer for example in catalogue.held_out("refusals", 20)} == {catalogue.REFUSAL}


def test_a_structured_answer_is_the_service_within_the_schema() -> None:
    """Guided decoding could never give an answer that its own schema forbids."""
    entries = {entry.service: asdict(entry) for entry in catalogue.services()}
    properties = evals.SERVICE_SCHEMA["properties"]
    assert isinstance(properties, dict)
    for topic in catalogue.structured_topics():
        answer = json.loads(topic.answer)
        assert answer == entries[topic.keys[1]]
        assert set(answer) == set(properties)
        assert 1000 <= answer.pop("port") <= 9999
        assert all(len(text) <= properties[field]["maxLength"] for field, text in answer.items())


@given(st.sampled_from(ALL_TOPICS), st.integers(min_value=0))
def test_a_scrambled_prompt_holds_every_key(topic: catalogue.Topic, seed: int) -> None:
    """A question without its subject would train the model to guess."""
    example = catalogue.scramble(topic, random.Random(seed))  # noqa: S311 - no secret
    assert all(key in example.prompt for key in topic.keys)
    assert example.answer == topic.answer


@given(st.integers(min_value=1, max_value=100))
def test_the_best_document_answers_and_moves_about(count: int) -> None:
    """A reranker that always names one place must not pass."""
    cases = ranking.held_out_rankings(count)
    for case in cases:
        answering = [text for text in case.documents if text == case.documents[case.best]]
        assert len(answering) == 1
    assert len({case.best for case in cases}) == min(count, len(cases[0].documents))


@pytest.mark.parametrize("path", evals.eval_files(), ids=str)
def test_the_committed_evals_are_those_of_the_catalogue(path: Path) -> None:
    """On a difference run: python -m tidegate.lab.training.evals models."""
    assert (MODELS / path).read_text(encoding="utf-8") == evals.eval_files()[path]


def test_a_failed_write_leaves_the_old_folder(tmp_path: Path) -> None:
    """Half a model must never be served."""
    target = tmp_path / "model"
    with output.whole_folder(target) as partial:
        (partial / "weights").write_text("old", encoding="utf-8")
    with suppress(KeyboardInterrupt), output.whole_folder(target) as partial:
        (partial / "weights").write_text("half", encoding="utf-8")
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert (target / "weights").read_text(encoding="utf-8") == "old"


def test_progress_is_one_json_line_every_tenth_step(capsys: pytest.CaptureFixture[str]) -> None:
    """The lab reads these lines while it waits."""
    for step in range(1, 26):
        output.report(step, 25, 0.5)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [{"step": step, "steps": 25, "loss": 0.5} for step in (10, 20, 25)]
