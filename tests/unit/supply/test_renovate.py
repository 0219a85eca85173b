"""The configuration that keeps versions fresh finds what it is meant to find."""

import json
import re
from typing import Any

import pytest
from tests.conftest import ROOT

from tidegate.supply.images import IMAGES, MALICIOUS, read_images

CONFIG: dict[str, Any] = json.loads((ROOT / "renovate.json").read_text())
(MANAGER,) = CONFIG["customManagers"]


def as_python(pattern: str) -> str:
    """A pattern of Renovate's engine: its named groups are written without a P."""
    return pattern.strip("/").replace("(?<", "(?P<")


def test_every_outside_image_is_found() -> None:
    """Name, tag, and the digest where there is one."""
    (pattern,) = MANAGER["matchStrings"]
    text = (ROOT / IMAGES).read_text()
    locked = text.replace("digest: null", f"digest: sha256:{'a' * 64}", 1)

    found = [m.groupdict() for m in re.finditer(as_python(pattern), locked)]

    assert [(one["depName"], one["currentValue"]) for one in found] == [
        (image.repository, image.tag) for image in read_images(ROOT).values()
    ]
    assert [one["currentDigest"] for one in found][:2] == [f"sha256:{'a' * 64}", None]


@pytest.mark.parametrize(
    "pattern", [*MANAGER["managerFilePatterns"], *CONFIG["pip-compile"]["managerFilePatterns"]]
)
def test_every_file_pattern_matches_a_file(pattern: str) -> None:
    """A pattern that matches nothing would update nothing."""
    files = [p.relative_to(ROOT).as_posix() for p in (ROOT / "requirements").iterdir()]

    assert any(re.fullmatch(as_python(pattern), file) for file in [*files, IMAGES])


def test_what_was_tampered_with_is_never_proposed() -> None:
    """The rule refuses exactly the versions that `check` refuses."""
    (rule,) = [one for one in CONFIG["packageRules"] if "allowedVersions" in one]
    refused = re.compile(as_python(rule["allowedVersions"].removeprefix("!")))

    assert all(refused.search(tag) for _, tag in MALICIOUS)
    assert not refused.search(read_images(ROOT)["trivy"].tag)
