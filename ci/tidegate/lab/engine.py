"""vLLM's API servers, run by the lab environment's interpreter, each as `vllm serve` starts it.

All of them begin as copies of one process: to import vLLM takes 9 s of a core. So does each one's
engine, for which vLLM on CPUs would start another interpreter; nothing has begun yet by then that
must not be copied. And each looks at its model's class itself: vLLM does so in an interpreter of
its own, lest a GPU be touched.

python -m tidegate.lab.engine '[{"record": {...}, "state": "PATH", "arguments": ["--model", ...]}]'
"""

import gc
import json
import multiprocessing
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from tidegate.lab.process import started
from tidegate.oci import write_atomically


def begin(servers: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Fork a process for each server; returns the process's own in each, None in this one.

    It returns when every server is recorded and leads a group; until then it is in this one's.
    """
    for one in servers:
        reading, writing = os.pipe()
        if os.fork() == 0:
            os.close(reading)
            _stand_alone(one["record"], Path(one["state"]))
            os.write(writing, b".")
            os.close(writing)
            return one
        os.close(writing)
        if not os.read(reading, 1):
            sys.exit(f"{one['record']['name']} ended before it was recorded")
        os.close(reading)
    return None


def _stand_alone(record: dict[str, Any], state: Path) -> None:
    """Record this process before it leaves the group by which it would be ended."""
    pid = os.getpid()
    write_atomically(state, json.dumps(record | {"pid": pid, "created": started(pid)}).encode())
    os.setsid()
    log = os.open(record["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    for output in (1, 2):
        os.dup2(log, output)
    os.environ["TMPDIR"] = record["scratch"]
    tempfile.tempdir = None


if __name__ == "__main__":
    gc.disable()  # all that is imported stays; to look for garbage takes a tenth of the time
    from vllm.entrypoints.launchers.api_server.entry import main
    from vllm.model_executor.models import registry
    from vllm.utils.system_utils import set_process_title
    from vllm.v1.engine import utils
    from vllm.v1.worker import cpu_worker  # noqa: F401 - or each engine reads it by itself

    gc.freeze()  # a collection would write to every object, so that each copy had its own
    gc.enable()
    gc.unfreeze = lambda: None  # vLLM's last deed would be to look through all of it

    utils.get_mp_context = lambda: multiprocessing.get_context("fork")
    registry._run_in_subprocess = lambda look: look()  # noqa: SLF001 - vLLM has no setting for it
    own = begin(json.loads(sys.argv[1]))
    if own is not None:
        set_process_title(own["record"]["name"])
        sys.argv[1:] = own["arguments"]
        main()
