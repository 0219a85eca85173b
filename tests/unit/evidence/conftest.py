"""A store with one release in it, and how evidence is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.evidence.samples import PASSING, TRUSTED, a_release

from tidegate.evidence.statement import statement, verify
from tidegate.findings import Finding, FindingsError
from tidegate.manifests.release import Release
from tidegate.oci import Layout

Refusal = Callable[[str], Finding]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """An empty store."""
    return Layout(tmp_path / "oci")


@pytest.fixture
def release(layout: Layout) -> Release:
    """A release whose two artifacts are in the store."""
    return a_release(layout)


@pytest.fixture
def good(release: Release) -> dict[str, Any]:
    """The statement that proves the release."""
    return statement(release, PASSING)


@pytest.fixture
def refusal(layout: Layout, release: Release) -> Refusal:
    """The one finding with which evidence of the release is refused; it names the evidence."""

    def run(digest: str) -> Finding:
        with pytest.raises(FindingsError) as refused:
            verify(layout, digest, release, TRUSTED)
        (finding,) = refused.value.findings
        assert digest == finding.file
        return finding

    return run
