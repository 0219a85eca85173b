"""What other tools may rely on: the published schemas of this project's own predicates."""

import json

import jsonschema
import pytest
from tests.conftest import ROOT
from tests.unit.evidence.samples import PASSING, STARTED

from tidegate.catalog.schema import schema_text
from tidegate.evidence.kinds import Approval
from tidegate.evidence.schema import PREDICATES


@pytest.mark.parametrize("file", PREDICATES)
def test_a_published_schema_is_the_one_of_the_code(file: str) -> None:
    """Written by `tidegate render --update`."""
    assert (ROOT / file).read_text() == schema_text(PREDICATES[file])


def test_what_is_signed_satisfies_the_published_schemas() -> None:
    """A verdict and an approval as they stand in a statement."""
    approval = Approval(environment="production", reason="seen", approved=STARTED)
    for said, kind in ((PASSING, "gate-verdict"), (approval, "approval")):
        schema = json.loads((ROOT / f"docs/reference/{kind}.v1.schema.json").read_text())

        jsonschema.validate(said.model_dump(mode="json", by_alias=True), schema)
