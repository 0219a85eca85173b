"""Writes the pins that a Dagger engine installs by: [tool.uv] constraint-dependencies.

An engine installs the module from pyproject.toml and reads no requirements file. The same pins
therefore stand there too, written from requirements/runtime.txt; `--check` fails on drift, and
`--clear` empties them, so that compiling anew is not bound by the old ones.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"(?<=\nconstraint-dependencies = \[\n).*?(?=^\])", re.DOTALL | re.MULTILINE)
PIN = re.compile(
    r"^(?P<name>[\w.-]+)==(?P<version>[^\s;\\]+)(?P<marker> ; [^\\]+?)? *\\?$", re.MULTILINE
)
# The engine supplies its own build of these.
SUPPLIED = {"dagger-io"}


def constraints(requirements: str) -> str:
    """The block's lines for the pins of a requirements file."""
    return "".join(
        f'  "{pin["name"]}=={pin["version"]}{pin["marker"] or ""}",\n'
        for pin in PIN.finditer(requirements)
        if pin["name"] not in SUPPLIED
    )


def main(mode: str) -> int:
    """Write, clear or check; returns the exit code."""
    path = ROOT / "pyproject.toml"
    text = path.read_text()
    pins = constraints((ROOT / "requirements" / "runtime.txt").read_text())
    wanted = BLOCK.sub(lambda _: "" if mode == "--clear" else pins, text, count=1)
    if mode != "--check":
        path.write_text(wanted)
    elif text != wanted:
        sys.stderr.write(
            "pyproject.toml: constraint-dependencies: drifted; wanted the pins of "
            "requirements/runtime.txt, found others - run scripts/lock\n"
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
