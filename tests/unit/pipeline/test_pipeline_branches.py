"""Side by side: the first failure ends the rest and is the one that is told."""

import anyio
import pytest

from tidegate.ci.steps import STEPS
from tidegate.pipeline.branches import run_all, table

pytestmark = pytest.mark.anyio


async def test_results_keep_the_order_of_the_branches() -> None:
    """Whichever ends first."""
    first_may_end = anyio.Event()

    async def first() -> str:
        await first_may_end.wait()
        return "1"

    async def second() -> str:
        first_may_end.set()
        return "2"

    assert list((await run_all({"first": first, "second": second})).items()) == [
        ("first", "1"),
        ("second", "2"),
    ]


async def test_a_failure_cancels_the_others_and_is_raised_itself() -> None:
    """No group, no cause, no cancelled neighbour."""
    cancelled = []

    async def waits() -> str:
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.append("waits")
        return "never"

    async def nested() -> str:
        await run_all({"waits": waits, "fails": fails})
        return "never"

    async def fails() -> str:
        await anyio.lowlevel.checkpoint()
        raise ValueError("refused")

    with pytest.raises(ValueError, match=r"^refused$") as failed:
        await run_all({"nested": nested, "waits": waits})

    assert failed.value.__cause__ is None
    assert cancelled == ["waits", "waits"]


async def test_the_table_has_a_line_a_step() -> None:
    """In the order of `tidegate ci`, with those that had nothing to read."""
    lines = table({"check": "no findings", "lint": ""}).splitlines()

    assert lines[4:7] == [
        "| lint | passed |  |",
        "| check | passed |  |",
        "| test | nothing it reads changed |  |",
    ]
    assert len(lines) == 4 + len(STEPS)
