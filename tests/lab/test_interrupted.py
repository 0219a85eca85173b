"""The demo ended half-way leaves no process behind and no state that stops the next run."""

import json
import os
import signal
import subprocess
import time

from tests.lab.conftest import Clone

from tidegate.lab.process import group_members

START_SECONDS = 120


def started(clone: Clone) -> tuple[subprocess.Popen[str], int]:
    """The demo when it has begun to start vLLM, and the pid of what starts it."""
    demo = subprocess.Popen(
        ["scripts/demo", "--fast"],
        cwd=clone.root,
        env=clone.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + START_SECONDS
    record = clone.lab.logs / "engines.pid"
    while not record.exists():
        assert demo.poll() is None, demo.communicate()[0]
        assert time.monotonic() < deadline, "no server was started"
        time.sleep(0.1)
    pid, _ = json.loads(record.read_text())
    return demo, pid


def test_a_demo_that_is_stopped_ends_every_server(clone: Clone) -> None:
    """Ctrl-C ends every real engine and says so; the README's demo, run later, is not disturbed."""
    demo, starter = started(clone)

    os.killpg(demo.pid, signal.SIGINT)
    output, _ = demo.communicate(timeout=90)

    assert demo.returncode == 130, output
    assert "stopped; nothing is left running" in output
    assert group_members(starter) == []
    assert not (clone.lab.logs / "engines.pid").exists()
    assert list(clone.lab.run.glob("*.json")) == []
