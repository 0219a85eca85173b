"""Stands in for the engine's interpreter: trains folders of one file, and serves what they say.

It is called as the lab calls the real one, `-m MODULE ARGUMENT...`. How a training goes is in the
variable STUB_TRAINING, how a server goes in the file `behaviour` of the model that it serves.
"""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, NoReturn

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.stub.faults import Behaviour
from tests.stub.server import serve_forever

MADE = {"generator": ("tiny-chat", "tiny-chat-degraded"), "reranker": ("tiny-rerank",)}


def say(text: str) -> None:
    """A line of the log."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def hang(marker: Path) -> NoReturn:
    """Say where that this waits for ever."""
    marker.touch()
    while True:
        time.sleep(60)


def train(recipe: str, models: Path) -> None:
    """Make the folders of a recipe, or fail or hang as STUB_TRAINING says of it."""
    how = json.loads(os.environ.get("STUB_TRAINING", "{}")).get(recipe, "well")
    say(json.dumps({"step": 3, "steps": 4}))
    say("a library warns")
    if how == "fail":
        sys.exit("the loss is not a number")
    if how == "linger":

        def linger(*_: object) -> None:
            (models / "ending").touch()
            time.sleep(0.5)
            sys.exit()

        signal.signal(signal.SIGTERM, linger)
    if how != "well":
        hang(models / "hanging")
    for name in MADE[recipe]:
        (models / name).mkdir()
        (models / name / "behaviour").write_text(os.environ.get("STUB_SERVER", "well"))
        (models / name / "model.safetensors").write_text("\2" + chr(0) * 7 + "{}")
        with contextlib.suppress(KeyError):
            answers = Path(os.environ["STUB_ANSWERS"])
            (models / name / "answers.json").write_bytes(answers.read_bytes())


def serve(arguments: list[str]) -> None:
    """Serve a model folder, or die or hang as it says."""
    parser = ArgumentParser()
    for name in ("config", "model", "host", "port"):
        parser.add_argument(f"--{name}")
    options: Any = parser.parse_args(arguments)
    model = Path(options.model)
    how = (model / "behaviour").read_text()
    say(f"loading {model.name}")
    if how == "tell":
        say(f"{' '.join(arguments)} {os.environ['TMPDIR']} {tempfile.gettempdir()}")
    if how == "die":
        say("\nTraceback\n  no such flag\n")
        sys.exit(3)
    if how == "orphan":
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        sys.exit(3)
    if how == "mute":
        hang(model / "hanging")
    answers = model / "answers.json"
    known = json.loads(answers.read_text()) if answers.exists() else {}
    behaviour = Behaviour(
        model=Path(options.config).parent.name,
        answer=lambda prompt: known.get(prompt, "I do not know."),
        health=500 if how == "sick" else 200,
    )
    asyncio.run(serve_forever(behaviour, options.host, int(options.port)))


if __name__ == "__main__":
    _, module, *rest = sys.argv[1:]
    if module == "tidegate.lab.engine":
        from tidegate.lab.engine import begin

        own = begin(json.loads(rest[0]))
        if own is not None:
            serve(own["arguments"])
    else:
        train(module.rpartition(".")[2], Path(rest[0]))
