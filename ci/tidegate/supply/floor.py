"""The oldest engine that may be used, and the advisories that say so."""

import datetime as dt
import re
from pathlib import Path
from typing import Annotated, Literal

from packaging.version import InvalidVersion, Version
from pydantic import Field

from tidegate.catalog.objects import Metadata, Strict
from tidegate.catalog.reading import read_object
from tidegate.findings import Finding
from tidegate.supply.images import IMAGES, read_images

FLOOR = "ci/images/engine/floor.yaml"
PINS = "requirements/engine.txt"
_PIN = re.compile(r"^vllm(?:-cpu)?==(?P<version>[^\s;\\]+)", re.MULTILINE)
_Release = Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]


class Advisory(Strict):
    """One published fault of the engine."""

    id: Annotated[str, Field(pattern=r"^(CVE|PYSEC|GHSA)-[\w-]+$")]
    fixed: _Release | None
    """First release without it; null where no release says so."""
    published: dt.date | None = None
    source: Annotated[str, Field(min_length=1)]
    effect: Annotated[str, Field(min_length=1)]


class _Spec(Strict):
    minimum: _Release
    reviewed: dt.date
    """When somebody last looked for new advisories."""
    advisories: Annotated[tuple[Advisory, ...], Field(min_length=1)]


class EngineFloor(Strict):
    """`ci/images/engine/floor.yaml`."""

    api_version: Literal["tidegate.dev/v1alpha1"]
    kind: Literal["EngineFloor"]
    metadata: Metadata
    spec: _Spec


def check_floor(root: Path) -> list[Finding]:
    """Findings of the floor itself and of every engine that is named below it.

    Raises:
        FindingsError: the floor or the list of images is invalid.
    """
    spec = read_object(root / FLOOR, EngineFloor, name=FLOOR).spec
    needed = max((Version(a.fixed) for a in spec.advisories if a.fixed), default=Version("0"))
    findings = []
    if Version(spec.minimum) < needed:
        findings.append(_below(FLOOR, "minimum", needed, spec.minimum, "raise the minimum"))
    for file, version in _engines(root):
        if _version(version) < Version(spec.minimum):
            findings.append(
                _below(file, "vllm", Version(spec.minimum), version, f"upgrade it; see {FLOOR}")
            )
    return findings


def _engines(root: Path) -> list[tuple[str, str]]:
    """File and version of every engine that images are made from; `none` where there is none."""
    pin = _PIN.search((root / PINS).read_text()) if (root / PINS).is_file() else None
    image = read_images(root).get("vllm")
    return [(PINS, pin["version"] if pin else "none"), (IMAGES, image.tag if image else "none")]


def _version(text: str) -> Version:
    """A version or tag; what is no version counts as older than any."""
    try:
        return Version(text)
    except InvalidVersion:
        return Version("0")


def _below(file: str, what: str, wanted: Version, found: str, next_step: str) -> Finding:
    return Finding(file, what, "engine with known faults", f">= {wanted}", f"{found}", next_step)
