"""The fields of the catalog's objects: what each takes, and that nothing else slips through."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from tests.conftest import ROOT

from tidegate.catalog.exceptions import ExceptionSpec
from tidegate.catalog.objects import (
    Architecture,
    ClusterSpec,
    ColdStart,
    EnvironmentSpec,
    HuggingFace,
    Limits,
    Metadata,
    Objective,
    Oci,
    Offer,
    ServiceSpec,
)
from tidegate.catalog.prices import PriceListSpec
from tidegate.catalog.schema import SCHEMAS, schema_text

FILES = {
    "models/schema.json": "models/*/model.yaml",
    "models/prompts.schema.json": "models/*/prompts/prompts.yaml",
    "models/evals.schema.json": "models/*/evals/*.yaml",
    "models/prices.schema.json": "models/prices.yaml",
    "base/services/schema.json": "base/services/*/service.yaml",
    "overlays/schema.json": "overlays/*/environment/environment.yaml",
    "overlays/hold.schema.json": "overlays/*/*/hold.yaml",
    "overlays/policy.schema.json": "overlays/*/policy.yaml",
    "overlays/signers.schema.json": "overlays/signers.yaml",
    "clusters/schema.json": "clusters/*/cluster.yaml",
    "exceptions/schema.json": "exceptions/*.yaml",
}
OFFER = {"kind": "nvidia-l40s", "memoryGiB": 48, "perNode": 2, "nodes": 1}
VALID: list[tuple[type[BaseModel], dict[str, Any]]] = [
    (HuggingFace, {"repository": "Qwen/Qwen3-8B", "revision": "main"}),
    (Oci, {"repository": "registry.example:5000/models/a"}),
    (Metadata, {"name": "a", "annotations": {"x": "y"}}),
    (Architecture, {"layers": 1, "keyValueHeads": 1, "headSize": 1}),
    (ColdStart, {"p99Seconds": 30, "reason": "measured"}),
    (Limits, {"concurrency": 1, "inputTokens": 1, "outputTokens": 0, "requestsPerSecond": 0.5}),
    (Objective, {"objective": 1, "seconds": 0.1}),
    (ServiceSpec, {"task": "embed", "port": 65535, "description": "d"}),
    (
        EnvironmentSpec,
        {
            "namespace": "a",
            "domain": "a.example",
            "issuer": "https://a.example/x",
            "engineArtifact": "lab",
        },
    ),
    (Offer, OFFER),
    (ClusterSpec, {"environment": "dev", "region": "r", "accelerators": [OFFER]}),
    (PriceListSpec, {"classes": {"l40s": {"usdPerHour": 0.5}}}),
    (
        ExceptionSpec,
        {
            "code": "TG101",
            "file": "*",
            "object": "*",
            "owner": "a",
            "reason": "until the upgrade in May",
            "expires": "2027-05-31",
        },
    ),
]
BY_KIND = dict(VALID)


def read(kind: type[BaseModel], data: dict[str, Any]) -> BaseModel:
    """An object as a file holds it."""
    return kind.model_validate_json(json.dumps(data), by_name=False)


def kind_name(value: object) -> str | None:
    """A parameter's id."""
    return value.__name__ if isinstance(value, type) else None


@pytest.mark.parametrize(("kind", "data"), VALID, ids=kind_name)
def test_a_sound_object_is_read_and_cannot_be_changed(
    kind: type[BaseModel], data: dict[str, Any]
) -> None:
    """Whoever reads the catalog later sees what was checked; a key too many is refused."""
    found = read(kind, data)

    with pytest.raises(ValidationError, match="frozen"):
        setattr(found, next(iter(kind.model_fields)), None)
    with pytest.raises(ValidationError, match="Extra inputs"):
        read(kind, data | {"extra": 1})


@pytest.mark.parametrize(
    ("kind", "field", "values"),
    [
        (HuggingFace, "repository", ["Qwen3-8B", "a/b/c", "https://a/b", "a/b c", ""]),
        (HuggingFace, "revision", [""]),
        (Oci, "repository", ["registry.example", "Registry.example/a", "r.example/a:tag", "r/A"]),
        (Metadata, "name", ["", "A", "1a", "-a", "a_b", "a" * 41, "a\n"]),
        (Metadata, "annotations", [{"x": 1}, []]),
        (Architecture, "layers", [0, -1, 1.5, "1", True]),
        (Architecture, "cachesKeyValues", ["no", 0]),
        (ColdStart, "p99Seconds", [0, 1.5]),
        (ColdStart, "reason", [""]),
        (Limits, "concurrency", [0]),
        (Limits, "outputTokens", [-1]),
        (Limits, "requestsPerSecond", [0, -1.0]),
        (Objective, "objective", [0, 1.0001, "0.9"]),
        (Objective, "seconds", [0]),
        (ServiceSpec, "port", [0, 65536, "80"]),
        (ServiceSpec, "description", [""]),
        (EnvironmentSpec, "domain", ["localhost", "A.example", "a.example/", ".example"]),
        (EnvironmentSpec, "issuer", ["http://a.example", "https://", "https://a b", "a.example"]),
        (EnvironmentSpec, "engineArtifact", ["container", None]),
        (Offer, "perNode", [0]),
        (Offer, "nodes", [0]),
        (Offer, "memoryGiB", [0, "48Gi"]),
        (ClusterSpec, "accelerators", [[]]),
        (PriceListSpec, "classes", [{"L40S": {"usdPerHour": 1}}, {"l40s": {"usdPerHour": 0}}]),
        (ExceptionSpec, "code", ["TG1", "tg101", "TG1010", "*"]),
        (ExceptionSpec, "reason", ["because", "x" * 19]),
        (ExceptionSpec, "expires", ["never", "2027-02-30", "31.5.2027"]),
        (ExceptionSpec, "owner", ["Ada Lovelace"]),
        (ExceptionSpec, "file", [""]),
    ],
    ids=lambda value: kind_name(value) or (value if isinstance(value, str) else ""),
)
def test_a_field_refuses_what_it_could_not_mean(
    kind: type[BaseModel], field: str, values: list[object]
) -> None:
    """At its edges, and where another tool would have converted it."""
    for value in values:
        with pytest.raises(ValidationError) as refused:
            read(kind, BY_KIND[kind] | {field: value})
        assert {error["loc"][0] for error in refused.value.errors()} == {field}, value


@given(st.text("az09-A_.\n", max_size=5).map(lambda text: text * 10) | st.text("az09-A_.\n"))
def test_a_name_is_a_lower_case_word_of_at_most_forty_letters(name: str) -> None:
    """Said otherwise than by the pattern: it names folders, labels and hosts."""
    sound = name[:1] in {"a", "z"} and set(name) <= set("az09-") and len(name) <= 40

    if sound:
        assert read(Metadata, {"name": name}).model_dump()["name"] == name
    else:
        with pytest.raises(ValidationError):
            read(Metadata, {"name": name})


def test_every_kind_of_file_has_a_schema() -> None:
    """The table of this test is complete, so no kind is left out below."""
    assert set(FILES) == set(SCHEMAS)


@pytest.mark.parametrize("schema", FILES)
def test_editors_accept_what_the_code_reads_and_no_unknown_key(schema: str) -> None:
    """The JSON schema is one of its draft, takes the committed files, and is as strict."""
    rules = json.loads(schema_text(SCHEMAS[schema]))
    jsonschema.Draft202012Validator.check_schema(rules)
    validator = jsonschema.Draft202012Validator(rules)

    for path in sorted(ROOT.glob(FILES[schema])):
        text = json.dumps(YAML(typ="safe").load(path), default=str)
        assert [*validator.iter_errors(json.loads(text))] == [], path
        assert not validator.is_valid(json.loads(text) | {"colour": "red"})


@pytest.mark.parametrize("schema", FILES)
def test_a_field_is_explained_to_editors_in_its_own_spelling(schema: str) -> None:
    """The docstrings of the code, under the keys of the file."""
    rules = json.loads(schema_text(SCHEMAS[schema]))

    assert {"apiVersion", "kind", "metadata", "spec"} == set(rules["properties"])
    assert rules["additionalProperties"] is False
    keys = {key for part in rules["$defs"].values() for key in part.get("properties", ())}
    assert not {key for key in keys if "_" in key}
    assert rules["description"].startswith(schema.partition("/")[0])
