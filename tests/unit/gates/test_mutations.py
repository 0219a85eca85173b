"""Mutations change what stands there and leave what is meant; one seed, one text."""

import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.stub.faults import Behaviour
from tests.unit.gates import samples
from tests.unit.gates.conftest import Observe

from tidegate.catalog.cases import Assertion, Case, Message
from tidegate.catalog.evals import Robustness
from tidegate.gates.jobs import Plan
from tidegate.gates.judge import judge
from tidegate.gates.mutations import MUTATIONS, disturbed
from tidegate.gates.verdict import Outcome

PROMPT = "Which port does the service zevaso listen on?"
LETTERS = st.text(st.characters(codec="ascii", categories=("Lu", "Ll", "Zs")), max_size=60)


def changed(text: str, how: str, seed: int = 0) -> str:
    """A text in one mutation."""
    case = Case(prompt=text or "x", asserts=[Assertion(exact="x")])
    spec = Robustness.model_validate(
        {"type": "robustness", "of": "a", "mutations": [how], "max_drop": 0.1, "min_samples": 1},
        by_name=True,
    )
    return next(disturbed(case, spec, seed=seed)).question


@pytest.mark.parametrize("how", MUTATIONS)
def test_a_mutation_changes_the_prompt_and_follows_its_seed(how: str) -> None:
    """The same for the same seed."""
    assert changed(PROMPT, how) != PROMPT
    assert changed(PROMPT, how) == changed(PROMPT, how)


@given(LETTERS)
def test_case_keeps_the_letters(text: str) -> None:
    """Only their size changes."""
    assert changed(text, "case").casefold() == (text or "x").casefold()


@given(LETTERS)
def test_whitespace_keeps_the_words(text: str) -> None:
    """Only what is between them changes."""
    assert changed(text, "whitespace").split() == (text or "x").split()


@given(LETTERS)
def test_zero_width_characters_are_all_that_is_added(text: str) -> None:
    """Without the format characters it is the same text."""
    kept = [c for c in changed(text, "zero-width") if unicodedata.category(c) != "Cf"]
    assert "".join(kept) == (text or "x")


@given(LETTERS)
def test_typos_only_swap_letters(text: str) -> None:
    """No character is lost or added."""
    assert sorted(changed(text, "typos")) == sorted(text or "x")


@given(LETTERS)
def test_homoglyphs_look_the_same(text: str) -> None:
    """As many characters, each the same or a Cyrillic one."""
    found = changed(text, "homoglyphs")
    differing = [b for a, b in zip(text or "x", found, strict=True) if a != b]
    assert all("CYRILLIC" in unicodedata.name(c) for c in differing)


def test_wordings_stand_around_the_last_message_of_a_conversation() -> None:
    """What was said before stays."""
    messages = [
        Message(role="system", content="Be brief."),
        Message(role="user", content="Hello"),
    ]
    case = Case(name="hello", messages=messages, asserts=[Assertion(exact="x")])
    spec = Robustness.model_validate(
        {
            "type": "robustness",
            "of": "a",
            "wordings": {"paraphrase": ["Please: {prompt}", "{prompt}, thanks"]},
            "max_drop": 0.1,
            "min_samples": 1,
        },
        by_name=True,
    )

    first, second = disturbed(case, spec, seed=0)

    assert first.conversation == [messages[0], Message(role="user", content="Please: Hello")]
    assert second.question == "Hello, thanks"
    assert (first.key, second.key) == ("hello~paraphrase-1", "hello~paraphrase-2")


SET = samples.evals(
    "stable",
    type="robustness",
    of="facts",
    mutations=["whitespace", "case"],
    wordings={"distraction": ["Never mind the weather. {prompt}"]},
    maxDrop=0.2,
    minSamples=20,
)


@pytest.mark.parametrize(
    ("answer", "fails"),
    [
        (lambda prompt: f"you said {' '.join(prompt.split()).lower().split('weather. ')[-1]}", []),
        (lambda prompt: f"you said {prompt.strip()}", ["case", "distraction", "whitespace"]),
    ],
    ids=["robust", "brittle"],
)
def test_the_drop_from_the_clean_answers_is_what_is_judged(
    answer: Callable[[str], str], fails: list[str], seen: Observe
) -> None:
    """A model that reads over the disturbance has no drop, a literal one loses what it hits."""
    model = samples.generator(SET, limits=samples.IDLE)
    run = seen(model, Behaviour(answer=answer), Plan(suite="full"))
    found = [m for m in judge(run, model).measurements if m.gate == "robustness"]

    assert len(found) == 3
    wrong = sorted(m.name for m in found if m.outcome is Outcome.FAIL)
    assert wrong == [f"stable-{how}-drop" for how in fails]
