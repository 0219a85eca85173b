"""What Argo CD would apply, printed or written to the golden files."""

from pathlib import Path

import pytest
from tests.conftest import ROOT, Cli

GOLDEN = ROOT / "tests" / "golden"
GENERATOR = "overlays/dev/generator/kustomization.yaml"
UNITS = [
    f"{environment}/{service}"
    for environment in ("dev", "staging", "production")
    for service in ("generator", "reranker", "retriever")
]
NAMES = [*UNITS, "dev/namespace", "examples/spot", "clusters/lab", "platform/policies"]


def snapshot(root: Path) -> dict[Path, bytes]:
    """Every file of a folder."""
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", NAMES[2::3])
def test_a_unit_is_printed_as_its_golden_file_has_it(name: str, cli: Cli) -> None:
    """Byte for byte, and nothing else, so that it can be piped into kubectl."""
    ran = cli("render", name, "--root", ROOT)

    assert (ran.code, ran.err) == (0, "")
    assert (GOLDEN / f"{name}.yaml").read_text() == ran.out


def test_all_units_are_one_stream_of_documents(cli: Cli) -> None:
    """In the order in which releases travel, without what stands beside them."""
    ran = cli("render", "--root", ROOT)

    assert ran.code == 0
    assert "---\n".join((GOLDEN / f"{name}.yaml").read_text() for name in UNITS) == ran.out


@pytest.mark.parametrize(
    ("unit", "line"),
    [
        (
            "dev/translator",
            (
                "overlays/dev/translator/kustomization.yaml: service: unknown service; "
                "wanted one of generator, reranker, retriever, found translator - "
            ),
        ),
        (
            "test/generator",
            (
                "overlays/test/generator/kustomization.yaml: environment: unknown environment; "
                "wanted one of dev, production, staging, found test - "
            ),
        ),
        ("dev", "overlays/dev//kustomization.yaml: service: unknown service; "),
        ("dev/generator/more", "found generator/more - "),
    ],
    ids=["service", "environment", "half", "too long"],
)
def test_a_unit_that_is_not_there_is_told_with_those_that_are(
    unit: str, line: str, cli: Cli
) -> None:
    """Nothing is printed that could be applied."""
    ran = cli("render", unit, "--root", ROOT)

    assert (ran.code, ran.out) == (1, "")
    assert line in ran.err


def test_a_broken_unit_is_told_beside_the_others(repository: Path, cli: Cli) -> None:
    """The sound ones are printed, and the exit code says that it is not all."""
    (repository / GENERATOR).write_text("components: []\n")

    ran = cli("render", "--root", repository)

    assert ran.code == 1
    assert "---\n".join((GOLDEN / f"{name}.yaml").read_text() for name in UNITS[1:]) == ran.out
    assert [line.partition(":")[0] for line in ran.err.splitlines()] == [GENERATOR]


def test_updating_what_is_up_to_date_changes_nothing(repository: Path, cli: Cli) -> None:
    """Golden files and schemas are what the repository makes of itself."""
    before, count = snapshot(repository), len(list(GOLDEN.glob("*/*.yaml")))

    ran = cli("render", "--update", "--root", repository)

    assert (ran.code, ran.out) == (0, f"{count} golden files are up to date\n")
    assert before == snapshot(repository)


def test_updating_writes_golden_files_and_schemas(repository: Path, cli: Cli) -> None:
    """Lost, changed and orphaned files are as committed again."""
    before = snapshot(repository)
    (repository / "tests/golden/dev/generator.yaml").write_text("old\n")
    (repository / "tests/golden/dev/gone.yaml").write_text("old\n")
    (repository / "models/schema.json").unlink()

    assert cli("render", "--update", "--root", repository).code == 0

    assert before == snapshot(repository)


@pytest.mark.parametrize("text", ["components: []\n", "resources: [gone]\n"])
def test_updating_writes_nothing_while_a_unit_is_broken(
    text: str, repository: Path, cli: Cli
) -> None:
    """Else the golden file of the broken unit would be deleted as an orphan."""
    (repository / GENERATOR).write_text(text)
    (repository / "tests/golden/dev/reranker.yaml").write_text("old\n")
    before = snapshot(repository)

    ran = cli("render", "--update", "--root", repository)

    assert (ran.code, ran.out) == (1, "")
    assert before == snapshot(repository)
