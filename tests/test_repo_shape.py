"""The house budgets: small functions, modules and files; no word that does not belong here."""

import ast
import re
import statistics
import subprocess
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "ci" / "tidegate"
GENERATED = ("tests/golden/", "requirements/", "ci/tidegate/catalog/data/")
# Two templates of a line or two may well be equal.
COPY_BYTES = 100
# Spelt apart, so that this file does not name what it forbids.
FORBIDDEN = [
    "pypi" + r"\.org",
    "python" + "hosted",
    "proxy" + r"\.golang",
    "registry" + r"\.npmjs",
    "deb" + r"\.debian",
    "crates" + r"\.io",
]


def tracked(*suffixes: str) -> list[Path]:
    """Files that git tracks or would track, by suffix; all without one."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [ROOT / line for line in listed.splitlines()]
    return [p for p in paths if p.is_file() and (not suffixes or p.suffix in suffixes)]


def name(path: Path) -> str:
    """A path as the repository calls it."""
    return path.relative_to(ROOT).as_posix()


def lines(path: Path) -> int:
    """Number of lines of a file."""
    return len(path.read_text(encoding="utf-8").splitlines())


def python_files(folder: str) -> list[Path]:
    """Tracked Python files below a folder."""
    return [path for path in tracked(".py") if name(path).startswith(f"{folder}/")]


def functions(folder: str) -> Iterator[tuple[str, int]]:
    """Every function with its length in lines, without its docstring."""
    for path in python_files(folder):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) and node.body[1:] else node.body
                length = (body[-1].end_lineno or 0) - body[0].lineno + 1
                yield f"{name(path)}:{node.name}", length


def over(found: Iterator[tuple[str, int]], limit: int) -> list[tuple[str, int]]:
    """What is longer than it may be."""
    return [(what, length) for what, length in found if length > limit]


@pytest.mark.parametrize("folder", ["ci", "tests", "scripts"])
def test_no_function_is_longer_than_forty_lines(folder: str) -> None:
    """A function does one thing."""
    assert over(functions(folder), 40) == []


def test_half_of_all_functions_are_at_most_eight_lines() -> None:
    """The median function is read at a glance."""
    assert statistics.median(length for _, length in functions("ci")) <= 8


@pytest.mark.parametrize("folder", ["ci", "tests"])
def test_no_module_is_longer_than_three_hundred_lines(folder: str) -> None:
    """A module has one subject."""
    assert over(((name(p), lines(p)) for p in python_files(folder)), 300) == []


def test_dagger_functions_are_at_most_fifteen_lines() -> None:
    """The pipeline wires; it does not think."""
    assert over(functions("ci/tidegate/pipeline"), 15) == []


def test_a_leaf_kustomization_is_at_most_twenty_five_lines() -> None:
    """Which and where fits on half a screen."""
    found = [p for p in tracked(".yaml") if p.name == "kustomization.yaml"]

    assert found
    assert over(((name(p), lines(p)) for p in found), 25) == []


def test_a_manifest_is_at_most_eighty_lines() -> None:
    """One object a file, and no object without end; evaluation sets are data."""
    found = [p for p in tracked(".yaml") if name(p).startswith(("base/", "overlays/", "clusters/"))]

    assert over(((name(p), lines(p)) for p in found), 80) == []


def test_scripts_are_thin() -> None:
    """Logic lives in the package: 30 lines of shell, 100 of Python."""
    found = [p for p in tracked() if p.parent.name in {"scripts", ".ci"}]
    shell = [p for p in found if p.suffix != ".py"]

    assert shell
    assert over(((name(p), lines(p)) for p in shell), 30) == []
    assert over(((name(p), lines(p)) for p in found if p.suffix == ".py"), 100) == []


def test_relative_paths_climb_at_most_three_folders() -> None:
    """A path that climbs further belongs elsewhere."""
    deep = re.compile(r"(\.\./){4}")

    assert [name(p) for p in tracked(".yaml", ".md") if deep.search(p.read_text())] == []


def test_tests_outweigh_the_source() -> None:
    """At least 1.2 lines of tests for each line of the package; generated files do not count."""
    source = sum(map(lines, python_files("ci")))
    fixtures = [p for p in tracked(".yaml") if name(p).startswith("tests/fixtures/")]
    tests = sum(map(lines, [*python_files("tests"), *fixtures]))

    assert tests / source >= 1.2


def test_nothing_hides_from_the_type_checker() -> None:
    """No check of types is switched off."""
    marker = re.compile(r"#\s*type:\s*" + "ignore")

    assert [name(p) for p in tracked(".py") if marker.search(p.read_text())] == []


def test_every_switched_off_lint_rule_has_a_reason() -> None:
    """A `noqa` says which rule and why."""
    marker = re.compile(r"#\s*noqa(?!: [A-Z]+\d+(, [A-Z]+\d+)* - \w)")
    found = [
        f"{name(path)}: {line.strip()}"
        for path in tracked(".py")
        for line in path.read_text().splitlines()
        if marker.search(line) and path != Path(__file__)
    ]

    assert found == []


def test_no_file_names_a_package_registry() -> None:
    """Pins name no host: any mirror serves them."""
    hosts = re.compile("|".join(FORBIDDEN))
    found = [name(p) for p in tracked() if hosts.search(p.read_text(errors="ignore"))]

    assert found == []


def test_every_dependency_has_a_reason() -> None:
    """Each package that is asked for by name has its row in docs/explanation/dependencies.md."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"].values()
    asked = [*project["project"]["dependencies"], *(name for group in groups for name in group)]
    names = {match[0] for name in asked if (match := re.match(r"[\w-]+", str(name)))}
    page = (ROOT / "docs" / "explanation" / "dependencies.md").read_text()
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("|")]

    assert names - {name.strip() for row in rows for name in row.split(",")} == set()


def test_no_file_is_a_copy_of_another() -> None:
    """What two places need is shared, not copied."""
    texts = Counter(
        path.read_bytes()
        for path in tracked(".yaml", ".py", ".md", ".jinja")
        if not name(path).startswith(GENERATED) and path.stat().st_size > COPY_BYTES
    )

    assert [text[:80] for text, count in texts.items() if count > 1] == []


def test_every_public_function_says_what_it_does() -> None:
    """Docstrings on all public functions and classes of the package."""
    missing = [
        f"{name(path)}:{node.name}"
        for path in python_files("ci")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]

    assert missing == []


def test_no_manifest_names_an_image_without_digest() -> None:
    """No image by tag anywhere in base, overlays or clusters."""
    image = re.compile(r"^\s*(-\s*)?(image|reference):\s*['\"]?(?P<name>[^\s{'\"]+)", re.MULTILINE)
    found = [
        (name(p), match["name"])
        for p in tracked(".yaml")
        if name(p).startswith(("base/", "overlays/", "clusters/"))
        for match in image.finditer(p.read_text())
        if "@sha256:" not in match["name"] and not match["name"].startswith("REPLACE_ME")
    ]

    assert found == []
