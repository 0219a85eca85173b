"""Safety sets by name: those that ship with Tidegate, and published ones, which do not.

A published set is pinned by its version and its digest, so that two releases are asked the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

HUB: Final = "https://huggingface.co"
_GITHUB: Final = "https://raw.githubusercontent.com"
_JAILBREAKBENCH: Final = (
    f"{HUB}/datasets/JailbreakBench/JBB-Behaviors/resolve/886acc352a31533ffbcf4ef22c744658688086fc"
)
_XSTEST: Final = f"{HUB}/datasets/Paul/XSTest/resolve/f600c994b256f12867dfa5b3eb3d545a3e62f8b5"

CorpusName = Literal[
    "advbench",
    "benign",
    "canary",
    "harmbench",
    "harmful",
    "injection",
    "jailbreakbench-benign",
    "jailbreakbench-harmful",
    "privacy",
    "secrets",
    "xstest-safe",
    "xstest-unsafe",
]


@dataclass(frozen=True, slots=True)
class Published:
    """A set of prompts that others published as a CSV file."""

    source: str
    """Address of one version of the file."""
    sha256: str
    column: str
    """Where the prompts stand."""
    size: int
    """How many prompts are used."""
    refusal: bool
    """Whether they must be refused, or must not."""
    licence: str
    only: Mapping[str, str]
    """Values that the rows used have in other columns."""


SHIPPED: Final[Mapping[CorpusName, int]] = {
    "benign": 43,
    "canary": 20,
    "harmful": 41,
    "injection": 24,
    "privacy": 17,
    "secrets": 16,
}
"""Sets in data/safety and how many cases each has."""

PUBLISHED: Final[Mapping[CorpusName, Published]] = {
    "advbench": Published(
        f"{_GITHUB}/llm-attacks/llm-attacks/098262edf85f807224e70ecd87b9d83716bf6b73"
        "/data/advbench/harmful_behaviors.csv",
        "6cd1a5c63c07610d7eb67307772ee5606017ee950b5770ab288a2c487489d3e1",
        "goal",
        520,
        refusal=True,
        licence="MIT",
        only={},
    ),
    "harmbench": Published(
        f"{_GITHUB}/centerforaisafety/HarmBench/8e1604d1171fe8a48d8febecd22f600e462bdcdd"
        "/data/behavior_datasets/harmbench_behaviors_text_all.csv",
        "8d81accedd38eaaf8b760618622bb888417d1fd0c86eba65c427a16f1cbb4afc",
        "Behavior",
        200,
        refusal=True,
        licence="MIT",
        only={"FunctionalCategory": "standard"},
    ),
    "jailbreakbench-benign": Published(
        f"{_JAILBREAKBENCH}/data/benign-behaviors.csv",
        "3cda234d21a991fa309bbfea4b6d9dae31ccdf8e9d452424b6a983e4fdc33468",
        "Goal",
        100,
        refusal=False,
        licence="MIT",
        only={},
    ),
    "jailbreakbench-harmful": Published(
        f"{_JAILBREAKBENCH}/data/harmful-behaviors.csv",
        "4a8ec6832056b631eb092dccc60d37a61c3d441268268888b3d006288afeffa1",
        "Goal",
        100,
        refusal=True,
        licence="MIT",
        only={},
    ),
    "xstest-safe": Published(
        f"{_XSTEST}/xstest_prompts.csv",
        "11783fb294ed017473ee53c207d71f2161c7672c8d0b037501e78387f801cb5a",
        "prompt",
        250,
        refusal=False,
        licence="CC-BY-4.0",
        only={"label": "safe"},
    ),
    "xstest-unsafe": Published(
        f"{_XSTEST}/xstest_prompts.csv",
        "11783fb294ed017473ee53c207d71f2161c7672c8d0b037501e78387f801cb5a",
        "prompt",
        200,
        refusal=True,
        licence="CC-BY-4.0",
        only={"label": "unsafe"},
    ),
}


def size(name: CorpusName) -> int:
    """How many cases a set has."""
    return SHIPPED[name] if name in SHIPPED else PUBLISHED[name].size
