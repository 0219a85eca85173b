"""A model.yaml as data, to change one field at a time."""

from copy import deepcopy
from typing import Any

from tests.conftest import ROOT

from tidegate.catalog.objects import ModelSpec
from tidegate.catalog.reading import read_yaml


def model_data(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any field of the file
    """What models/qwen3-8b/model.yaml holds, with fields of its spec replaced."""
    data: dict[str, Any] = deepcopy(read_yaml(ROOT / "models/qwen3-8b/model.yaml", name="m"))
    data["spec"] |= changes
    return data


def spec(**changes: Any) -> ModelSpec:  # noqa: ANN401 - as above
    """The spec of that model, validated."""
    return ModelSpec.model_validate(model_data(**changes)["spec"], strict=False)
