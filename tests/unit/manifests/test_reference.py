"""The table of components is what is there, and says which units use each one."""

from pathlib import Path

import pytest
from tests.conftest import ROOT
from tests.unit.manifests.samples import generator

from tidegate.manifests.reference import REFERENCE, check_reference, components, update_reference
from tidegate.manifests.render import Rendered

PURPOSE = "# Queue\n\n## Purpose\n\nScales by\nqueue. More.\n\nEven more.\n\n## Usage\n\nList it.\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository of one component, which brings another, and one unit that lists it."""
    for name, text in {
        "base/components/queue/README.md": PURPOSE,
        "base/components/queue/kustomization.yaml": "components: [../scaling]\n",
        "base/components/scaling/README.md": PURPOSE.replace("queue. More", "nothing"),
        "base/components/scaling/kustomization.yaml": "kind: Component\n",
        "overlays/dev/generator/kustomization.yaml": (
            "components: [../../../base/components/queue]\n"
        ),
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


RENDERED = [Rendered(generator(), "", ())]


def rows(root: Path) -> list[str]:
    """The table's rows."""
    update_reference(root, RENDERED)
    return [line for line in (root / REFERENCE).read_text().splitlines() if line.startswith("| [")]


def test_a_row_has_the_first_sentence_and_the_units(tree: Path) -> None:
    """A unit uses what its components bring with them, too."""
    assert rows(tree) == [
        f"| [{name}](../../base/components/{name}/README.md) | Scales by {what} | dev/generator |"
        for name, what in (("queue", "queue"), ("scaling", "nothing"))
    ]


def test_a_component_that_no_unit_lists_is_used_by_none(tree: Path) -> None:
    """It stays in the table, so that people find it."""
    (tree / "overlays/dev/generator/kustomization.yaml").write_text("components: []\n")

    assert [row.endswith("| none |") for row in rows(tree)] == [True, True]


@pytest.mark.parametrize(
    ("readme", "found"),
    [
        (None, "none"),
        ("# Queue\n", "another text"),
        (PURPOSE.replace("## Usage", "## How"), "another text"),
        (PURPOSE.replace("## Purpose", "## Why"), "another text"),
    ],
)
def test_a_component_has_a_purpose_and_a_usage(readme: str | None, found: str, tree: Path) -> None:
    """Both sections, under these names."""
    path = tree / "base/components/queue/README.md"
    path.unlink()
    if readme is not None:
        path.write_text(readme)
    update_reference(tree, RENDERED)

    (finding,) = check_reference(tree, RENDERED)

    assert (finding.file, finding.found) == ("base/components/queue/README.md", found)


@pytest.mark.parametrize(("text", "found"), [(None, "no file"), ("old", "other content")])
def test_a_table_that_drifted_is_told(text: str | None, found: str, tree: Path) -> None:
    """Absence and difference are told apart."""
    if text is not None:
        (tree / REFERENCE).parent.mkdir(parents=True)
        (tree / REFERENCE).write_text(text)

    (finding,) = check_reference(tree, RENDERED)

    assert (finding.what, finding.found) == ("drifted", found)


def test_components_are_found_where_kustomize_finds_them() -> None:
    """Relative to the kustomization that lists them, those of models included."""
    found = set(components(ROOT / "overlays" / "production" / "generator"))

    assert {ROOT / "base/components/scaling-queue", ROOT / "base/model"} <= found
