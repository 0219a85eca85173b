"""Give both trainings one way to report progress and to write a model that is whole or absent."""

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REPORT_EVERY = 10


def report(step: int, steps: int, loss: float) -> None:
    """Write one JSON line of progress to stdout, every tenth step and at the last.

    Args:
        step: How many optimizer steps are done, from 1.
        steps: How many there will be.
        loss: Mean loss of this step, in nats per answer token or per pair.
    """
    if step % REPORT_EVERY and step != steps:
        return
    line = json.dumps({"step": step, "steps": steps, "loss": round(loss, 4)})
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Yield an empty sibling of `target` that takes its name only when the block ends well.

    A kill at any moment leaves either the old folder, the new one or none, never a part of one.
    What such a kill left beside the target is removed by the next run.
    """
    partial = target.with_name(f".{target.name}.partial")
    replaced = target.with_name(f".{target.name}.replaced")
    for leftover in (partial, replaced):
        shutil.rmtree(leftover, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
    except BaseException:
        shutil.rmtree(partial)
        raise
    if target.exists():
        target.rename(replaced)
    partial.rename(target)
    shutil.rmtree(replaced, ignore_errors=True)
