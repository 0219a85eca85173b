"""Units: which there are, in which order, and what is wrong with the others."""

from pathlib import Path

import pytest
from tests.unit.manifests.samples import release

from tidegate.catalog.load import load_valid
from tidegate.findings import FindingsError
from tidegate.manifests.release import with_components, with_release
from tidegate.manifests.units import find_units, read_unit

FILE = "overlays/dev/generator/kustomization.yaml"


def test_units_stand_in_the_order_in_which_releases_travel(repository: Path) -> None:
    """Environments from first to last, not by the alphabet; services by name in each."""
    units, findings = find_units(load_valid(repository))

    assert findings == []
    assert [
        f"{environment}/{service}"
        for environment in ("dev", "staging", "production")
        for service in ("generator", "reranker", "retriever")
    ] == [unit.name for unit in units]


def test_a_unit_knows_its_files_model_and_release(repository: Path) -> None:
    """Everything that a promotion needs comes from one file."""
    path = repository / FILE
    path.write_text(with_release(path.read_text(), release()))

    unit = read_unit(load_valid(repository), "dev", "generator")

    assert unit.name == "dev/generator"
    assert unit.folder == "overlays/dev/generator"
    assert unit.file == FILE
    assert unit.model.name == "qwen3-8b"
    assert release() == unit.release


def test_a_unit_that_was_never_promoted_has_no_release(repository: Path) -> None:
    """A fork starts with units that run nothing."""
    assert read_unit(load_valid(repository), "dev", "generator").release is None


def test_a_faulty_unit_hides_no_other(repository: Path) -> None:
    """All findings are told at once, and the sound units are still there."""
    (repository / FILE).write_text("components: []\n")
    (repository / "overlays/staging/retriever/kustomization.yaml").unlink()

    units, findings = find_units(load_valid(repository))

    assert len(units) == 7
    assert [f.file for f in findings] == [FILE, "overlays/staging/retriever/kustomization.yaml"]


def test_what_is_no_folder_of_an_environment_is_no_unit(repository: Path) -> None:
    """Files beside the services and the environment's own values are not read as units."""
    (repository / "overlays/README.md").write_text("text")
    (repository / "overlays/dev/notes.yaml").write_text("text")

    units, findings = find_units(load_valid(repository))

    assert (len(units), findings) == (9, [])


def test_a_folder_of_no_environment_is_told_after_all_units(repository: Path) -> None:
    """It has no place on the way from the first environment to the last."""
    catalog = load_valid(repository)
    (repository / "overlays" / "attic" / "generator").mkdir(parents=True)

    units, findings = find_units(catalog)

    assert len(units) == 9
    (finding,) = findings
    assert str(finding) == (
        "overlays/attic/generator/kustomization.yaml: environment: unknown environment; "
        "wanted one of dev, production, staging, found attic - "
        "add the environment or correct the name"
    )


@pytest.mark.parametrize(
    ("environment", "service", "what"),
    [
        ("test", "generator", "unknown environment"),
        ("dev", "translator", "unknown service"),
        ("", "", "unknown environment"),
    ],
)
def test_a_name_that_is_not_there_is_told_with_those_that_are(
    environment: str, service: str, what: str, repository: Path
) -> None:
    """The environment is looked at first."""
    with pytest.raises(FindingsError, match=what) as refused:
        read_unit(load_valid(repository), environment, service)

    assert refused.value.findings[0].wanted.startswith("one of ")


def test_a_unit_without_its_file_is_missing(repository: Path) -> None:
    """The environment and the service exist, but not together."""
    (repository / FILE).unlink()

    with pytest.raises(FindingsError) as refused:
        read_unit(load_valid(repository), "dev", "generator")

    assert str(refused.value) == (
        f"{FILE}: file: missing file; wanted a kustomization, found no file - "
        "add the unit, or name one that exists"
    )


@pytest.mark.parametrize("data", [b"\xff\xfe", b"a: [", b"a: b\n---\nc: d\n", b"a: &x\n", b"{"])
def test_a_file_that_cannot_be_read_is_a_finding(data: bytes, repository: Path) -> None:
    """Bytes that are no text and text that is no YAML end in a line, not a traceback."""
    (repository / FILE).write_bytes(data)

    with pytest.raises(FindingsError) as refused:
        read_unit(load_valid(repository), "dev", "generator")

    assert str(refused.value).startswith(f"{FILE}: ")


@pytest.mark.parametrize("text", ["", "- a\n", "text\n", "null\n"])
def test_a_file_that_is_no_mapping_names_no_model(text: str, repository: Path) -> None:
    """It reads as empty, and an empty unit serves nothing."""
    (repository / FILE).write_text(text)

    with pytest.raises(FindingsError, match=r"not one model; wanted .*, found none"):
        read_unit(load_valid(repository), "dev", "generator")


@pytest.mark.parametrize(
    ("components", "found"),
    [
        (["../../../models/qwen3-8b", "../../../models/tiny-chat"], "qwen3-8b, tiny-chat"),
        (["../../../base/components/nvidia-gpu"], "none"),
        (["../../../base/components/models"], "none"),
        (["../../../mymodels/qwen3-8b"], "none"),
    ],
)
def test_a_unit_serves_exactly_one_model(
    components: list[str], found: str, repository: Path
) -> None:
    """Only a component below a folder called models is a model."""
    path = repository / FILE
    path.write_text(with_components(path.read_text(), components))

    with pytest.raises(FindingsError) as refused:
        read_unit(load_valid(repository), "dev", "generator")

    assert ("not one model", found) == (
        refused.value.findings[0].what,
        refused.value.findings[0].found,
    )


@pytest.mark.parametrize("part", ["../../../models/qwen3-8b/", "models/qwen3-8b"])
def test_a_model_is_named_by_the_last_part_of_its_path(part: str, repository: Path) -> None:
    """However Kustomize lets the path be written."""
    path = repository / FILE
    path.write_text(with_components(path.read_text(), [part]))

    assert read_unit(load_valid(repository), "dev", "generator").model.name == "qwen3-8b"
