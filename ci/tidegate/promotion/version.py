"""Semantic versions of a service's releases, from what changed between them.

A new model repository is another product (major), new weights of the same one are a feature
(minor), and another engine under the same weights is a fix (patch).
"""

import re

from tidegate.manifests.release import Release
from tidegate.promotion.history import Record

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
FIRST = "1.0.0"


def next_version(found: list[Record], release: Release) -> str:
    """The version of a release: the one it has, or the next after the newest of its service.

    Args:
        found: the service's records in every environment, newest first.
        release: the release to be promoted.
    """
    for record in found:
        if record.release == release and record.version:
            return record.version
    newest = max(
        (
            (_parts(record.version), record)
            for record in found
            if _VERSION.fullmatch(record.version)
        ),
        key=lambda pair: pair[0],
        default=None,
    )
    if newest is None:
        return FIRST
    (major, minor, patch), record = newest
    if record.release.model.name != release.model.name:
        return f"{major + 1}.0.0"
    if record.release.model.digest != release.model.digest:
        return f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + 1}"


def _parts(version: str) -> tuple[int, int, int]:
    major, minor, patch = map(int, version.split("."))
    return major, minor, patch
