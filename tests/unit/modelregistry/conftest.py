"""A registry on loopback, and the forks of the tests of promotion."""

from collections.abc import Iterator

import pytest
from tests.unit.modelregistry.stub import Registry, serving
from tests.unit.promotion.conftest import (
    _own_git_configuration,
    forked,
    git_settings,
    kept,
    own_repository,
    running,
)

__all__ = [
    "_own_git_configuration",
    "forked",
    "git_settings",
    "kept",
    "own_repository",
    "running",
]


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """An empty registry; nobody's own user or token reaches it."""
    for key in ("TOKEN", "USERNAME", "PASSWORD", "URI"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{key}", raising=False)
    with serving() as found:
        yield found
