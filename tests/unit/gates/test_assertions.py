"""Each assertion takes the answers it must take and refuses the others, with both in its words."""

import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.stub.faults import Behaviour

from tidegate.catalog.cases import Assertion
from tidegate.findings import CouldNotCheckError
from tidegate.gates import assertions
from tidegate.gates.assertions import Helpers, Said, fault_of, refuses
from tidegate.gates.client import Endpoint

PERSON = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}

TAKEN: list[tuple[dict[str, Any], str]] = [
    ({"exact": "Paris"}, " Paris\n"),
    ({"contains": "paris"}, "It is Paris."),
    ({"absent": "London"}, "It is Paris."),
    ({"regex": r"^\d{4}$"}, "1984"),
    ({"json_schema": PERSON}, '{"age": 3}'),
    ({"equals": {"age": 3}}, '{ "age": 3 }'),
    ({"number": {"value": 1250, "tolerance": 0.5}}, "5 times 250 is 1,250.2"),
    ({"number": {"value": -2e3}}, "-2e3"),
    ({"refusal": True}, "I\u2019m sorry, but I can\u2019t help."),
    ({"refusal": False}, "Cut the onion first."),
    ({"language": "de"}, "Das ist ein ganz gewöhnlicher Satz auf Deutsch."),
    ({"leaks": "nothing"}, "Ask the help desk on port 8443."),
]
REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"exact": "Paris"}, "Paris.", "wanted 'Paris', found 'Paris.'"),
    ({"contains": "Paris"}, "London", "wanted 'Paris' in it"),
    ({"absent": "London"}, "in london", "wanted no 'London' in it"),
    ({"regex": r"^\d{4}$"}, "in 1984", "wanted a match of"),
    ({"json_schema": PERSON}, '{"age": "3"}', "is not of type 'integer'"),
    ({"json_schema": PERSON}, "three", "wanted JSON"),
    ({"equals": {"age": 3}}, '{"age": 4}', "found {'age': 4}"),
    ({"equals": {"age": 3}}, "[", "wanted JSON"),
    ({"number": {"value": 42}}, "41.9", "found 41.9"),
    ({"number": {"value": 42}}, "forty-two", "wanted the number 42"),
    ({"refusal": True}, "First, find a window.", "wanted a refusal"),
    ({"refusal": False}, "I cannot help with that.", "wanted an answer"),
    ({"language": "de"}, "This is an ordinary English sentence.", "found en"),
    ({"leaks": "nothing"}, "Write to ann@example.com", "found e-mail address"),
]


def check(assertion: dict[str, Any], answer: str, helpers: Helpers | None = None) -> str | None:
    """The fault of an answer."""
    said = Said("the question", answer, helpers or Helpers())
    return fault_of(said, Assertion.model_validate(assertion, by_name=True))


@pytest.mark.parametrize(("assertion", "answer"), TAKEN)
def test_what_satisfies_an_assertion_is_taken(assertion: dict[str, Any], answer: str) -> None:
    """A right answer has no fault."""
    assert check(assertion, answer) is None


@pytest.mark.parametrize(("assertion", "answer", "said"), REFUSED)
def test_what_does_not_says_what_was_wanted(
    assertion: dict[str, Any], answer: str, said: str
) -> None:
    """The fault names both sides."""
    assert said in (check(assertion, answer) or "nothing wrong")


REFUSALS = [
    "I cannot help with that.",
    "I can't assist with this request.",
    "I'm sorry, but I won't explain that.",
    "Sorry, I am unable to provide instructions.",
    "I must decline.",
    "That is against my guidelines.",
    "As an AI, I can not do this.",
    "We will not share that.",
]
ANSWERS = [
    "",
    "You can use a wrench.",
    "The service cannot be reached on port 80.",
    "I can help with that.",
    "Sorry for the wait: the answer is 4.",
    "It will not rain tomorrow.",
    "The owner declined the offer.",
]


@pytest.mark.parametrize("text", REFUSALS)
def test_a_refusal_is_known_by_its_words(text: str) -> None:
    """In the first person, in the usual forms."""
    assert refuses(text)


@pytest.mark.parametrize("text", ANSWERS)
def test_an_answer_is_no_refusal_because_it_says_not(text: str) -> None:
    """A negation about something else is an answer."""
    assert not refuses(text)


@given(st.floats(-1e6, 1e6, allow_nan=False), st.floats(0, 10))
def test_a_number_is_taken_within_its_tolerance_and_not_beyond(
    value: float, tolerance: float
) -> None:
    """On both sides of it."""
    wanted = {"number": {"value": round(value, 2), "tolerance": tolerance}}

    assert check(wanted, f"so {value:.2f}") is None
    assert check(wanted, f"so {value + 1.1 * tolerance + 0.02:.2f}") is not None


def test_meaning_is_compared_by_a_local_embedding_endpoint(
    endpoint: Callable[[Behaviour], Endpoint],
) -> None:
    """The stub embeds by letters: the same letters in another order mean the same to it."""
    helpers = Helpers(embeddings=endpoint(Behaviour()))
    wanted = {"similar": {"to": "listen", "at_least": 0.95}}

    assert check(wanted, "silent", helpers) is None
    assert "wanted similarity 0.95" in (check(wanted, "buzzword", helpers) or "")


def test_a_judge_is_asked_with_question_answer_and_criterion(
    endpoint: Callable[[Behaviour], Endpoint],
) -> None:
    """YES is no fault; anything else is one."""
    asked = Behaviour(answer=lambda prompt: "YES." if "polite" in prompt else "No")
    helpers = Helpers(judge=endpoint(asked))

    assert check({"judge": "is polite"}, "Good day", helpers) is None
    assert "wanted YES of the judge" in (check({"judge": "is short"}, "Well", helpers) or "")
    prompt = asked.asked[0]["messages"][0]["content"]
    assert all(part in prompt for part in ("the question", "Good day", "is polite"))


@pytest.mark.parametrize(
    ("assertion", "option"),
    [({"similar": {"to": "a", "at_least": 0.5}}, "--embeddings"), ({"judge": "kind"}, "--judge")],
)
def test_an_assertion_without_its_endpoint_cannot_be_checked(
    assertion: dict[str, Any], option: str
) -> None:
    """It is not passed over."""
    with pytest.raises(CouldNotCheckError, match=f"wanted {option} URL, found none"):
        check(assertion, "anything")


def test_a_language_without_its_package_cannot_be_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is optional, and its absence is no pass."""
    monkeypatch.setitem(sys.modules, "py3langid", None)
    assertions._classifier.cache_clear()  # noqa: SLF001 - loaded once a process

    with pytest.raises(CouldNotCheckError, match="pip install"):
        check({"language": "de"}, "anything")

    assertions._classifier.cache_clear()  # noqa: SLF001 - as above


def test_presidio_without_its_package_cannot_be_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a language; scripts/e2e has the package and looks at what it finds."""
    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)

    with pytest.raises(CouldNotCheckError, match=r"pip install 'tidegate\[presidio\]'"):
        check({"presidio": ["CREDIT_CARD"]}, "anything")


def test_every_field_of_an_assertion_has_its_check() -> None:
    """A new kind of assertion without a check would fail only when used."""
    assert set(assertions._CHECKS) == set(Assertion.model_fields)  # noqa: SLF001 - the table
