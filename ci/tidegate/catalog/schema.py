"""JSON schemas of this repository's own files, for editors; generated, never edited."""

import json
from functools import cache
from pathlib import Path

from pydantic import BaseModel

from tidegate.catalog.evals import EvalSet
from tidegate.catalog.exceptions import PolicyException
from tidegate.catalog.objects import Cluster, Environment, Model, Service
from tidegate.catalog.policy import Hold, Policy, Signers
from tidegate.catalog.prices import PriceList
from tidegate.catalog.prompts import PromptSet
from tidegate.findings import Finding
from tidegate.oci import write_atomically

SCHEMAS: dict[str, type[BaseModel]] = {
    "models/schema.json": Model,
    "models/prompts.schema.json": PromptSet,
    "models/evals.schema.json": EvalSet,
    "models/prices.schema.json": PriceList,
    "base/services/schema.json": Service,
    "overlays/schema.json": Environment,
    "overlays/policy.schema.json": Policy,
    "overlays/signers.schema.json": Signers,
    "overlays/hold.schema.json": Hold,
    "clusters/schema.json": Cluster,
    "exceptions/schema.json": PolicyException,
}


@cache
def schema_text(kind: type[BaseModel]) -> str:
    """The JSON schema (draft 2020-12) of one kind of file."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(schema | kind.model_json_schema(by_alias=True), indent=2) + "\n"


def check_schemas(root: Path) -> list[Finding]:
    """A finding for every schema file that is not what the code says."""
    return [
        Finding(
            file,
            "file",
            "drifted from the code",
            "the generated schema",
            _state(root / file),
            "run `tidegate render --update`",
        )
        for file, kind in SCHEMAS.items()
        if not (root / file).is_file() or (root / file).read_text() != schema_text(kind)
    ]


def _state(path: Path) -> str:
    return "other content" if path.is_file() else "no file"


def write_schemas(root: Path) -> None:
    """Write every schema file."""
    for file, kind in SCHEMAS.items():
        write_atomically(root / file, schema_text(kind).encode())
