"""Every component and every model builds on its own, on the base that it is for."""

import re
from itertools import cycle

import pytest
from tests.conftest import ROOT
from tests.unit.manifests.building import (
    CATALOG,
    COMPONENTS,
    engine,
    needs,
    objects,
    services,
    text,
)

SERVICE_OF = {service.spec.task: name for name, service in CATALOG.services.items()}


@pytest.mark.parametrize("name", CATALOG.models)
def test_a_model_builds_on_its_service(name: str) -> None:
    """It brings its engine file word for word, and marks every pod with its name."""
    model = CATALOG.models[name]
    service = SERVICE_OF[model.spec.task]

    rendered = objects(service, model=name)

    template = rendered["Deployment", service]["spec"]["template"]
    (config,) = [v for v in template["spec"]["volumes"] if v["name"] == "engine-config"]
    ((_, map_name),) = [key for key in rendered if key[0] == "ConfigMap"]
    file = model.folder / model.spec.engine_config
    assert rendered["ConfigMap", map_name]["data"] == {"engine.yaml": file.read_text()}
    assert config["configMap"]["name"] == map_name
    assert template["metadata"]["labels"]["tidegate.dev/model"] == name
    assert {"Model", "Environment"}.isdisjoint(kind for kind, _ in rendered)


@pytest.mark.parametrize("service", CATALOG.services)
def test_a_service_builds_without_any_component(service: str) -> None:
    """The base stands on its own, under the name that callers address."""
    names = {name for kind, name in objects(service) if kind != "ConfigMap"}

    assert {service} == names


# Each component on one service, in turn: those that it is for, where it is not for all.
TURNS = [
    (component, service if service in services(component) else services(component)[0])
    for component, service in zip(COMPONENTS, cycle(CATALOG.services), strict=False)
]


@pytest.mark.parametrize(("component", "service"), TURNS)
def test_a_component_builds_on_a_service(component: str, service: str) -> None:
    """It needs no other than its name says, takes no object away, and leaves no value open.

    What it adds has a name that begins with the service: two units of a namespace can use it.
    """
    before = objects(service, *needs(component))

    after = objects(service, *needs(component), component)

    added = set(after) - set(before)
    open_values = set(re.findall(r"REPLACE_ME[\w.-]+", text(service, *needs(component), component)))
    assert set(before) <= set(after)
    assert before != after
    assert all(name == service or name.startswith(f"{service}-") for _, name in added)
    assert {"REPLACE_ME-engine", "REPLACE_ME-model"} >= open_values


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_component_says_what_it_is_for_and_how_to_use_it(component: str) -> None:
    """Its README has two sections, and an example that names the component itself."""
    readme = (ROOT / "base" / "components" / component / "README.md").read_text()

    assert re.findall(r"^## (.+)$", readme, re.MULTILINE) == ["Purpose", "Usage"]
    assert f"  - ../../../base/components/{component}\n" in readme


@pytest.mark.parametrize("name", CATALOG.models)
def test_an_accelerator_is_asked_for_as_the_model_says(name: str) -> None:
    """Count and kind come from model.yaml, so that they cannot differ from it."""
    need = CATALOG.models[name].spec.accelerator
    service = SERVICE_OF[CATALOG.models[name].spec.task]

    rendered = objects(service, "nvidia-gpu", model=name)

    pod = rendered["Deployment", service]["spec"]["template"]["spec"]
    affinity = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    ((expression,),) = [term["matchExpressions"] for term in affinity["nodeSelectorTerms"]]
    resources = engine(rendered)["resources"]
    assert (expression["key"], expression["values"]) == ("tidegate.dev/accelerator", [need.kind])
    assert need.count == resources["limits"]["nvidia.com/gpu"]
    assert need.count == resources["requests"]["nvidia.com/gpu"]


@pytest.mark.parametrize("name", CATALOG.models)
def test_a_start_may_take_twice_as_long_as_99_of_100_do(name: str) -> None:
    """The budget comes from model.yaml: a probe every two seconds, as often as the p99 has them."""
    model = CATALOG.models[name]

    probe = engine(objects(SERVICE_OF[model.spec.task], model=name))["startupProbe"]

    budget = probe["periodSeconds"] * probe["failureThreshold"]
    assert budget == 2 * model.spec.cold_start.p99_seconds
