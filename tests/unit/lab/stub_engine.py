"""Stands in for the engine's interpreter: trains folders of one file, and serves what they say.

It is called as the lab calls the real one, `-m MODULE ARGUMENT...`. How a training goes is in the
variable STUB_TRAINING, how a server goes in the file `behaviour` of the model that it serves.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from argparse import ArgumentParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NoReturn

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


class Handler(BaseHTTPRequestHandler):
    """As much of the API as the gates of a generator ask for."""

    status = 200
    model = ""
    answers: dict[str, str]

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Requests are not logged."""

    def send(self, body: bytes, kind: str = "application/json") -> None:
        """One whole answer."""
        self.send_response(self.status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        """Health and the list of models."""
        self.send(json.dumps({"data": [{"id": self.model}]}).encode())

    def do_POST(self) -> None:
        """The answer that the model's folder has for a prompt, streamed word by word if asked."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = self.answers.get(asked["messages"][-1]["content"], "I do not know.")
        if not asked.get("stream"):
            self.send(json.dumps({"choices": [{"message": {"content": answer}}]}).encode())
            return
        parts = [{"choices": [{"delta": {"content": f"{part} "}}]} for part in answer.split()]
        events = [*map(json.dumps, parts), "[DONE]"]
        self.send("".join(f"data: {e}\n\n" for e in events).encode(), "text/event-stream")


def serve(arguments: list[str]) -> None:
    """Serve a model folder, or die or hang as it says."""
    parser = ArgumentParser()
    for name in ("config", "model", "host", "port"):
        parser.add_argument(f"--{name}")
    options: Any = parser.parse_args(arguments)
    model = Path(options.model)
    how = (model / "behaviour").read_text()
    say(f"loading {model.name}")
    if how == "die":
        say("\nTraceback\n  no such flag\n")
        sys.exit(3)
    if how == "orphan":
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        sys.exit(3)
    if how == "mute":
        hang(model / "hanging")
    Handler.model = Path(options.config).parent.name
    Handler.status = 500 if how == "sick" else 200
    answers = model / "answers.json"
    Handler.answers = json.loads(answers.read_text()) if answers.exists() else {}
    ThreadingHTTPServer((options.host, int(options.port)), Handler).serve_forever()


if __name__ == "__main__":
    _, module, *rest = sys.argv[1:]
    if module.startswith("vllm."):
        serve(rest)
    else:
        train(module.rpartition(".")[2], Path(rest[0]))
