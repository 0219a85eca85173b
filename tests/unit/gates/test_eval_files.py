"""A case file that means nothing is refused with its field; one that uses everything is read."""

from pathlib import Path

import pytest
from tests.conftest import ROOT

from tidegate.catalog.cases import Assertion, Case
from tidegate.catalog.evals import Cases, EvalSet, Needle, Structured
from tidegate.catalog.reading import read_object, read_yaml
from tidegate.findings import FindingsError
from tidegate.gates.assertions import Said, fault_of

HEAD = """apiVersion: tidegate.dev/v1alpha1
kind: EvalSet
metadata: {name: extra}
spec: """


def read(tmp_path: Path, spec: str) -> EvalSet:
    """The set in a file of this spec."""
    path = tmp_path / "extra.yaml"
    path.write_text(HEAD + spec)
    return read_object(path, EvalSet, name="extra.yaml")


CASES = "{type: cases, threshold: 0.9, minSamples: 1, cases: "
INVALID = {
    "A JSON schema is one.": (
        CASES + '[{prompt: "1 + 1?", assert: [{jsonSchema: {type: thing}}]}]}',
        "spec.cases.cases.0.assert.0.jsonSchema: invalid value; wanted a JSON schema",
    ),
    "A regular expression compiles.": (
        CASES + '[{prompt: "1 + 1?", assert: [{regex: "("}]}]}',
        "spec.cases.cases.0.assert.0.regex: invalid value; wanted a regular expression",
    ),
    "A grade is of a document of the set.": (
        CASES.replace("type: cases", "type: nearest, documents: {a: one, b: two}")
        + "[{query: one, nearest: a, relevant: {c: 1}}]}",
        "spec.nearest: invalid value; wanted documents named c",
    ),
    "A conversation ends with a question.": (
        CASES + '[{messages: [{role: assistant, content: "2"}], assert: [{exact: "2"}]}]}',
        "spec.cases.cases.0: invalid value; wanted a last message of the user",
    ),
    "A case is asked in one way.": (
        CASES + "[{prompt: a, messages: [{role: user, content: b}], assert: [{exact: c}]}]}",
        "spec.cases.cases.0: invalid value; wanted exactly one of prompt and messages",
    ),
    "Robustness needs something that disturbs.": (
        "{type: robustness, of: facts, maxDrop: 0.1, minSamples: 1}",
        "spec.robustness: invalid value; wanted mutations or wordings",
    ),
    "Only the model may be left to speak for itself.": (
        CASES + '[{messages: [{role: user}], assert: [{exact: "2"}]}]}',
        "spec.cases.cases.0.messages.0: invalid value; wanted content for role user",
    ),
    "An assertion says one thing.": (
        CASES + '[{prompt: "1 + 1?", assert: [{exact: "2", refusal: false}]}]}',
        "spec.cases.cases.0.assert.0: invalid value; wanted exactly one of",
    ),
    "A set without a case measures nothing.": (
        CASES + "[]}",
        "spec.cases.cases: invalid value",
    ),
}


@pytest.mark.parametrize("rule", INVALID)
def test_a_file_that_breaks_a_rule_is_refused(rule: str, tmp_path: Path) -> None:
    """The finding names the field and what was wanted."""
    spec, wanted = INVALID[rule]
    with pytest.raises(FindingsError) as refused:
        read(tmp_path, spec)

    assert wanted in str(refused.value)


def test_a_needle_stands_where_its_depth_says(tmp_path: Path) -> None:
    """Before the first sentence, in the middle, behind the last; then comes the question."""
    evals = read(
        tmp_path,
        "{type: needle, threshold: 0.9, minSamples: 3, needle: N N., question: Where?, "
        "filler: [a b., c d.], words: [8], depths: [0, 0.5, 1], assert: [{contains: N}]}",
    )

    assert isinstance(evals.spec, Needle)
    assert [case.prompt for case in evals.spec.cases] == [
        "N N. a b. c d. a b. c d. Where?",
        "a b. c d. N N. a b. c d. Where?",
        "a b. c d. a b. c d. N N. Where?",
    ]
    assert len({case.key for case in evals.spec.cases}) == 3


def test_a_question_with_a_schema_asks_the_server_to_keep_to_it(tmp_path: Path) -> None:
    """The short form is the general one with a response format and two assertions."""
    evals = read(
        tmp_path,
        "{type: structured, threshold: 0.9, minSamples: 1, "
        "cases: [{prompt: who?, schema: {type: object}, answer: {a: 1}}]}",
    )

    assert isinstance(evals.spec, Structured)
    (case,) = evals.spec.expanded()
    assert case.parameters["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert [assertion.kind for assertion in case.asserts] == ["json_schema", "equals"]


def test_a_case_without_a_name_is_known_by_what_is_said() -> None:
    """The same words pair with themselves in another run, others do not."""
    wanted = [Assertion(exact="x")]
    one, same, other = (Case(prompt=text, asserts=wanted) for text in ("a", "a", "b"))

    assert one.key == same.key != other.key
    assert Case(name="mine", prompt="a", asserts=wanted).key == "mine"


def test_a_set_says_how_far_it_may_fall(tmp_path: Path) -> None:
    """By a tenth, where the file does not say otherwise."""
    spec = "{type: cases, threshold: 0.9, minSamples: 1, cases: [{prompt: a, assert: [{exact: b}]}]"

    assert read(tmp_path, f"{spec}}}").spec.model_dump()["margin"] == 0.1
    assert isinstance(read(tmp_path, f"{spec}, margin: 0.2}}").spec, Cases)


@pytest.mark.parametrize("name", ["instructions", "conversations"])
def test_every_case_takes_a_right_answer_and_refuses_a_wrong_one(name: str) -> None:
    """An assertion that nothing satisfies, or anything, would judge no model."""
    path = ROOT / "models" / "qwen3-8b" / "evals" / f"{name}.yaml"
    spec = read_object(path, EvalSet, name=path.name).spec
    answers = read_yaml(ROOT / "tests" / "fixtures" / "answers" / path.name, name=path.name)

    def satisfied(case: Case, answer: str) -> bool:
        said = Said(case.question, answer)
        return not any(fault_of(said, assertion) for assertion in case.asserts)

    assert isinstance(spec, Cases)
    assert isinstance(answers, dict)
    assert set(answers) == {case.name for case in spec.cases}
    assert [c.name for c in spec.cases if not satisfied(c, answers[c.key]["right"])] == []
    assert [c.name for c in spec.cases if satisfied(c, answers[c.key]["wrong"])] == []
