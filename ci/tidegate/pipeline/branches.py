"""Work side by side: the first failure stops the rest, and is the one that is shown."""

from collections.abc import Awaitable, Callable, Iterator, Mapping

import anyio

from tidegate.ci.report import steps_table
from tidegate.ci.steps import STEPS

Branch = Callable[[], Awaitable[str]]


async def run_all(branches: Mapping[str, Branch]) -> dict[str, str]:
    """What every branch returns, by name, in the order of `branches`.

    Raises:
        Exception: what the first branch that failed raised; the others are cancelled.
    """
    said: dict[str, str] = {}

    async def run(name: str, branch: Branch) -> None:
        said[name] = await branch()

    try:
        async with anyio.create_task_group() as group:
            for name, branch in branches.items():
                group.start_soon(run, name, branch, name=name)
    except BaseExceptionGroup as failed:
        raise next(_leaves(failed)) from None
    return {name: said[name] for name in branches}


def _leaves(failed: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in failed.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def table(said: Mapping[str, str]) -> str:
    """The steps that ended well as a part of a comment, and those that had nothing to read."""
    return steps_table(
        (step.name, "passed" if step.name in said else "nothing it reads changed", "")
        for step in STEPS
    )
