"""Fixtures follow the repository: each still finds what it changes, whatever was changed here.

What they then lead to takes a minute to see, and is seen where something changes that it follows
from; this is seen with every change.
"""

import pytest
from tests.conftest import ROOT
from tests.unit.fixture_files import files, obstacle, read


@pytest.mark.parametrize("kind", ["invalid", "valid"])
def test_every_fixture_still_changes_this_repository(kind: str) -> None:
    """The text that it replaces is there, and so is the folder that it copies."""
    found = {path.stem: obstacle(read(path), ROOT) for path in files(kind)}

    assert found
    assert {name: why for name, why in found.items() if why} == {}
