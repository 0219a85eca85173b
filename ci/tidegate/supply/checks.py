"""Everything that is wrong with what comes from outside."""

from collections.abc import Callable
from pathlib import Path

from tidegate.catalog.reading import read_object
from tidegate.findings import Finding, FindingsError
from tidegate.supply.floor import check_floor
from tidegate.supply.image_names import check_image_names
from tidegate.supply.images import check_images
from tidegate.supply.scan import POLICY, ScanPolicy

Check = Callable[[Path], list[Finding]]


def check_supply(root: Path) -> list[Finding]:
    """Findings of the images, of the engine's version and of the scan policy, of `root`."""
    checks: tuple[Check, ...] = (check_images, check_floor, _check_policy, check_image_names)
    findings: list[Finding] = []
    for check in checks:
        try:
            findings += check(root)
        except FindingsError as error:
            findings += error.findings
    return findings


def _check_policy(root: Path) -> list[Finding]:
    read_object(root / POLICY, ScanPolicy, name=POLICY)
    return []
