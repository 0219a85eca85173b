"""Checks a vLLM --config file against the arguments that the pinned vLLM really has.

`tidegate.lab.arguments` extracts the list from the installed package; it is committed with its
version, so that a flag which a new vLLM dropped is a finding here and not a crash at start.
"""

import difflib
import json
from functools import cache
from importlib.resources import files
from typing import Any, TypedDict

from tidegate.findings import Finding

ARGUMENTS_FILE = "catalog/data/vllm-arguments.json"

# Flags that older guides name and the pinned vLLM lost, with what took their place.
_SUCCESSORS = {
    "task": "use runner and convert",
    "swap-space": "drop it, the engine has no CPU swap any more",
    "disable-log-requests": "drop it, request logs are off by default",
}
# The lab and the manifests set these; a config file that did would fight them.
_OWNED = {"host": "the Deployment", "port": "the Deployment", "config": "the Deployment"}


class Argument(TypedDict):
    """One argument: the type of its value and, where limited, its choices."""

    type: str
    choices: list[str | int] | None


class Arguments(TypedDict):
    """The arguments of one vLLM version, by long flag without dashes."""

    version: str
    arguments: dict[str, Argument]


@cache
def pinned_arguments() -> Arguments:
    """The committed argument list."""
    text = files("tidegate").joinpath(ARGUMENTS_FILE).read_text()
    arguments: Arguments = json.loads(text)
    return arguments


def check_engine(config: object, *, file: str) -> list[Finding]:
    """Findings for an engine file that the pinned vLLM would refuse or misread."""
    if not isinstance(config, dict):
        return [
            Finding(
                file,
                "file",
                "no mapping",
                "keys and values",
                type(config).__name__,
                "write one `flag: value` a line",
            )
        ]
    return [fault for key, value in config.items() for fault in _check(key, value, file)]


def _check(key: str, value: Any, file: str) -> list[Finding]:  # noqa: ANN401 - YAML value
    pinned = pinned_arguments()
    argument = pinned["arguments"].get(key)
    if argument is None:
        wanted = f"a flag of vLLM {pinned['version']}"
        return [Finding(file, key, "unknown engine flag", wanted, key, _next_step(key))]
    if key in _OWNED:
        return [
            Finding(
                file,
                key,
                "not the model's to set",
                f"set by {_OWNED[key]}",
                str(value),
                "remove the key",
            )
        ]
    fault = _value_fault(argument, value)
    if fault is None:
        return []
    return [Finding(file, key, "invalid value", fault, repr(value), "correct the value")]


def _next_step(key: str) -> str:
    if key in _SUCCESSORS:
        return _SUCCESSORS[key]
    near = difflib.get_close_matches(key.replace("_", "-"), pinned_arguments()["arguments"], 1)
    return f"did you mean {near[0]}?" if near else "remove the key"


def _value_fault(argument: Argument, value: object) -> str | None:
    """What was wanted instead of `value`; None where it is right."""
    kinds: dict[str, tuple[type, ...]] = {
        "bool": (bool,),
        "int": (int,),
        "float": (int, float),
        "str": (str, int, float),
    }
    wanted = kinds.get(argument["type"])
    is_boolean = isinstance(value, bool)
    if wanted and (not isinstance(value, wanted) or is_boolean != (argument["type"] == "bool")):
        return f"a value of type {argument['type']}"
    choices = argument["choices"]
    if choices is not None and value not in choices:
        return f"one of {', '.join(map(str, choices))}"
    return None
