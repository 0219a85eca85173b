"""The commands on the lab, and the demo."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from tidegate.catalog.load import Catalog, find_root, load_valid
from tidegate.cli.options import Json, Root
from tidegate.cli.output import columns, console, errors, print_json
from tidegate.cli.reporter import TerminalReporter
from tidegate.cli.verdicts import verdict_table
from tidegate.findings import refuse
from tidegate.gates.client import Endpoint
from tidegate.gates.report import markdown
from tidegate.gates.run import run_gates
from tidegate.gates.verdict import Outcome
from tidegate.lab.container import running
from tidegate.lab.demo import prepare, run_demo
from tidegate.lab.environment import install
from tidegate.lab.fork import lab_model
from tidegate.lab.model_registry import start_registry
from tidegate.lab.paths import Lab
from tidegate.lab.process import end_left
from tidegate.lab.server import read_servers, start_all, stop, unpacked
from tidegate.lab.training_runs import CHAT, MODELS, pack_model, train
from tidegate.oci import short, write_atomically

app = typer.Typer(
    help="The real services, tiny, on this machine: no GPU, container or cluster.",
    no_args_is_help=True,
)


def _lab(root: Path | None) -> Lab:
    return Lab(find_root(root or Path.cwd()))


@app.command()
def up(
    services: Annotated[
        list[str] | None,
        typer.Argument(help="Services to start; all three if left out.", show_default=False),
    ] = None,
    port: Annotated[
        int, typer.Option(help="Port of the first server, the others follow; 0 for free ones.")
    ] = 0,
    root: Root = None,
) -> None:
    """Install, train and pack what is missing, then start services on loopback."""
    lab, reporter = _lab(root), TerminalReporter(console)
    catalog = load_valid(lab.root)
    names = {one: lab_model(catalog, one) for one in _chosen(catalog, services)}
    with lab.locked():
        artifacts = prepare(lab, reporter, reuse=True)
        wanted = {s: (catalog.models[m], artifacts.models[m].digest) for s, m in names.items()}
        with reporter.step(f"Start vLLM: {', '.join(names)}"):
            servers = start_all(lab, wanted, port)
    for server in servers.values():
        console.print(f"{server.name:12}{server.url}  model {server.model}", soft_wrap=True)


def _chosen(catalog: Catalog, services: list[str] | None) -> list[str]:
    known = sorted(catalog.services)
    if unknown := set(services or ()) - set(known):
        raise refuse(
            "command line",
            "SERVICES",
            "not a service",
            wanted=f"some of {', '.join(known)}",
            found=", ".join(sorted(unknown)),
            next_step="name services of overlays/",
        )
    return [one for one in known if not services or one in services]


@app.command("train")
def train_command(root: Root = None) -> None:
    """Install the engine and train the models that are not trained yet; start nothing."""
    lab, reporter = _lab(root), TerminalReporter(console)
    with lab.locked():
        install(lab)
        train(lab, reporter, reuse=True)
    console.print(f"trained: {', '.join(MODELS)} in {lab.models}", soft_wrap=True)


@app.command()
def registry(
    port: Annotated[int, typer.Option(help="Its port; 0 for a free one.")] = 0, root: Root = None
) -> None:
    """Install MLflow where it is not, and start it on loopback as the model registry."""
    lab = _lab(root)
    with lab.locked():
        server = start_registry(lab, port)
    console.print(f"{server.name:12}{server.url}  {server.model}", soft_wrap=True)


@app.command()
def down(root: Root = None) -> None:
    """End every server of the lab, and what a killed run left, by pid."""
    lab = _lab(root)
    with lab.locked():
        ended = stop(lab, *(server.name for server in read_servers(lab))) + end_left(lab.logs)
    console.print(f"ended {', '.join(ended)}" if ended else "nothing was running")


@app.command()
def status(root: Root = None, json: Json = False) -> None:
    """List the lab's servers; exit 1 if one of them died."""
    servers = read_servers(_lab(root))
    dead = [server for server in servers if not server.alive]
    if json:
        print_json(
            [asdict(server) | {"url": server.url, "alive": server.alive} for server in servers]
        )
    else:
        table = columns("server", "url", "model", "artifact", "pid", "state")
        for s in servers:
            state = "dead" if s in dead else "alive"
            table.add_row(s.name, s.url, s.model, short(s.digest), str(s.pid), state)
        console.print(table)
    raise typer.Exit(1 if dead else 0)


def demo(
    fast: Annotated[
        bool, typer.Option("--fast", help="Reuse the models that were trained before.")
    ] = False,
    transcript: Annotated[
        Path | None, typer.Option(help="Write what is shown to this file as well.")
    ] = None,
    root: Root = None,
) -> None:
    """Run the main job end to end: train, pack, serve, gate, promote, and refuse a bad release."""
    width = 120 if transcript else None
    screen = Console(highlight=False, record=transcript is not None, width=width)
    reporter = TerminalReporter(screen)
    started, lab = time.monotonic(), _lab(root)
    run_demo(lab, reporter, reuse=fast)
    reporter.line(f"All of it took {time.monotonic() - started:.0f} s. Nothing is left running.")
    reporter.line(
        f"Look around: scripts/tidegate status --log --root {lab.fork.relative_to(lab.root)}"
    )
    if transcript:
        text = "\n".join(line.rstrip() for line in screen.export_text().splitlines())
        write_atomically(transcript, f"{text}\n".encode())


def smoke(
    image: Annotated[str, typer.Argument(help="The engine image, as Docker here knows it.")],
    model: Annotated[str, typer.Option(help="A model that the lab trains.")] = CHAT,
    markdown_file: Annotated[
        Path | None, typer.Option("--markdown", help="Write the table for a pull request.")
    ] = None,
    root: Root = None,
    json: Json = False,
) -> None:
    """Serve a model of the lab from the engine image, without rights, and run its gates.

    Exit 0 if all pass, 1 if one fails or holds, 2 if the image does not serve.
    """
    lab, reporter = _lab(root), TerminalReporter(errors)
    known = load_valid(lab.root).models
    if model not in MODELS or model not in known:
        raise refuse(
            "command line",
            "--model",
            "not a model of the lab",
            wanted=f"one of {', '.join(name for name in MODELS if name in known)}",
            found=model,
            next_step="name a model that the lab trains",
        )
    entry = known[model]
    with lab.locked():
        install(lab)
        train(lab, reporter, reuse=True)
        weights = unpacked(lab, pack_model(lab, model).digest)
        with running(lab, image, entry, weights) as server:
            limit = max(entry.spec.limits.output_tokens, 1)
            with Endpoint(server.url, model, max_tokens=limit) as endpoint:
                verdict = run_gates(endpoint, entry)
    if markdown_file:
        markdown_file.write_text(markdown(verdict), encoding="utf-8")
    if json:
        print_json(verdict.as_dict())
    else:
        console.print(verdict_table(f"{model} from {image}", verdict))
    raise typer.Exit(0 if verdict.outcome is Outcome.PASS else 1)
