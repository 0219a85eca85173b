"""The published schemas of this project's own predicates, for whoever reads its evidence."""

from pathlib import Path

from pydantic import BaseModel

from tidegate.catalog.schema import schema_text
from tidegate.evidence.kinds import Approval
from tidegate.gates.verdict import Verdict
from tidegate.oci import write_atomically

PREDICATES: dict[str, type[BaseModel]] = {
    "docs/reference/gate-verdict.v1.schema.json": Verdict,
    "docs/reference/approval.v1.schema.json": Approval,
}


def write_predicate_schemas(root: Path) -> None:
    """Write the schema of each predicate anew, where the repository publishes it."""
    for file, kind in PREDICATES.items():
        if (root / file).exists():
            write_atomically(root / file, schema_text(kind).encode())
