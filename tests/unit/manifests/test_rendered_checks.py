"""What must hold in one unit's objects, on objects small enough to read."""

from typing import Any

import pytest
from tests.unit.manifests.samples import release, thing, unit

from tidegate.catalog.objects import EngineArtifact
from tidegate.manifests.checks import check_rendered
from tidegate.manifests.render import Rendered

FILE = "overlays/dev/generator/kustomization.yaml"
LABELS = {"app": "generator", "part": "engine"}
LAB = "lab.tidegate.invalid"


def deployment(grace: int | None = 90, *hooks: dict[str, Any]) -> dict[str, Any]:
    """A Deployment with one container a preStop hook."""
    pod: dict[str, Any] = {
        "containers": [
            {"name": f"engine-{number}", "lifecycle": {"preStop": hook}}
            for number, hook in enumerate(hooks)
        ]
    }
    if grace is not None:
        pod["terminationGracePeriodSeconds"] = grace
    return thing("Deployment", {"template": {"metadata": {"labels": LABELS}, "spec": pod}})


def sleep(seconds: int) -> dict[str, Any]:
    """A preStop hook that sleeps."""
    return {"sleep": {"seconds": seconds}}


# What these tests are about; the smallest objects that show it lack much else.
HERE = ("in another namespace", "requests are cut off at shutdown", "selects no pod")


def faults(*objects: dict[str, Any], drain: int = 45) -> list[tuple[str, str, str]]:
    """Object, fault and what was found, in a promoted unit."""
    found = check_rendered(Rendered(unit(release(), drain=drain), "", objects))
    assert {FILE} >= {finding.file for finding in found}
    return [(one.object, one.what, one.found) for one in found if one.what in HERE]


@pytest.mark.parametrize(
    ("grace", "hook", "drain", "cut_off"),
    [
        (75, sleep(15), 45, False),
        (74, sleep(15), 45, True),
        (16, {}, 1, False),
        (15, {}, 1, True),
        (None, {}, 15, False),
        (None, {}, 16, True),
        (600, sleep(0), 0, True),
    ],
    ids=["enough", "a second short", "no hook", "no hook, short", "default", "default, short", "0"],
)
def test_requests_end_before_the_grace_period_does(
    *, grace: int | None, hook: dict[str, Any], drain: int, cut_off: bool
) -> None:
    """Grace >= preStop + shutdown-timeout + 15 s, and a timeout of 0 drops what runs at once."""
    found = faults(deployment(grace, hook), drain=drain)

    shown = f"shutdown-timeout {drain}, grace {30 if grace is None else grace}"
    wanted = ("Deployment/generator/engine-0", "requests are cut off at shutdown", shown)
    assert ([wanted] if cut_off else []) == found


def test_every_container_must_drain_in_time() -> None:
    """The grace period is the pod's, so the slowest container counts and is named."""
    found = faults(deployment(75, sleep(15), sleep(16)), drain=45)

    assert [name for name, _, _ in found] == ["Deployment/generator/engine-1"]


@pytest.mark.parametrize("kind", ["Service", "PodDisruptionBudget", "NetworkPolicy"])
@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ({"app": "generator"}, None),
        (LABELS, None),
        (LABELS | {"more": "x"}, "app=generator, part=engine, more=x"),
        ({"app": "other"}, "app=other"),
        ({}, "nothing"),
    ],
    ids=["part", "all", "too much", "another", "empty"],
)
def test_a_selector_selects_pods_by_some_of_their_labels(
    kind: str, selector: dict[str, str], found: str | None
) -> None:
    """One label too many selects no pod, and no label is no selection."""
    labels = selector if kind == "Service" else {"matchLabels": selector}
    key = "podSelector" if kind == "NetworkPolicy" else "selector"

    result = faults(deployment(), thing(kind, {key: labels if selector else {}}))

    wanted = [] if found is None else [(f"{kind}/generator", "selects no pod", found)]
    assert wanted == result


@pytest.mark.parametrize("kind", ["Service", "PodDisruptionBudget", "NetworkPolicy"])
def test_an_object_without_a_selector_selects_no_pod(kind: str) -> None:
    """A key that was forgotten is told as an empty one is."""
    assert faults(deployment(), thing(kind, {})) == [
        (f"{kind}/generator", "selects no pod", "nothing")
    ]


def test_a_selector_needs_a_deployment_in_the_unit() -> None:
    """Pods of other units do not count."""
    assert faults(thing("Service", {"selector": LABELS})) == [
        ("Service/generator", "selects no pod", "app=generator, part=engine")
    ]


def test_objects_of_other_kinds_are_not_asked_for_a_selector() -> None:
    """A ConfigMap or a custom resource has its own rules."""
    assert faults(thing("ConfigMap", {}), thing("PersistentVolumeClaim", {"selector": {}})) == []


@pytest.mark.parametrize(
    ("namespace", "found"),
    [("llm-dev", None), ("llm-production", "llm-production"), (None, "none")],
)
def test_every_object_is_in_the_namespace_of_its_environment(
    namespace: str | None, found: str | None
) -> None:
    """None is no default: it would go where the person who applies it stands."""
    result = faults(thing("ConfigMap", {}, namespace=namespace))

    wanted = [] if found is None else [("ConfigMap/generator", "in another namespace", found)]
    assert wanted == result


@pytest.mark.parametrize(
    ("promoted", "text", "found"),
    [
        (False, "image: REPLACE_ME-engine\nreference: REPLACE_ME-model\n", None),
        (False, "image: REPLACE_ME-engine\n", "REPLACE_ME-engine"),
        (False, "", "none"),
        (
            False,
            "REPLACE_ME-engine REPLACE_ME-model REPLACE_ME-sidecar",
            "REPLACE_ME-engine, REPLACE_ME-model, REPLACE_ME-sidecar",
        ),
        (True, "image: registry.example/engine:v1\n", None),
        (True, "reference: REPLACE_ME-model\n", "REPLACE_ME-model"),
    ],
)
def test_sentinels_are_all_there_before_a_release_and_all_gone_after(
    *, promoted: bool, text: str, found: str | None
) -> None:
    """Without one, a release would miss its place; with one left, nothing could be pulled."""
    rendered = Rendered(unit(release() if promoted else None), text, ())

    result = [(finding.what, finding.found) for finding in check_rendered(rendered)]

    wanted = [] if found is None else [("sentinels do not match the release", found)]
    assert wanted == result


@pytest.mark.parametrize(
    ("artifact", "registry", "refused"),
    [
        (EngineArtifact.IMAGE, "registry.example", False),
        (EngineArtifact.IMAGE, LAB, True),
        (EngineArtifact.IMAGE, f"{LAB}.example", False),
        (EngineArtifact.LAB, LAB, False),
        (EngineArtifact.LAB, "registry.example", True),
        (EngineArtifact.LAB, f"{LAB}.example", True),
    ],
)
def test_lab_artifacts_run_in_the_lab_and_nothing_else_does(
    *, artifact: EngineArtifact, registry: str, refused: bool
) -> None:
    """Both references are told, and only a whole host name counts as the lab's."""
    running = release(registry=registry)
    rendered = Rendered(unit(running, artifact=artifact), "", ())

    result = [finding.found for finding in check_rendered(rendered)]

    assert ([running.engine.name, running.model.name] if refused else []) == result
