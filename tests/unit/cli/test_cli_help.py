"""Every command explains itself, and the shell completes it."""

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator

import pytest
import typer
from tests.conftest import ROOT, Cli

from tidegate.cli.app import app

COMMAND = [sys.executable, "-m", "tidegate.cli"]


def commands(
    group: object = None, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], typer.core.TyperCommand]]:
    """Every command that does something, with the words that call it."""
    found = typer.main.get_command(app) if group is None else group
    if isinstance(found, typer.core.TyperGroup):
        for name, command in found.commands.items():
            yield from commands(command, (*path, name))
    elif isinstance(found, typer.core.TyperCommand):
        yield path, found


COMMANDS = [pytest.param(words, command, id=" ".join(words)) for words, command in commands()]


@pytest.mark.parametrize(("words", "command"), COMMANDS)
def test_every_command_explains_itself(
    words: tuple[str, ...], command: typer.core.TyperCommand, cli: Cli
) -> None:
    """--help and -h say in a sentence what it does, and what each argument and option means."""
    ran = cli(*words, "--help")

    assert (ran.code, ran.err) == (0, "")
    sentence = (command.help or "").splitlines()[0]
    assert sentence.endswith(".")
    assert sentence in " ".join(ran.out.split())  # it is wrapped to the terminal
    assert [p.name for p in command.params if not getattr(p, "help", "")] == []
    assert ran == cli(*words, "-h")


@pytest.mark.parametrize("words", [(), ("models",), ("gate",), ("lab",)])
def test_a_group_without_a_command_lists_its_commands(words: tuple[str, ...], cli: Cli) -> None:
    """It is a wrong use, so the exit code is not 0, but the answer is the help."""
    ran = cli(*words)

    assert ran.code == 2
    for found, _ in commands():
        if found[:-1] == words:
            assert f"  {found[-1]} " in ran.out + ran.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed_for_the_shell(shell: str) -> None:
    """The script calls the same program back."""
    environment = os.environ | {"_TIDEGATE_COMPLETE": f"source_{shell}"}
    code = "import sys; sys.argv = ['tidegate']; from tidegate.cli import main; main()"

    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert f"_TIDEGATE_COMPLETE=complete_{shell}" in done.stdout


@pytest.mark.parametrize(
    ("words", "offered"),
    [("tidegate mo", ["models"]), ("tidegate models s", ["show"]), ("tidegate xyz", [])],
)
def test_completion_offers_what_fits(words: str, offered: list[str]) -> None:
    """The last word is completed by the commands that begin with it."""
    environment = os.environ | {
        "_TIDEGATE_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    code = "import sys; sys.argv = ['tidegate']; from tidegate.cli import main; main()"

    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )

    assert offered == done.stdout.split()


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("unknown",), "No such command 'unknown'"),
        (("check", "--unknown"), "No such option: --unknown"),
        (("models", "show"), "Missing argument"),
        (("check", "--root", "/nonexistent/repository"), "does not exist"),
        (("promote", "generator"), "Missing option '--to'"),
    ],
)
def test_a_wrong_use_is_told_with_the_usage(words: tuple[str, ...], fault: str, cli: Cli) -> None:
    """Exit 2: nothing was looked at."""
    ran = cli(*words)

    assert (ran.code, ran.out) == (2, "")
    assert "Usage: tidegate" in ran.err
    assert fault in ran.err


def test_the_version_is_that_of_the_package(cli: Cli) -> None:
    """One number, for bug reports and scripts."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert cli("--version").out == f"{project['version']}\n"
