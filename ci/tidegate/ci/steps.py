"""The steps that a change must pass, in order, and the files that each of them reads.

`tidegate ci`, scripts/test, the commit hooks and the Dagger module read this one list, so a step
has the same name and the same meaning wherever it runs.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

FINDINGS = 1
# zizmor ends with 11 to 14, by the worst severity that it found.
ZIZMOR_FINDINGS = (11, 12, 13, 14)


class Need(StrEnum):
    """What a command needs beyond the environment of scripts/setup."""

    DOCKER = "docker"
    LAB = "lab"
    TRIVY = "trivy"


@dataclass(frozen=True, slots=True)
class Command:
    """One program that judges the repository.

    Words of `line` may hold `{results}`, the folder for what is exported, and `{image:NAME}`, an
    outside image by digest. A relative program is one of the environment.
    """

    name: str
    line: tuple[str, ...]
    reads: tuple[str, ...]
    """Patterns of the files that its result follows from, relative to the repository."""
    needs: tuple[Need, ...] = ()
    findings: tuple[int, ...] = (FINDINGS,)
    """Exit codes that mean findings; any other but 0 means that it could not check.

    None for Trivy: it exits 1 where its database cannot be had, and 0 whatever it finds.
    """
    after: tuple[str, ...] = ()
    """Commands before it, none of them `beside`, whose results it judges.

    Where one of them ran and did not pass, what it would find is of an earlier run: it is not run.
    """
    beside: bool = False
    """Whether it runs beside those after it: it waits for other programs much of its time."""


@dataclass(frozen=True, slots=True)
class Step:
    """Commands that answer one question; the Dagger module has a function of the same name."""

    name: str
    about: str
    commands: tuple[Command, ...]


PYTHON = ("*.py", "pyproject.toml", "requirements/*")
IMAGE = ("ci/images/*", "requirements/engine.txt")
# Tests that hold the repository's own files to its rules; the others bring their own.
REPOSITORY_TESTS = ("tests/test_repo_shape.py", "tests/test_fixtures_apply.py")
# Each check of the repository, seen to find its fault in a copy of the repository.
FIXTURE_TESTS = "tests/unit/test_fixtures.py"
TEST_CODE = ("tests/conftest.py", "tests/loopback.py", "tests/unit/fixture_files.py")
FIXTURE_CODE = (FIXTURE_TESTS, *TEST_CODE)
# What both checks and promotions are made of.
_SHARED = (
    *("catalog/*", "cli/*", "manifests/*", "policy/*", "supply/*"),
    *("*__init__.py", "cache.py", "checks.yaml", "findings.py", "machine_yaml.py", "oci.py"),
    *("registry.py", "tls.py", "gates/verdict.py", "lab/paths.py"),
)
# The code that checks and renders; a change of any other makes no fixture's finding another one.
_CHECKS = ("ci/changes.py", "evidence/kinds.py", "evidence/schema.py", "promotion/git.py")
CHECKING = tuple(f"ci/tidegate/{part}" for part in (*_SHARED, *_CHECKS))
# The code that decides what may be promoted, writes it to git and reads it from there.
PROMOTION_TESTS = "tests/unit/promotion"
PROMOTING = tuple(f"ci/tidegate/{part}" for part in (*_SHARED, "evidence/*", "promotion/*"))
PROMOTION_CODE = (f"{PROMOTION_TESTS}/*", "tests/unit/evidence/*", *TEST_CODE)
# They wait for slow answers, on purpose, half of their time.
GATE_TESTS = "tests/unit/gates"
# What tests copy and break. Not what serves alone (overlays/ENVIRONMENT/SERVICE), its golden file,
# and documents: the checks judge those, and each fixture is held to what it changes always.
COPIED = (
    *("base/*", "ci/images/*", "clusters/*", "exceptions/*", "models/*", "policies/*"),
    *("overlays/*.json", "overlays/signers.yaml", "overlays/*/policy.yaml", "overlays/examples/*"),
    *("overlays/*/environment/*", "overlays/*/namespace/*", "overlays/*/profile/*"),
)
FIXTURES = ("tests/fixtures/invalid/*", "tests/fixtures/valid/*")
UNIT = (*PYTHON, *COPIED, "ci/*", "tests/fixtures/*", "tools/*")
# The README's commands, the demo first, on real engines; what documents say beside it; and how the
# lab starts and ends an engine.
README_TESTS = "tests/lab/test_readme.py"
PAGES = "command_of_a_page_runs"
LAB_TESTS = ("tests/lab/test_interrupted.py", "tests/lab/test_real_engine.py")
LAB = ("tests/lab/*", "models/*", "requirements/*", "scripts/*")
DOCUMENT_TESTS = (README_TESTS, "-k", "every_link")
ENGINE = "tidegate-engine:ci"
BUILD = "build/image"
# The image that was built here, or none: a registry may have another one of that name.
TRIVY = ("trivy", "image", "--quiet", "--image-src", "docker")
# Relative to the linter's own module, and named: a container has no .git to find them by.
WORKFLOWS = ("../../.github/workflows/ci.yaml", "../../.github/workflows/release.yaml")
PYTEST = ("pytest", "-q", "--junitxml={results}/{name}.xml")

STEPS = (
    Step(
        "lint",
        "Every linter, and the pins.",
        (
            Command("format", ("ruff", "format", "--check", "--quiet"), PYTHON),
            Command("rules", ("ruff", "check", "--quiet"), PYTHON),
            Command("types", ("mypy",), PYTHON),
            Command("layers", ("lint-imports", "--no-cache"), PYTHON),
            Command("pins", ("python", "scripts/constraints.py", "--check"), PYTHON),
            Command(
                "dockerfile",
                ("hadolint", "ci/images/engine/Dockerfile"),
                ("ci/images/engine/*",),
            ),
            Command(
                "workflows",
                ("zizmor", "--offline", "--quiet", "--no-progress", ".github"),
                (".github/*",),
                findings=ZIZMOR_FINDINGS,
            ),
            Command(
                "actions",
                ("go", "-C", "tools/lint", "tool", "actionlint", *WORKFLOWS),
                (".github/*", "tools/lint/*"),
            ),
        ),
    ),
    Step(
        "check",
        "Every unit rendered, and everything that is wrong with the repository.",
        (Command("repository", ("tidegate", "check"), ("*",)),),
    ),
    Step(
        "test",
        "Every test that needs no cluster, the real engines of the lab included.",
        (
            *(
                Command(name, (*PYTEST, *tests), (*reads, *LAB), needs=(Need.LAB,), beside=True)
                for name, tests, reads in (
                    ("engines", (README_TESTS, "-k", f"not {PAGES}"), ("ci/tidegate/*",)),
                    ("lab", LAB_TESTS, ("ci/tidegate/lab/*", "ci/tidegate/catalog/data/*")),
                    ("pages", (README_TESTS, "-k", PAGES), ("ci/tidegate/cli/*",)),
                )
            ),
            Command("gates", (*PYTEST, GATE_TESTS), UNIT, beside=True),
            Command("repository", (*PYTEST, *REPOSITORY_TESTS), ("*",)),
            Command(
                "fixtures",
                (*PYTEST, "-n", "2", FIXTURE_TESTS),
                (*CHECKING, *COPIED, *FIXTURES, *FIXTURE_CODE, "pyproject.toml", "requirements/*"),
            ),
            Command(
                "promotion",
                (*PYTEST, "-n", "2", PROMOTION_TESTS),
                (*PROMOTING, *COPIED, *PROMOTION_CODE, "pyproject.toml", "requirements/*"),
            ),
            Command("documents", (*PYTEST, *DOCUMENT_TESTS), ("*.md", "docs/*")),
            Command(
                "unit",
                (
                    *(*PYTEST, "-n", "2", "tests", "--ignore", "tests/lab"),
                    *(
                        f"--ignore={tests}"
                        for tests in (
                            *REPOSITORY_TESTS,
                            FIXTURE_TESTS,
                            GATE_TESTS,
                            PROMOTION_TESTS,
                        )
                    ),
                ),
                UNIT,
            ),
        ),
    ),
    Step(
        "build",
        "The engine image, from hashed pins, as a user without rights.",
        (
            Command(
                "image",
                (
                    *("docker", "build", "--file", "ci/images/engine/Dockerfile"),
                    *("--target", "cpu", "--build-arg", "BASE={image:python}"),
                    *("--tag", ENGINE, "."),
                ),
                IMAGE,
                needs=(Need.DOCKER,),
            ),
        ),
    ),
    Step(
        "sbom",
        "What the image is made of, in CycloneDX and in SPDX.",
        tuple(
            Command(
                kind,
                (
                    *(*TRIVY, "--format", kind),
                    *("--output", f"{{results}}/sbom.{kind}.json", ENGINE),
                ),
                IMAGE,
                needs=(Need.DOCKER, Need.TRIVY),
                findings=(),
                after=(BUILD,),
            )
            for kind in ("cyclonedx", "spdx-json")
        ),
    ),
    Step(
        "scan",
        "Known vulnerabilities of the image, judged by ci/images/scan-policy.yaml.",
        (
            Command(
                "report",
                (
                    *(*TRIVY, "--format", "json", "--scanners", "vuln,secret"),
                    *("--output", "{results}/scan.json", ENGINE),
                ),
                IMAGE,
                needs=(Need.DOCKER, Need.TRIVY),
                findings=(),
                after=(BUILD,),
            ),
            Command(
                "sarif",
                (
                    *("trivy", "convert", "--quiet", "--format", "sarif"),
                    *("--output", "{results}/scan.sarif", "{results}/scan.json"),
                ),
                IMAGE,
                needs=(Need.DOCKER, Need.TRIVY),
                findings=(),
                after=("scan/report",),
            ),
            Command(
                "database",
                ("trivy", "version", "--format", "json"),
                IMAGE,
                needs=(Need.DOCKER, Need.TRIVY),
                findings=(),
            ),
            Command(
                "policy",
                (
                    *("tidegate", "scan", "{results}/scan.json"),
                    *("--database", "{results}/scan-database.log"),
                    *("--output", "{results}/verdict.json"),
                ),
                IMAGE,
                needs=(Need.DOCKER, Need.TRIVY),
                after=("scan/report", "scan/database"),
            ),
        ),
    ),
    Step(
        "smoke",
        "The image serves a model, and the model's gates pass.",
        (
            Command(
                "gates",
                ("tidegate", "smoke", ENGINE, "--markdown", "{results}/gates.md"),
                (*IMAGE, "ci/tidegate/gates/*", "models/*"),
                needs=(Need.DOCKER, Need.LAB),
                after=(BUILD,),
            ),
        ),
    ),
)


def named() -> Iterator[tuple[str, Step, Command]]:
    """Every command in order, as `step/command`."""
    for step in STEPS:
        for command in step.commands:
            yield f"{step.name}/{command.name}", step, command


def affected(command: Command, changed: Iterable[str]) -> bool:
    """Whether one of the changed files is one that the command reads."""
    return any(fnmatchcase(file, pattern) for file in changed for pattern in command.reads)
