"""Every `dagger call` that a file of a CI system or a document shows is one that can be made."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from cattrs.preconf.json import make_converter
from dagger.mod.cli import load_module
from tests.conftest import ROOT

FILES = [
    *sorted((ROOT / "docs" / "how-to").glob("*.md")),
    *sorted((ROOT / ".github" / "workflows").glob("*.yaml")),
    *sorted((ROOT / "ci" / "providers").glob("*.yaml")),
    ROOT / ".gitlab-ci.yml",
    ROOT / "Jenkinsfile",
]
# Of the command itself, before the function.
GLOBAL = {"output", "progress", "silent"}
# What results are followed by; the engine's own functions.
CHAINED = {"export"}
SHOWN = re.compile(
    r"(?:dagger call|^ +call:(?: >-)?\n?|command: \[dagger, call, ci\]\n +args: \[)"
    r"(?P<words>(?:[^\n`]*\\\n)*(?:(?<=>-\n)(?: {10,}[^\n]*\n)+|[^\n`]*))",
    re.MULTILINE,
)


def written(path: Path) -> Iterator[list[str]]:
    """The words of each call in a file, variables and templates as one word each."""
    for match in SHOWN.finditer(path.read_text()):
        text = re.sub(r"\$?[\[({]{2}.*?[})\]]{2}|\$\(.*?\)|\$\{.*?\}", "X", match["words"])
        text = re.split(r"[;)|]|'$", text.replace("\\\n", " ").strip().rstrip("]"))[0]
        first = "ci " if "[dagger, call, ci]" in match[0] else ""
        if words := shlex.split(first + text.replace("'", "")):
            yield words


CALLS = [
    pytest.param(words, id=f"{path.name}-{i}")
    for path in FILES
    for i, words in enumerate(written(path))
]


def flags(function: str) -> dict[str, bool]:
    """The flags of a function, or of the constructor, and which of them have to be given."""
    main = load_module().get_object("Tidegate")
    found = main.functions[function] if function else main.get_constructor(make_converter())
    return {p.name.replace("_", "-"): not p.is_optional for p in found.parameters.values()}


def split(words: list[str]) -> tuple[set[str], str, set[str]]:
    """The flags before the function, the function, and its own flags."""
    names = [word for word in words if not word.startswith("--") and word != "..."]
    function, *chained = names
    assert set(chained) <= CHAINED, chained
    at = words.index(function)
    end = words.index(chained[0]) if chained else len(words)
    before, own = (
        {word[2:].partition("=")[0] for word in part if word.startswith("--")}
        for part in (words[:at], words[at + 1 : end])
    )
    return before, function, own


def test_every_file_of_a_ci_system_is_read() -> None:
    """None is left out because its form is not understood."""
    for path in FILES:
        assert path.suffix == ".md" or list(written(path)), path


@pytest.mark.parametrize("words", CALLS)
def test_a_call_that_is_written_down_can_be_made(words: list[str]) -> None:
    """Its function exists, takes each flag, and lacks none unless the text leaves some out."""
    before, function, own = split(words)
    known = flags(function.replace("-", "_"))

    assert before <= GLOBAL | set(flags(""))
    assert own <= set(known)
    if "..." not in words:
        assert {name for name, required in known.items() if required} <= own
