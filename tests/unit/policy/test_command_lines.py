"""How an engine's container is read: its flags, its file, and the nodes that it must stand on."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.policy.samples import scope, sound

from tidegate.manifests.pods import Pod
from tidegate.policy.engines import ACCELERATOR, ENGINE, _flags, _placed, check_engines

NAMES = st.from_regex(r"--[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,6}){0,2}", fullmatch=True)
VALUES = st.from_regex(r"[a-z0-9/{:][a-z0-9/.:={},_-]{0,12}", fullmatch=True)
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
START = "engine does not start as its file says"


def engine_of(objects: dict[str, Any]) -> dict[str, Any]:
    """The engine's container."""
    found: dict[str, Any] = objects["deployment"]["spec"]["template"]["spec"]["containers"][0]
    return found


def said(objects: dict[str, Any]) -> list[str]:
    """What is wrong with the engines, and what was found."""
    return [f"{one.what}: {one.found}" for one in check_engines(scope(objects))]


def in_words(flags: dict[str, str], joined: list[bool]) -> list[str]:
    """A command line: each flag in one word or in two; an empty value is a switch."""
    words: list[str] = []
    for (name, value), one_word in zip(flags.items(), joined, strict=True):
        if one_word:
            words.append(f"{name}={value}")
        else:
            words += [name, value] if value else [name]
    return words


@given(data=st.data(), flags=st.dictionaries(NAMES, VALUES | st.just(""), max_size=6))
def test_a_flag_and_its_value_stand_in_one_word_or_in_two(
    data: st.DataObject, flags: dict[str, str]
) -> None:
    """Whichever form each one takes; equals signs in a value stay there."""
    size = len(flags)
    joined = data.draw(st.lists(st.booleans(), min_size=size, max_size=size))

    assert _flags({"args": in_words(flags, joined)}) == flags


@pytest.mark.parametrize(
    ("args", "flags"),
    [
        (None, {}),
        (["serve", "-O3", "/model"], {}),
        (["--port", 8000], {"--port": "8000"}),
        (["--port", "1", "--port=2"], {"--port": "2"}),
        (["--headless", "--port", "1"], {"--headless": "", "--port": "1"}),
        (["--config", "/a b"], {"--config": "/a b"}),
    ],
)
def test_of_a_flag_given_twice_the_last_one_counts(
    args: list[object] | None, flags: dict[str, str]
) -> None:
    """As argparse has it; words that belong to no flag are none."""
    assert _flags({"args": args}) == flags


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"args": ["--config=/etc/vllm/engine.yaml", "--host=0.0.0.0", "--port=8000"]}, False),
        ({"args": ["--config=/etc/vllm/engine.yaml", "--headless"]}, False),
        ({"command": ["/opt/bin/tini", "--", "vllm", "serve"]}, False),
        ({"command": ["/bin/sh", "-c"]}, False),
        ({"args": ["--config=/etc/vllm-other/engine.yaml", "--headless"]}, True),
        ({"args": ["--config=/etc/vllm/engine.yaml", "--port=8000"]}, True),
        ({"args": ["--config=/etc/vllm/engine.yaml", "--host=127.0.0.1", "--port=8000"]}, True),
        ({"command": ["vllm", "bench"]}, True),
        ({"command": None}, True),
    ],
)
def test_an_engine_starts_from_its_file_and_answers_everyone(
    change: dict[str, Any],
    wrong: bool,  # noqa: FBT001 - a parameter
) -> None:
    """A headless worker answers nobody, and a shell has a finding of its own."""
    objects = sound()
    engine_of(objects).update(change)

    assert [one.startswith(START) for one in said(objects)] == [True] * wrong


def test_another_engine_starts_in_its_own_way() -> None:
    """A pod that says it does not run vLLM is not held to vLLM's command line."""
    objects = sound()
    engine_of(objects)["command"] = ["other-server"]
    labels = objects["deployment"]["spec"]["template"]["metadata"]["labels"]
    before = said(objects)
    labels[ENGINE] = "other"

    assert (len(before), said(objects)) == (1, [])


def term(operator: str, *kinds: str, key: str = ACCELERATOR) -> dict[str, Any]:
    """A term of a node affinity."""
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(kinds)}]}


@pytest.mark.parametrize(
    ("terms", "selected", "found"),
    [
        ([], None, None),
        ([], "nvidia-l40s", "nvidia-l40s"),
        ([term("In", "nvidia-l40s")], None, "nvidia-l40s"),
        ([term("In", "b"), term("In", "a")], None, "a, b"),
        ([term("NotIn", "a")], None, None),
        ([term("In", "a", key="kubernetes.io/os")], None, None),
        ([term("In", "a")], "nvidia-l40s", "nvidia-l40s"),
        ([{"matchFields": []}], None, None),
    ],
)
def test_a_pod_is_placed_by_a_selector_or_by_what_it_requires(
    terms: list[dict[str, Any]], selected: str | None, found: str | None
) -> None:
    """All kinds that an affinity allows are told: each of them may come."""
    spec: dict[str, Any] = {"affinity": {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": terms}}}}
    if selected:
        spec["nodeSelector"] = {ACCELERATOR: selected}

    assert _placed(Pod({}, {}, spec)) == found


def test_a_preference_places_nothing() -> None:
    """The scheduler may put the pod elsewhere."""
    preferred = {"preferredDuringSchedulingIgnoredDuringExecution": [{"preference": term("In")}]}

    assert _placed(Pod({}, {}, {"affinity": {"nodeAffinity": preferred}})) is None


@pytest.mark.parametrize(
    ("strategy", "found"),
    [
        ({"type": "Recreate"}, None),
        ({"rollingUpdate": {"maxUnavailable": "0%"}}, None),
        ({"rollingUpdate": {"maxUnavailable": 0}}, None),
        ({"rollingUpdate": {"maxUnavailable": "10%"}}, "10%"),
        ({"type": "RollingUpdate"}, "the default, 25%"),
        (None, "the default, 25%"),
    ],
)
def test_a_rolling_update_takes_no_replica_away(
    strategy: dict[str, Any] | None, found: str | None
) -> None:
    """Nothing unavailable, as a number or as a share; who recreates has said so."""
    objects = sound()
    objects["deployment"]["spec"]["strategy"] = strategy

    assert said(objects) == ([f"rollout takes capacity away: {found}"] if found else [])
