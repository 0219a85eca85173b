"""A case in its short and its general form, and assertions that say one thing each."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tidegate.catalog.cases import Assertion, Case, Message
from tidegate.catalog.evals import Cases, Drift, Needle, Question, Questions

ASSERTIONS: dict[str, Any] = {
    "exact": "x",
    "contains": "x",
    "absent": "x",
    "regex": "^x$",
    "json_schema": {"type": "object"},
    "equals": {"a": 1},
    "number": {"value": 1.5, "tolerance": 0.1},
    "refusal": False,
    "language": "de",
    "similar": {"to": "x", "at_least": 0.8},
    "judge": "It is polite.",
    "leaks": "nothing",
    "presidio": ["CREDIT_CARD"],
}
WANTED = [Assertion(exact="x")]
TEXTS = st.text(min_size=1, max_size=20)


def test_the_table_has_every_assertion() -> None:
    """So that none is left out below."""
    assert set(ASSERTIONS) == set(Assertion.model_fields)


@pytest.mark.parametrize("kind", ASSERTIONS)
def test_an_assertion_is_called_by_the_one_thing_it_says(kind: str) -> None:
    """Even where that is false; said as null it is still said, and nothing beside it."""
    assert Assertion.model_validate({kind: ASSERTIONS[kind]}).kind == kind
    for other in set(ASSERTIONS) - {kind}:
        with pytest.raises(ValidationError, match="exactly one of"):
            Assertion.model_validate({kind: ASSERTIONS[kind], other: ASSERTIONS[other]})


@pytest.mark.parametrize(
    "data",
    [
        {"number": {"value": 1.0, "tolerance": -0.1}},
        {"similar": {"to": "x", "atLeast": 0.0}},
        {"similar": {"to": "x", "atLeast": 1.1}},
        {"language": "german"},
        {"language": "DE"},
        {"refusal": "no"},
        {"leaks": "something"},
        {"exact": ""},
        {},
    ],
)
def test_an_assertion_that_no_answer_could_fail_or_pass_is_refused(data: dict[str, Any]) -> None:
    """Nor one that was meant otherwise than it is written."""
    with pytest.raises(ValidationError):
        Assertion.model_validate(data)


@settings(max_examples=50, deadline=None)
@given(TEXTS)
def test_the_short_form_is_one_message_of_the_user(text: str) -> None:
    """It pairs with the same words in the general form."""
    short = Case(prompt=text, asserts=WANTED)
    general = Case(messages=[Message(role="user", content=text)], asserts=WANTED)

    assert short.conversation == general.conversation
    assert short.question == general.question == text
    assert short.key == general.key


@settings(max_examples=50, deadline=None)
@given(system=TEXTS, first=TEXTS, last=TEXTS)
def test_everything_that_is_said_makes_the_key(system: str, first: str, last: str) -> None:
    """Not only the question: the same words after others are another case."""
    messages = [
        Message(role="system", content=system),
        Message(role="user", content=first),
        Message(role="assistant"),
        Message(role="user", content=last),
    ]
    whole = Case(messages=messages, asserts=WANTED)

    assert whole.question == last
    keys = {Case(messages=messages[start:], asserts=WANTED).key for start in range(4)}
    assert len(keys) == 4


@pytest.mark.parametrize("name", ["", "Upper", "-a", "a b", "a/b"])
def test_a_case_is_named_as_a_file_could_be(name: str) -> None:
    """Reports and recordings are."""
    with pytest.raises(ValidationError):
        Case(name=name, prompt="a", asserts=WANTED)


@pytest.mark.parametrize("change", [{"asserts": []}, {"weight": 0}, {"tags": [""]}])
def test_a_case_that_counts_for_nothing_is_refused(change: dict[str, Any]) -> None:
    """Without an assertion, without a weight, or under a tag that nobody can choose."""
    with pytest.raises(ValidationError):
        Case.model_validate({"prompt": "a", "asserts": WANTED} | change)


def test_a_question_is_a_case_of_one_exact_answer() -> None:
    """With nothing added to the request."""
    spec = Questions(
        type="questions",
        threshold=0.9,
        min_samples=1,
        cases=[Question(prompt="1 + 1?", answer="2")],
    )

    assert spec.expanded() == [Case(prompt="1 + 1?", asserts=[Assertion(exact="2")])]


def test_a_general_case_is_asked_as_it_is_written() -> None:
    """A set of cases is functional unless it says that it is about safety."""
    case = Case(prompt="a", parameters={"max_tokens": 3}, asserts=WANTED, tags=["t"], weight=2)
    spec = Cases(type="cases", threshold=0.9, min_samples=1, cases=[case])

    assert spec.expanded() == [case]
    assert spec.gate == "functional"


@settings(max_examples=50, deadline=None)
@given(
    words=st.lists(st.integers(1, 60), min_size=1, max_size=3, unique=True),
    depths=st.lists(st.sampled_from([0, 0.25, 0.5, 1]), min_size=2, max_size=4, unique=True),
    filler=st.lists(st.sampled_from(["a.", "b c.", "d e f."]), min_size=1, max_size=3),
)
def test_a_haystack_is_as_long_as_asked_and_no_sentence_longer(
    words: list[int], depths: list[float], filler: list[str]
) -> None:
    """One case for each length and depth; deeper is never further to the front."""
    spec = Needle(
        type="needle",
        threshold=0.9,
        min_samples=1,
        needle="NEEDLE",
        question="QUESTION",
        filler=filler,
        words=words,
        depths=sorted(depths),
        asserts=WANTED,
    )

    cases = spec.expanded()

    assert len({case.key for case in cases}) == len(words) * len(depths)
    for start, wanted in enumerate(words):
        group = cases[start * len(depths) : (start + 1) * len(depths)]
        texts = [case.question.split() for case in group]
        assert all(wanted <= len(text) - 2 < wanted + 3 for text in texts)
        places = [text.index("NEEDLE") for text in texts]
        assert all(front <= back for front, back in pairwise(places))
        assert {text[-1] for text in texts} == {"QUESTION"}


@pytest.mark.parametrize(
    "change", [{"mean_cosine": 0}, {"mean_cosine": 1.1}, {"psi": 0}, {"kl": -0.1}]
)
def test_a_drift_that_nothing_or_everything_exceeds_is_refused(change: dict[str, Any]) -> None:
    """A limit of 0 would call an equal index stale."""
    with pytest.raises(ValidationError):
        Drift.model_validate(change)
