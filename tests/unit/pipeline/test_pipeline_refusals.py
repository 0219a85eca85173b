"""What stops a release: one line each, nothing half published and nothing promoted."""

import json
from functools import partial

import anyio
import pytest
from dagger.mod._exceptions import FunctionError
from tests.unit.pipeline.conftest import Caller, Engine, told
from tests.unit.pipeline.samples import RELEASE

pytestmark = pytest.mark.anyio


def promotions(engine: Engine) -> list[list[str]]:
    """The commands that would change an environment, or say something about a release."""
    return [c for c in engine.commands() if {"sign", "gate", "promote", "evidence"} & set(c)]


REFUSED = {
    "publish": "did not take the image; wanted the whole image under its tag, found ",
    "imageRef": "not known after the push; wanted the image that was pushed, found ",
}


@pytest.mark.parametrize("name", sorted(REFUSED))
async def test_a_registry_that_is_down_or_refuses_is_one_line(
    name: str, call: Caller, engine: Engine
) -> None:
    """Whether it took the image or not, nothing is said about it and nothing runs it."""
    engine.failing[f'"{name}"'] = told("failed to push:\n  401 Unauthorized")

    with pytest.raises(FunctionError) as failed:
        await call("release", **RELEASE)

    line = str(failed.value)
    assert f"{REFUSED[name]}failed to push: 401 Unauthorized - " in line
    assert line.endswith("nothing was signed or promoted")
    assert "\n" not in line
    assert promotions(engine) == []


async def test_a_digest_that_differs_leaves_a_release_where_it_is(
    call: Caller, engine: Engine
) -> None:
    """What the registry serves is not what was built, so nobody signs it."""
    engine.answers["publish"] = f"registry.example/engine@sha256:{'b' * 64}"

    with pytest.raises(FunctionError, match="differs after the push"):
        await call("release", **RELEASE)

    assert promotions(engine) == []


async def test_a_model_that_is_none_is_refused_before_anything_is_published(
    call: Caller, engine: Engine
) -> None:
    """A server would start, look for it, and end with a page of text."""
    engine.answers["exists"] = False

    with pytest.raises(FunctionError, match=r"config\.json: no model to serve; wanted a folder"):
        await call("release", **RELEASE)

    assert engine.calls("publish") == []
    assert promotions(engine) == []


async def test_a_gpu_that_is_not_there_is_told_before_anything_is_published(
    call: Caller, engine: Engine
) -> None:
    """The driver is asked, not the model server ten minutes later."""
    engine.failing["nvidia-smi"] = told("exec: nvidia-smi: not found")

    with pytest.raises(FunctionError) as failed:
        await call("release", gpu=True, **RELEASE)

    assert "--gpu: no GPU; wanted an engine whose host has GPUs" in str(failed.value)
    assert "found exec: nvidia-smi: not found - name one as docs/how-to" in str(failed.value)
    assert engine.calls("publish") == []
    assert promotions(engine) == []


@pytest.mark.parametrize("word", ['"publish"', '"sign"', "/reports/scan.json"])
async def test_a_release_that_is_cancelled_stops_where_it_is(
    word: str, call: Caller, engine: Engine
) -> None:
    """Nothing is asked for any more; what had begun is one chain whose last link promotes."""
    engine.hanging = word

    async with anyio.create_task_group() as group:
        group.start_soon(partial(call, "release", **RELEASE))
        await engine.reached.wait()
        begun = len(engine.chains)
        group.cancel_scope.cancel()

    assert len(engine.chains) == begun
    assert word in json.dumps(engine.chains[-1])
