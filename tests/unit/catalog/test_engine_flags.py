"""A vLLM --config file is held to the argument list of the pinned vLLM."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from tests.conftest import ROOT

from tidegate.catalog.engine import check_engine, pinned_arguments

ARGUMENTS = pinned_arguments()["arguments"]
BOOLEANS = sorted(name for name, a in ARGUMENTS.items() if a["type"] == "bool")
INTEGERS = sorted(name for name, a in ARGUMENTS.items() if a["type"] == "int")


def lines(config: object) -> list[str]:
    """The findings of an engine file, as lines."""
    return [str(finding) for finding in check_engine(config, file="models/m/engine.yaml")]


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("models/*/engine.yaml")), ids=lambda p: p.parts[-2]
)
def test_the_committed_engine_files_are_sound(path: object) -> None:
    """Every model of this repository starts with flags that the pinned vLLM has."""
    assert lines(YAML(typ="safe").load(path)) == []


def test_the_list_has_the_flags_that_this_repository_relies_on() -> None:
    """Drain, admission, pooling and the model itself; those that went are not in it."""
    assert {"shutdown-timeout", "max-num-queued-reqs", "runner", "model"} <= set(ARGUMENTS)
    assert not {"task", "swap-space", "disable-log-requests", "help"} & set(ARGUMENTS)


@pytest.mark.parametrize(
    ("flag", "step"),
    [
        ("task", "use runner and convert"),
        ("swap-space", "drop it, the engine has no CPU swap any more"),
        ("disable-log-requests", "drop it, request logs are off by default"),
        ("max_model_len", "did you mean max-model-len?"),
        ("max-model-length", "did you mean max-model-len?"),
        ("zzzzzzzz", "remove the key"),
    ],
)
def test_an_unknown_flag_is_told_with_what_to_do(flag: str, step: str) -> None:
    """Flags that older guides name have a successor, misspelt ones a neighbour."""
    (line,) = lines({flag: 1})

    version = pinned_arguments()["version"]
    assert line == (
        f"models/m/engine.yaml: {flag}: unknown engine flag; "
        f"wanted a flag of vLLM {version}, found {flag} - {step}"
    )


@pytest.mark.parametrize("flag", ["host", "port", "config"])
def test_what_the_deployment_sets_is_not_the_models(flag: str) -> None:
    """Two places that set one thing would fight."""
    (line,) = lines({flag: "x"})

    assert "not the model's to set; wanted set by the Deployment" in line


@given(flag=st.sampled_from(BOOLEANS), value=st.booleans())
def test_a_switch_is_true_or_false(flag: str, value: object) -> None:
    """Words and numbers that YAML readers take for truth values are refused."""
    assert lines({flag: value}) == []
    for wrong in (1, 0, "yes", "true", None):
        (line,) = lines({flag: wrong})
        assert f"invalid value; wanted a value of type bool, found {wrong!r}" in line


@given(
    flag=st.sampled_from([n for n in INTEGERS if ARGUMENTS[n]["choices"] is None and n != "port"]),
    value=st.integers(),
)
def test_a_whole_number_is_no_truth_value_and_no_text(flag: str, value: int) -> None:
    """Python's True is an int; here it is not."""
    assert lines({flag: value}) == []
    for wrong in (True, "1", 1.5, None, [1]):
        (line,) = lines({flag: wrong})
        assert "wanted a value of type int" in line


def test_a_choice_is_one_of_the_choices() -> None:
    """The line lists them."""
    assert lines({"runner": "pooling"}) == []
    (line,) = lines({"runner": "pool"})
    assert "wanted one of " in line
    assert "pooling" in line


@pytest.mark.parametrize("config", [None, [], "text", 5])
def test_a_file_that_is_no_mapping_is_one_finding(config: object) -> None:
    """An empty file too: it would start another model with other limits."""
    (line,) = lines(config)

    assert "file: no mapping; wanted keys and values" in line


def test_every_fault_is_told_at_once() -> None:
    """A person corrects them together."""
    assert len(lines({"task": "embed", "max-num-seqs": "many", "port": 1})) == 3
