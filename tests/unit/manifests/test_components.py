"""Every component and every model builds on its own, on the base that it is for."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from tests.conftest import ROOT
from tests.unit.manifests import building

from tidegate.catalog.load import load_valid
from tidegate.manifests.render import build

CATALOG = load_valid(ROOT)
SERVICE_OF = {service.spec.task: name for name, service in CATALOG.services.items()}


def objects(root: Path, service: str, *components: str) -> dict[str, dict[str, Any]]:
    """What a base with components and nothing else renders to, by kind."""
    folder = root / "alone"
    folder.mkdir()
    lines = [f"resources: [../base/services/{service}]", "components:"]
    lines += [f"  - ../{component}" for component in components]
    (folder / "kustomization.yaml").write_text("\n".join(lines) + "\n")
    documents = YAML(typ="safe", pure=True).load_all(build(folder, name="alone"))
    return {document["kind"]: document for document in documents}


def pod(rendered: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The pod specification of the Deployment."""
    spec: dict[str, Any] = rendered["Deployment"]["spec"]["template"]["spec"]
    return spec


@pytest.mark.parametrize("name", CATALOG.models)
def test_a_model_builds_on_its_service(name: str, repository: Path) -> None:
    """It brings its engine file word for word, and marks every pod with its name."""
    model = CATALOG.models[name]

    rendered = objects(repository, SERVICE_OF[model.spec.task], f"models/{name}")

    template = rendered["Deployment"]["spec"]["template"]
    (config,) = [v for v in pod(rendered)["volumes"] if v["name"] == "engine-config"]
    file = model.folder / model.spec.engine_config
    assert rendered["ConfigMap"]["data"] == {"engine.yaml": file.read_text()}
    assert config["configMap"]["name"] == rendered["ConfigMap"]["metadata"]["name"]
    assert template["metadata"]["labels"]["tidegate.dev/model"] == name
    assert "Model" not in rendered


@pytest.mark.parametrize("service", CATALOG.services)
def test_a_service_builds_without_any_component(service: str, repository: Path) -> None:
    """The base stands on its own, under the name that callers address."""
    rendered = objects(repository, service)

    assert {service} == {one["metadata"]["name"] for one in rendered.values()}


@pytest.mark.parametrize("component", building.COMPONENTS)
@pytest.mark.parametrize("service", CATALOG.services)
def test_a_component_builds_on_every_service_it_is_for(component: str, service: str) -> None:
    """It needs no other than its name says, and takes no object away."""
    if service not in building.services(component):
        pytest.skip("the component is for another task")
    before = building.objects(service, *building.needs(component))

    after = building.objects(service, *building.needs(component), component)

    assert set(before) <= set(after)
    assert before != after


@pytest.mark.parametrize("name", CATALOG.models)
def test_an_accelerator_is_asked_for_as_the_model_says(name: str, repository: Path) -> None:
    """Count and kind come from model.yaml, so that they cannot differ from it."""
    need = CATALOG.models[name].spec.accelerator
    service = SERVICE_OF[CATALOG.models[name].spec.task]

    rendered = objects(repository, service, f"models/{name}", "base/components/nvidia-gpu")

    (container,) = pod(rendered)["containers"]
    assert pod(rendered)["nodeSelector"] == {"tidegate.dev/accelerator": need.kind}
    assert need.count == container["resources"]["limits"]["nvidia.com/gpu"]
    assert need.count == container["resources"]["requests"]["nvidia.com/gpu"]
