"""A repository's folders become a catalog: one object each, and no fault hides its neighbours."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.catalog.samples import model_data

from tidegate.catalog.checks import check_model
from tidegate.catalog.load import load
from tidegate.findings import Finding

V1 = "tidegate.dev/v1alpha1"
ENGINE = {"max-model-len": 16384, "served-model-name": "a"}


def write(root: Path, file: str, data: object) -> None:
    """A file of the repository; JSON is YAML."""
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_text(json.dumps(data))


def model(root: Path, folder: str, *, name: str | None = None, **changes: Any) -> None:  # noqa: ANN401 - any field
    """A model with its engine file."""
    data = model_data(priceClass="small", **changes)
    write(root, f"models/{folder}/model.yaml", data | {"metadata": {"name": name or folder}})
    write(root, f"models/{folder}/engine.yaml", ENGINE)


def evals(root: Path, name: str, **changes: Any) -> None:  # noqa: ANN401 - any field
    """A set of model a."""
    spec = {
        "type": "questions",
        "threshold": 0.9,
        "minSamples": 1,
        "cases": [{"prompt": "1 + 1?", "answer": "2"}],
    }
    head = {"apiVersion": V1, "kind": "EvalSet", "metadata": {"name": name}}
    write(root, f"models/a/evals/{name}.yaml", head | {"spec": spec | changes})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository of two models and a price, and of nobody who signs."""
    prices = {"apiVersion": V1, "kind": "PriceList", "metadata": {"name": "prices"}}
    classes = {"classes": {"small": {"usdPerHour": 1.25}}}
    write(tmp_path, "models/prices.yaml", prices | {"spec": classes})
    signers = {"apiVersion": V1, "kind": "Signers", "metadata": {"name": "signers"}}
    write(tmp_path, "overlays/signers.yaml", signers | {"spec": {"roles": {}}})
    model(tmp_path, "a")
    model(tmp_path, "b")
    return tmp_path


def told(findings: list[Finding]) -> list[tuple[str, str, str]]:
    """What each finding is about."""
    return [(finding.file, finding.object, finding.what) for finding in findings]


def test_a_model_comes_with_what_stands_beside_it(root: Path) -> None:
    """Its engine file, its sets by name, and what an hour of its accelerator costs."""
    for name in ("second", "first"):
        evals(root, name)

    catalog, findings = load(root)

    assert findings == []
    assert list(catalog.models) == ["a", "b"]
    found = catalog.models["a"]
    assert (found.engine, found.usd_per_hour) == (ENGINE, 1.25)
    assert [one.metadata.name for one in found.evals] == ["first", "second"]
    assert (found.file, catalog.models["b"].evals) == ("models/a/model.yaml", ())


def test_a_bad_set_takes_nothing_else_with_it(root: Path) -> None:
    """The other sets of the model are read, and so is the model."""
    evals(root, "bad", threshold=2)
    evals(root, "good")

    catalog, findings = load(root)

    assert told(findings) == [
        ("models/a/evals/bad.yaml", "spec.questions.threshold", "invalid value")
    ]
    assert [one.metadata.name for one in catalog.models["a"].evals] == ["good"]


@pytest.mark.parametrize("content", [["max-model-len"], "text", None])
def test_an_engine_file_that_is_no_mapping_is_read_as_empty(root: Path, content: object) -> None:
    """So it is told by the keys that a model's engine file must have."""
    write(root, "models/a/engine.yaml", content)

    catalog, findings = load(root)

    assert (catalog.models["a"].engine, findings) == ({}, [])
    found = [fault for fault in check_model(catalog.models["a"]) if "engine" in fault.file]
    assert [(fault.object, fault.found) for fault in found] == [
        ("max-model-len", "nothing"),
        ("served-model-name", "nothing"),
    ]


def test_the_second_of_a_name_is_left_out_and_names_the_first(root: Path) -> None:
    """The first by folder stays what it was."""
    model(root, "c", name="a", parameters=7)

    catalog, findings = load(root)

    assert catalog.models["a"].spec.parameters != 7
    (finding,) = findings
    assert (finding.file, finding.what) == ("models/c/model.yaml", "duplicate name")
    assert finding.found == "a, which models/a/model.yaml has"


def test_an_unreadable_price_list_is_one_finding(root: Path) -> None:
    """Not one more for each model: what a class costs is unknown then, and so is whether it is."""
    write(root, "models/prices.yaml", {"kind": "PriceList"})

    catalog, findings = load(root)

    assert {finding.file for finding in findings} == {"models/prices.yaml"}
    assert [found.usd_per_hour for found in catalog.models.values()] == [None, None]


def test_a_model_of_another_class_has_no_price(root: Path) -> None:
    """It is told with the classes that there are; its neighbour keeps its price."""
    data = model_data(priceClass="large")
    write(root, "models/a/model.yaml", data | {"metadata": {"name": "a"}})

    catalog, findings = load(root)

    assert told(findings) == [("models/a/model.yaml", "spec.priceClass", "unknown price class")]
    assert findings[0].wanted == "one of small"
    assert [found.usd_per_hour for found in catalog.models.values()] == [None, 1.25]


@pytest.mark.parametrize(
    ("folder", "files"),
    [
        ("models/c", ["models/c/model.yaml"]),
        ("base/services/c", ["base/services/c/service.yaml"]),
        ("overlays/c", ["overlays/c/environment/environment.yaml", "overlays/c/policy.yaml"]),
        ("clusters/c", ["clusters/c/cluster.yaml"]),
    ],
)
def test_a_folder_without_its_object_is_told(root: Path, folder: str, files: list[str]) -> None:
    """Otherwise a misspelt file name would make its object vanish."""
    (root / folder).mkdir(parents=True)

    missing = [(one, "file", "missing file") for one in files]
    assert told(load(root)[1]) == missing


def test_examples_are_no_environment(root: Path) -> None:
    """They stand beside the environments and have no file of one."""
    (root / "overlays/examples/large").mkdir(parents=True)

    catalog, findings = load(root)

    assert (catalog.environments, findings) == ({}, [])
