"""The registry of findings: each is told in the same words everywhere, and those have one code."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from tidegate.machine_yaml import read_all


@dataclass(frozen=True, slots=True)
class Check:
    """One kind of finding; `covers` names rows of the lists of known mistakes."""

    code: str
    what: str
    protects: str
    covers: tuple[str, ...] = ()


@cache
def registry() -> dict[str, Check]:
    """Every check by its code, in order."""
    (listed,) = read_all(files("tidegate").joinpath("checks.yaml").read_text(encoding="utf-8"))
    return {
        one["code"]: Check(one["code"], one["what"], one["protects"], tuple(one.get("covers", ())))
        for one in listed
    }


@cache
def _codes() -> dict[str, str]:
    return {check.what: check.code for check in registry().values()}


def code_of(what: str) -> str:
    """The code of what a finding says; empty for what no check of the repository says."""
    return _codes().get(what, "")
