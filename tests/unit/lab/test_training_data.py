"""The pairs, phrasings and sets that the lab's trainings and gates are made from."""

import json
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from string import Formatter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from tidegate.catalog.evals import Corpus, EvalSet, Robustness
from tidegate.lab.training import catalogue, evals, output, phrasings, ranking
from tidegate.lab.training.catalogue import Topic

FACTS = ranking.facts()
TEXT = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]) | st.sampled_from("\n\t"))
JSON = st.none() | st.booleans() | st.integers() | TEXT | st.lists(TEXT, max_size=3)


def slots(phrasing: str) -> set[str]:
    """The keys that a phrasing asks for."""
    return {name for _, name, _, _ in Formatter().parse(phrasing) if name}


def said(
    wordings: tuple[str, ...], aliases: Mapping[str, tuple[str, ...]]
) -> dict[str, ranking.Fact]:
    """The fact behind every text in these words."""
    return {
        wording.format(alias, fact.service, fact.value): fact
        for fact in FACTS
        for wording in wordings
        for alias in aliases[fact.field]
    }


def test_every_attribute_of_every_service_is_a_fact() -> None:
    """Four each; the name itself is none."""
    told = {(fact.service, fact.field): fact.value for fact in FACTS}

    assert len(FACTS) == len(told) == 4 * catalogue.SERVICES
    for entry in catalogue.services():
        values = asdict(entry)
        assert all(told[entry.service, field] == str(values[field]) for field in catalogue.ALIASES)


@given(st.sampled_from(FACTS))
def test_a_near_miss_shares_the_service_or_the_attribute(fact: ranking.Fact) -> None:
    """Never both, so none of them is the answer: 3 of the service, 35 of the attribute."""
    same_service, same_field = ranking.near_misses(fact, FACTS)

    assert len(same_service) == len(catalogue.ALIASES) - 1
    assert len(same_field) == catalogue.SERVICES - 1
    assert {other.service for other in same_service} == {fact.service}
    assert {other.field for other in same_field} == {fact.field}
    assert fact not in [*same_service, *same_field]


def test_half_of_the_pairs_answer_and_each_tells_the_truth() -> None:
    """A document states its own service's fact even where it answers another question."""
    pairs = list(islice(ranking.ranking_pairs(), 400))
    stated = said(phrasings.DOCUMENTS_TRAINED, {field: (field,) for field in catalogue.ALIASES})

    assert 160 < Counter(pair.answers for pair in pairs)[True] < 240
    assert all(pair.document in stated for pair in pairs)
    assert pairs == list(islice(ranking.ranking_pairs(), 400))


def test_a_ranking_has_one_answer_among_five_near_misses() -> None:
    """In words that no training used: three of its service, two of other services."""
    asked = said(phrasings.FACTS_HELD_OUT, catalogue.ALIASES)
    stated = said(phrasings.DOCUMENTS_HELD_OUT, {field: (field,) for field in catalogue.ALIASES})

    for case in ranking.held_out_rankings(12):
        wanted, told = asked[case.query], [stated[text] for text in case.documents]
        assert told.pop(case.best) == wanted
        assert [fact.service for fact in told].count(wanted.service) == 3
        assert [fact.field for fact in told].count(wanted.field) == 2
        assert len(set(told)) == 5


@pytest.mark.parametrize("table", [phrasings.TRAINED, phrasings.HELD_OUT], ids=["trained", "held"])
def test_a_phrasing_asks_for_the_keys_of_its_topics(
    table: dict[phrasings.Kind, tuple[str, ...]],
) -> None:
    """All of them: a question without its subject has no right answer."""
    for kind, group in catalogue.topics().items():
        wanted = {str(index) for index in range(len(group[0].keys))}
        assert {frozenset(slots(phrasing)) for phrasing in table[kind]} == {frozenset(wanted)}


@pytest.mark.parametrize(
    ("phrasing", "prompt"),
    [
        ("{0} of {1}?", "Owning team of kelo?"),
        ("{1}: {0}?", "kelo: owning team?"),
        ("the {0} of {1}", "the owning team of kelo"),
    ],
)
def test_a_question_begins_with_a_capital_where_a_word_comes_first(
    phrasing: str, prompt: str
) -> None:
    """A service keeps the spelling of its name."""
    topic = Topic("facts", ("owning team", "kelo"), "The owner of kelo is atlas.")

    assert catalogue.phrase(topic, phrasing) == catalogue.Example(prompt, topic.answer)


@given(st.integers(), st.integers(1, 300))
def test_an_invented_name_comes_once(seed: int, count: int) -> None:
    """Three syllables of two letters, whatever the seed."""
    names = list(islice(catalogue.invented_names(random.Random(seed)), count))  # noqa: S311 - no secret

    assert len(set(names)) == count
    assert all(len(name) == 6 and set(name[1::2]) <= set("aeiou") for name in names)


@pytest.mark.parametrize("purposes", [("a", "b"), ("", "a"), ("pairs", "rankings")])
def test_each_purpose_draws_from_its_own_stream(purposes: tuple[str, str]) -> None:
    """What one draws never shifts what another does."""
    one, other = (catalogue.stream(purpose).random() for purpose in purposes)

    assert one != other
    assert one == catalogue.stream(purposes[0]).random()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(JSON, JSON), min_size=1, max_size=4))
def test_a_value_survives_its_line_of_yaml(values: list[tuple[object, object]]) -> None:
    """Whatever a question holds: quotes, colons, line ends, or what YAML would call true."""
    cases = [{"prompt": evals.scalar(a), "answer": evals.scalar(b)} for a, b in values]

    text = evals.eval_set("sample", {"type": "questions"}, cases)

    data = YAML(typ="safe", pure=True).load(text)
    assert [(case["prompt"], case["answer"]) for case in data["spec"]["cases"]] == values
    assert data["metadata"] == {"name": "sample"}


@pytest.mark.parametrize(("count", "margin"), [(24, 0.15), (25, None), (60, None)])
def test_a_small_set_leaves_more_room_for_a_drop(count: int, margin: float | None) -> None:
    """Fewer than 25 pairs cannot show a drop of a tenth, so less is asked of them."""
    spec = evals.judged("questions", count, 0.9)

    assert spec.get("margin") == margin
    assert (spec["threshold"], spec["minSamples"]) == (0.9, count)


def test_the_written_sets_are_read_back(tmp_path: Path) -> None:
    """Each by its file's name, with as many cases as it needs."""
    evals.main([str(tmp_path)])

    written = sorted(tmp_path.rglob("*.yaml"))
    assert [path.relative_to(tmp_path) for path in written] == sorted(evals.eval_files())
    for path in written:
        read = EvalSet.model_validate_json(json.dumps(YAML(typ="safe").load(path)))
        assert read.metadata.name == path.stem
        assert not isinstance(read.spec, Corpus | Robustness)
        assert read.spec.min_samples == len(read.spec.cases)


def test_what_a_killed_write_left_is_gone_after_the_next(tmp_path: Path) -> None:
    """Beside the folder, and in it: the new one holds nothing of the old."""
    for name in (".model.partial", ".model.replaced", "model"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "old").touch()

    with output.whole_folder(tmp_path / "model") as partial:
        assert [*partial.iterdir()] == []
        (partial / "new").touch()

    assert [path.name for path in tmp_path.rglob("*")] == ["model", "new"]


def test_a_draw_is_another_sample_of_the_same_questions(tmp_path: Path) -> None:
    """One draw is always the same, as large as the committed sets, and none of it was trained."""
    evals.main([str(tmp_path), "--draw", "7"])
    committed, drawn, other = (evals.eval_files(draw) for draw in (None, 7, 8))
    trained = {
        example.prompt for examples in catalogue.trained_examples().values() for example in examples
    }

    for path, text in drawn.items():
        assert (tmp_path / path).read_text(encoding="utf-8") == text
        assert text not in {committed[path], other[path]}
        cases, before = (
            YAML(typ="safe").load(one)["spec"].get("cases", []) for one in (text, committed[path])
        )
        assert len(cases) == len(before)
        assert not trained & {case.get("prompt") for case in cases}
