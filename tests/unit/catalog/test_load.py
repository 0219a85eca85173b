"""The catalog of a repository: what could be read, and a finding for everything else."""

from pathlib import Path

import pytest
from tests.conftest import ROOT

from tidegate.catalog.load import find_root, load, load_valid
from tidegate.findings import CouldNotCheckError


def test_the_catalog_holds_every_folder_by_its_name() -> None:
    """Models with their engine file and sets; environments in the order that releases travel."""
    catalog = load_valid(ROOT)

    folders = sorted(path.parent.name for path in ROOT.glob("models/*/model.yaml"))
    assert sorted(catalog.models) == folders
    assert all(model.engine and model.evals for model in catalog.models.values())
    ordered = [environment.metadata.name for environment in catalog.ordered_environments()]
    assert ordered == ["dev", "staging", "production"]
    assert sorted(catalog.services) == ["generator", "reranker", "retriever"]


def test_what_cannot_be_read_is_missing_and_told(repository: Path) -> None:
    """One bad file hides no other; commands that need all of it refuse with every finding."""
    (repository / "models/minilm/model.yaml").write_text("kind: Model\n")
    (repository / "overlays/dev/environment/environment.yaml").unlink()

    catalog, findings = load(repository)

    assert "minilm" not in catalog.models
    assert "dev" not in catalog.environments
    assert "qwen3-8b" in catalog.models
    assert {finding.file for finding in findings} == {
        "models/minilm/model.yaml",
        "overlays/dev/environment/environment.yaml",
    }
    with pytest.raises(CouldNotCheckError) as refused:
        load_valid(repository)
    assert list(refused.value.findings) == findings


def test_a_loop_of_environments_ends(repository: Path) -> None:
    """Environments that promote from each other are on no way, so none of them is listed."""
    path = repository / "overlays/dev/environment/environment.yaml"
    path.write_text(path.read_text().replace("spec:", "spec:\n  promotesFrom: production"))

    catalog, findings = load(repository)

    assert findings == []
    assert catalog.ordered_environments() == []


@pytest.mark.parametrize("inside", ["", "models", "overlays/dev/generator"])
def test_the_repository_is_found_from_inside(inside: str) -> None:
    """As git finds its own."""
    assert find_root(ROOT / inside) == ROOT


def test_outside_a_repository_nothing_can_be_checked(tmp_path: Path) -> None:
    """Exit 2, and how to name one."""
    with pytest.raises(CouldNotCheckError, match="not inside a Tidegate repository") as refused:
        find_root(tmp_path)

    assert "--root" in str(refused.value)
