"""All commands by name, each read when it is called, and how every command ends."""

import signal
import sys
from collections import UserDict
from importlib import import_module
from types import FrameType
from typing import Annotated, Any, NoReturn, cast

import typer
from typer.core import TyperCommand, TyperGroup

from tidegate.cli.output import console, errors, print_findings
from tidegate.findings import TidegateError

INTERRUPTED = 130  # 128 + SIGINT, as shells count
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# Where each command is: a function, or a group called `app`, of a module of this package.
COMMANDS = {
    "check": "checks:check",
    "ci": "ci:ci",
    "diff": "checks:diff",
    "explain": "checks:explain",
    "demo": "lab:demo",
    "promote": "release:promote_command",
    "rollback": "release:rollback_command",
    "scan": "supply:scan",
    "smoke": "lab:smoke",
    "status": "status:status",
    "hold": "operate:hold_command",
    "release-hold": "operate:release_hold_command",
    "guard": "operate:guard_command",
    "history": "operate:history_command",
    "verify": "verify:verify",
    "wait": "wait:wait_command",
    "render": "render:render_command",
    "models": "models:app",
    "lab": "lab:app",
    "evidence": "evidence:app",
    "gate": "gate:app",
    "images": "supply:images",
    "registry": "registry:app",
}
Command = TyperCommand | TyperGroup


class _Commands(UserDict[str, Any]):
    """The commands by name; one that is not called costs nothing."""

    def __getitem__(self, name: str) -> Command:
        module, _, attribute = super().__getitem__(name).partition(":")
        found = getattr(import_module(f"tidegate.cli.{module}"), attribute)
        holder = typer.Typer(rich_markup_mode=None)
        if isinstance(found, typer.Typer):
            holder.add_typer(found, name=name)
        else:
            holder.command(name)(found)
        return cast("Command", typer.main.get_group(holder).commands[name])


class _Lazy(TyperGroup):
    """The program, whose commands are read when they are called."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - typer's own
        super().__init__(**settings)
        self.commands = cast("dict[str, Any]", _Commands(COMMANDS))


app = typer.Typer(
    name="tidegate",
    cls=_Lazy,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - slow, and every command would wait

        console.print(version("tidegate"))
        raise typer.Exit


@app.callback()
def tidegate(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Prove, gate and promote releases of LLM services by commits."""


def _interrupt(signum: int, frame: FrameType | None) -> NoReturn:
    """End as Ctrl-C does, so that every block cleans up; a second signal cannot cut that short."""
    del signum, frame
    for name in STOPPING:
        signal.signal(name, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> NoReturn:
    """Run the command; findings exit 1, what could not be checked exits 2, Ctrl-C 130."""
    for name in STOPPING:
        if signal.getsignal(name) is not signal.SIG_IGN:  # as nohup asks
            signal.signal(name, _interrupt)
    try:
        app(standalone_mode=True)
        code: int | str | None = 0
    except SystemExit as ended:  # typer ends so, Ctrl-C included
        code = ended.code
    except TidegateError as error:
        print_findings(error.findings)
        code = error.exit_code
    except KeyboardInterrupt:
        code = INTERRUPTED
    if code == INTERRUPTED:
        errors.print("stopped; nothing is left running and nothing is half-done")
    sys.exit(code)
