"""The list of steps: names, files that exist, and what a change makes run."""

import re
import shutil
import subprocess
import sys
from functools import cache
from importlib import import_module
from pathlib import Path

import grimp
import pytest
import typer
from tests.conftest import ROOT
from tests.unit.fixture_files import files as fixture_files
from tests.unit.fixture_files import read

from tidegate.ci.steps import (
    LAB_TESTS,
    PROMOTION_TESTS,
    README_TESTS,
    STEPS,
    WORKFLOWS,
    Command,
    affected,
    named,
)
from tidegate.cli.app import COMMANDS, app
from tidegate.policy.repository import CODE
from tidegate.promotion.git import Repository

CALLED = re.compile(r'\bcli\(\s*"([a-z-]+)"')
NEEDED_ELSEWHERE = {"docker", "trivy"}


def runs(*changed: str) -> set[str]:
    """The commands that a change makes run."""
    return {name for name, _, command in named() if affected(command, changed)}


def test_names_are_unique_and_can_name_files() -> None:
    """A log and a JUnit file are called by them."""
    names = [name for name, _, _ in named()]

    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+/[a-z-]+", name) for name in names)
    assert all(step.about.endswith(".") for step in STEPS)


def test_a_command_judges_what_has_ended_before_it() -> None:
    """Those that run beside others may end later."""
    ended: set[str] = set()
    for name, _, command in named():
        assert ended.issuperset(command.after), name
        ended |= set() if command.beside else {name}


@pytest.mark.parametrize("name", ["sbom/cyclonedx", "sbom/spdx-json", "scan/report", "smoke/gates"])
def test_an_image_that_was_not_built_is_not_judged(name: str) -> None:
    """Docker still has the one of the run before, under the same name."""
    assert next(command.after for found, _, command in named() if found == name) == ("build/image",)


@pytest.mark.parametrize("name", [name for name, _, _ in named()])
def test_every_program_is_installed_by_setup_or_asked_for(name: str) -> None:
    """What setup does not bring is a need, so that its absence is told."""
    program = next(command.line[0] for found, _, command in named() if found == name)

    beside = (Path(sys.executable).parent / program).exists()
    assert beside or program in NEEDED_ELSEWHERE, shutil.which(program)


OWN = [pytest.param(c.line[1:], id=name) for name, _, c in named() if c.line[0] == "tidegate"]


@pytest.mark.parametrize("line", OWN)
def test_every_command_of_ours_is_one_that_the_command_line_knows(line: tuple[str, ...]) -> None:
    """With its arguments and options; nothing is run."""
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)

    context = group.commands[line[0]].make_context(line[0], list(line[1:]))

    assert context.params


def test_every_workflow_is_linted() -> None:
    """The linter names them one by one."""
    found = {path.name for path in (ROOT / ".github" / "workflows").iterdir()}

    assert {Path(file).name for file in WORKFLOWS} == found


@pytest.mark.parametrize("pattern", sorted({p for _, _, c in named() for p in c.reads}))
def test_every_pattern_matches_a_file(pattern: str) -> None:
    """A pattern that matches nothing would keep its command from ever running."""
    command = Command("one", ("true",), (pattern,))

    assert affected(command, tracked())


@cache
def tracked() -> tuple[str, ...]:
    """The repository's own files."""
    return tuple(Repository(ROOT).run("ls-files", "-z").split("\0"))


# What a change of these can break, the checks or the other tests of the repository see at once.
SEEN_ELSEWHERE = re.compile(
    r"\.ci/|\.github/|docs/|tests/golden/|overlays/\w+/(generator|reranker|retriever|translator)/"
)


@pytest.mark.parametrize("kind", ["invalid", "valid"])
def test_a_fixture_runs_again_where_it_changes_or_what_it_changes(kind: str) -> None:
    """All of them do, whichever it is."""
    for path in fixture_files(kind):
        changed = read(path)["file"]
        found = changed if Path(changed).suffix else f"{changed}/kustomization.yaml"

        assert "test/fixtures" in runs(str(path.relative_to(ROOT)))
        assert ("test/fixtures" in runs(found)) is not bool(SEEN_ELSEWHERE.match(found)), path


def loaded(code: str, *arguments: str | Path) -> set[str]:
    """The files of the package that a process has loaded at its end, from the repository's root."""
    told = (
        "import atexit, sys\n"
        "names = lambda: [m.__file__ for n, m in sys.modules.items() if n.startswith('tidegate')]\n"
        "atexit.register(lambda: print(*filter(None, names()), sep='\\n', file=sys.stderr))\n"
    )
    command = [sys.executable, "-c", told + code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    files = [Path(line) for line in done.stderr.splitlines()]
    assert len(files) > 20
    return {file.relative_to(ROOT).as_posix() for file in files}


def test_fixtures_run_again_for_all_code_that_checks_and_renders(repository: Path) -> None:
    """Whatever these commands load, and no code that they do not."""
    command = "from tidegate.cli import main; main()"
    found = loaded(command, "check", "--root", repository)
    found |= loaded(command, "render", "--update", "--root", repository)

    assert [file for file in sorted(found) if "test/fixtures" not in runs(file)] == []
    assert "test/fixtures" not in runs("ci/tidegate/promotion/write.py")


def test_promotions_run_again_for_all_code_that_their_tests_lead_to() -> None:
    """Whatever these import, the commands that they call among it, and none of the gates."""
    files = [*(ROOT / PROMOTION_TESTS).glob("*.py"), ROOT / "tests" / "conftest.py"]
    files += (ROOT / "tests" / "unit" / "evidence").glob("[!t]*.py")
    text = "".join(file.read_text() for file in files)
    graph = grimp.build_graph("tidegate", exclude_type_checking_imports=True)
    own = {f"tidegate.cli.{COMMANDS[one].partition(':')[0]}" for one in CALLED.findall(text)}
    own |= {one for one in graph.modules if re.search(rf"\b{re.escape(one)}\b", text)}
    led_to = own.union(*map(graph.find_upstream_modules, own))
    sources = {import_module(module).__file__ or "" for module in led_to}

    changed = [Path(file).relative_to(ROOT).as_posix() for file in sorted(sources)]
    assert len(changed) > 50
    assert [file for file in changed if "test/promotion" not in runs(file)] == []
    assert "test/promotion" not in runs("ci/tidegate/gates/judge.py")


def test_a_verdict_is_remembered_for_all_code_that_it_follows_from() -> None:
    """Where a module that judges is another, its verdicts are worked out again."""
    root = ROOT / "ci" / "tidegate"
    known = {file.relative_to(ROOT).as_posix() for one in CODE for file in root.glob(one)}

    assert loaded("import tidegate.policy.repository") <= known


def test_a_change_of_documents_costs_seconds() -> None:
    """No engine, no image, no unit test."""
    assert runs("docs/how-to/add-a-model.md") == {
        "check/repository",
        "test/repository",
        "test/documents",
    }


def test_a_change_of_one_overlay_renders_and_checks() -> None:
    """And nothing that it cannot break."""
    assert runs("overlays/production/generator/kustomization.yaml") == {
        "check/repository",
        "test/repository",
    }


def test_a_change_of_code_runs_every_test_and_no_image() -> None:
    """What the gates are made of runs on a real engine too."""
    found = runs("ci/tidegate/findings.py")

    assert {"lint/types", "test/fixtures", "test/promotion", "test/unit", "test/engines"} <= found
    assert not any(name.startswith(("build", "sbom", "scan")) for name in found)


@pytest.mark.parametrize(
    ("file", "name"),
    [("ci/tidegate/lab/server.py", "test/lab"), ("ci/tidegate/cli/lab.py", "test/pages")],
)
def test_what_takes_minutes_on_engines_runs_for_what_it_is_about(file: str, name: str) -> None:
    """Every change of code runs the README's commands; those of other pages, the command line's."""
    assert {name, "test/engines"} <= runs(file)
    assert name not in runs("ci/tidegate/gates/latency.py")


def test_every_test_of_the_lab_is_one_of_a_command() -> None:
    """A new file of tests is named here or runs for no pull request."""
    files = {path.relative_to(ROOT).as_posix() for path in (ROOT / "tests/lab").glob("test_*.py")}

    assert files == {README_TESTS, *LAB_TESTS}


@pytest.mark.parametrize(
    "file",
    [
        "base/engine/deployment.yaml",
        "ci/tidegate/checks.yaml",
        "models/qwen3-8b/model.yaml",
        "overlays/dev/environment/environment.yaml",
        "tests/fixtures/faults/pod-root.yaml",
    ],
)
def test_what_unit_tests_copy_or_read_runs_them(file: str) -> None:
    """They break a copy of the repository, and read fixtures and data of the package."""
    assert "test/unit" in runs(file)
    assert (ROOT / file).is_file()


@pytest.mark.parametrize("file", ["requirements/engine.txt", "ci/images/engine/Dockerfile"])
def test_a_change_of_the_image_builds_scans_and_serves_it(file: str) -> None:
    """From the bill of materials to the gates."""
    assert {"build/image", "sbom/cyclonedx", "scan/policy", "smoke/gates"} <= runs(file)


def test_a_file_that_nobody_knows_is_checked_all_the_same() -> None:
    """The repository's own rules read everything."""
    assert runs("new-kind-of-file.txt") == {"check/repository", "test/repository"}
