"""What the slow tests of promotion share with the fast ones."""

from tests.unit.promotion.conftest import (
    _own_git_configuration,
    forked,
    kept,
    repository,
    running,
)

__all__ = ["_own_git_configuration", "forked", "kept", "repository", "running"]
