"""Reads one YAML file into one validated object; every fault becomes a finding."""

import hashlib
import json
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from tidegate import cache
from tidegate.findings import Finding, FindingsError, refuse

T = TypeVar("T", bound=BaseModel)

_memory: ContextVar[dict[str, str] | None] = ContextVar("memory", default=None)
_NEXT_STEP: dict[str, str] = {
    "extra_forbidden": "remove the key or correct its spelling",
    "missing": "add the key",
}


def read_yaml(path: Path, *, name: str) -> Any:  # noqa: ANN401 - YAML holds anything
    """The document in `path`, called `name` in findings.

    Raises:
        FindingsError: the file is missing, is not UTF-8 or is not one YAML document.
    """
    try:
        return parse_yaml(path.read_bytes(), name=name)
    except FileNotFoundError:
        fault = Finding(name, "file", "missing file", "a YAML file", "no file", "add the file")
    raise FindingsError([fault])


def parse_yaml(text: bytes | str, *, name: str) -> Any:  # noqa: ANN401 - YAML holds anything
    """The document in `text`, called `name` in findings; raises as `read_yaml`."""
    try:
        return document(text if isinstance(text, str) else text.decode("utf-8"))
    except (UnicodeDecodeError, YAMLError) as error:
        raise refuse(
            name,
            "file",
            "unreadable",
            wanted="one YAML document",
            found=_yaml_fault(error),
            next_step="correct the syntax",
        ) from None


def document(text: str) -> Any:  # noqa: ANN401 - YAML holds anything
    """One YAML 1.2 document, read with care and once; raises YAMLError."""
    memory = _memory.get()
    if memory is None:
        return deepcopy(_document(text))
    key = hashlib.sha256(text.encode()).hexdigest()
    if key not in memory:
        value = _parse(text)
        told = cache.told(value)
        if told is None:
            return deepcopy(value)
        memory[key] = told
    return json.loads(memory[key])


@contextmanager
def remembering(memory: dict[str, str]) -> Iterator[None]:
    """Inside, documents are taken from a memory of JSON by their text's SHA-256, and put there."""
    before = _memory.set(memory)
    try:
        yield
    finally:
        _memory.reset(before)


@lru_cache(maxsize=4096)
def _document(text: str) -> Any:  # noqa: ANN401 - as above
    key = f"{cache.code('catalog/reading.py')} {text}"
    known = cache.read("document", key, list)
    if known:
        return known[0]
    value = _parse(text)
    cache.write("document", key, [value])
    return value


@lru_cache(maxsize=4096)
def _parse(text: str) -> Any:  # noqa: ANN401 - as above
    return YAML(typ="safe", pure=True).load(text)


def _yaml_fault(error: Exception) -> str:
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        return f"{error.problem} in line {error.problem_mark.line + 1}"
    return " ".join(str(error).split())


def read_object(path: Path, kind: type[T], *, name: str) -> T:
    """The object of type `kind` in `path`, called `name` in findings.

    Raises:
        FindingsError: one finding for every field that is wrong.
    """
    return validated(read_yaml(path, name=name), kind, name=name)


def validated(data: object, kind: type[T], *, name: str) -> T:
    """`data` as an object of type `kind`; raises as `read_object`."""
    try:
        # Pydantic's JSON mode reads strings as enumerations and still converts nothing else.
        return kind.model_validate_json(_as_json(data), by_alias=True, by_name=False)
    except ValidationError as error:
        raise FindingsError(_finding(name, kind, fault) for fault in error.errors()) from None


def _as_json(data: object) -> str:
    return json.dumps(data, default=str)


def _finding(name: str, kind: type[BaseModel], fault: Any) -> Finding:  # noqa: ANN401 - pydantic types no fault
    where = ".".join(str(part) for part in fault["loc"]) or kind.__name__
    found = "nothing" if fault["type"] == "missing" else _shown(fault["input"])
    return Finding(
        file=name,
        object=where,
        what="unknown key" if fault["type"] == "extra_forbidden" else "invalid value",
        wanted=_wanted(fault),
        found=found,
        next_step=_NEXT_STEP.get(fault["type"], "correct the value"),
    )


def _wanted(fault: Any) -> str:  # noqa: ANN401 - as above
    if fault["type"] == "extra_forbidden":
        return "a key of the schema"
    if fault["type"] == "missing":
        return "a value"
    message = str(fault["msg"])
    return message.removeprefix("Value error, ").removeprefix("Input should be ")


def _shown(value: object) -> str:
    return textwrap.shorten(repr(value), width=60, placeholder=" ...")


def collect(findings: list[Finding], read: Callable[[], T]) -> T | None:
    """What `read` returns, or None with its findings added to `findings`."""
    try:
        return read()
    except FindingsError as error:
        findings.extend(error.findings)
        return None
