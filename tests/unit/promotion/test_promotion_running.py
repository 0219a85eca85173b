"""What a cluster runs against what was promoted, and the live endpoint after it."""

import json
import re
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Cli
from tests.unit.promotion.conftest import Fork, verdict
from tests.unit.promotion.files import policy_file, policy_text

from tidegate.findings import CouldNotCheckError
from tidegate.manifests.render import render
from tidegate.policy.scope import Scope, server_pods
from tidegate.promotion.running import check_running, read_pods

UNIT = "dev/generator"
Pods = list[dict[str, Any]]


@pytest.fixture
def pods(running: Fork) -> Pods:
    """Two ready pods as the generator's own template makes them."""
    unit = running.standings()[UNIT].unit
    (wanted,) = server_pods(Scope(unit.name, unit.file, render(unit).objects))
    return [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"generator-{letter}",
                "namespace": unit.environment.spec.namespace,
                "labels": dict(wanted.labels),
            },
            "spec": deepcopy(wanted.spec),
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        }
        for letter in "ab"
    ]


def engine(pod: dict[str, Any]) -> dict[str, Any]:
    """The container that runs vLLM."""
    return next(dict_ for dict_ in pod["spec"]["containers"] if dict_["name"] == "engine")


def test_pods_of_the_promoted_release_leave_nothing_to_say(running: Fork, pods: Pods) -> None:
    """A sidecar that a mesh injects, and pods of others, are no difference."""
    pods[0]["spec"]["containers"].append({"name": "istio-proxy", "image": "proxy@sha256:0"})
    other = deepcopy(pods[1])
    other["metadata"]["namespace"] = "another"
    engine(other)["image"] = "other"

    assert check_running(running.standings()[UNIT], [*pods, other]) == []


def test_every_image_of_every_pod_is_compared(running: Fork, pods: Pods) -> None:
    """Engine and model alike: half a rollout is no release."""
    engine(pods[1])["image"] = "registry.example/engine:v0@sha256:old"
    (volume,) = [v for v in pods[0]["spec"]["volumes"] if "image" in v]
    pods[0]["spec"]["volumes"].remove(volume)

    found = check_running(running.standings()[UNIT], pods)

    release = running.standings()[UNIT].unit.release
    assert release is not None
    assert [(one.object, one.wanted, one.found) for one in found] == [
        ("generator-a/volume model", str(release.model), "nothing"),
        (
            "generator-b/container engine",
            str(release.engine),
            "registry.example/engine:v0@sha256:old",
        ),
    ]


def unready(pods: Pods) -> None:
    """They are there and do not serve."""
    for pod in pods:
        pod["status"]["conditions"] = [{"type": "Ready", "status": "False"}]


def foreign(pods: Pods) -> None:
    """They are those of another service."""
    for pod in pods:
        pod["metadata"]["labels"] = {}


@pytest.mark.parametrize("change", [unready, foreign, list.clear])
def test_where_nothing_serves_nothing_is_proven(
    change: Callable[[Pods], None], running: Fork, pods: Pods
) -> None:
    """No data is no success, and no finding either."""
    change(pods)

    with pytest.raises(CouldNotCheckError, match="nothing to verify; wanted a pod that is ready"):
        check_running(running.standings()[UNIT], pods)


def test_a_release_that_no_promotion_names_is_told(running: Fork, pods: Pods) -> None:
    """Somebody changed the file by hand, and the cluster followed."""
    record = running.standings()[UNIT].record
    assert record is not None
    old = record.release.engine.digest
    running.replace(f"overlays/{UNIT}/kustomization.yaml", old, f"sha256:{'0' * 64}")
    for pod in pods:
        engine(pod)["image"] = engine(pod)["image"].replace(old, f"sha256:{'0' * 64}")

    (found,) = check_running(running.standings()[UNIT], pods)

    assert (found.object, found.what) == ("release", "no promotion put it there")


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"items": 1}', '{"items": [1]}'])
def test_what_is_no_list_of_pods_cannot_be_checked(text: str | None, tmp_path: Path) -> None:
    """A cluster that refuses prints something else, or nothing."""
    file = tmp_path / "pods.json"
    if text is not None:
        file.write_text(text)

    with pytest.raises(CouldNotCheckError, match="not a list of pods; wanted what `kubectl get"):
        read_pods(file)


def test_the_endpoint_is_asked_only_where_the_pods_are_right(
    running: Fork, pods: Pods, tmp_path: Path, cli: Cli
) -> None:
    """Its gates say nothing about a release that does not run there."""
    file = tmp_path / "pods.json"
    command = ("verify", UNIT, "--pods", file, "--url", "http://127.0.0.1:9")
    options = ("--root", running.git.path)
    file.write_text(json.dumps({"items": pods}))

    unreachable = cli(*command, *options)
    engine(pods[0])["image"] = "other"
    file.write_text(json.dumps({"items": pods}))
    wrong = cli(*command, *options)

    assert f"{UNIT} runs " in unreachable.out
    assert unreachable.code == 2
    assert "http://127.0.0.1:9" in unreachable.err
    assert wrong.code == 1
    assert "pod runs something else" in wrong.err
    assert "127.0.0.1:9" not in wrong.err


def test_the_release_that_runs_must_have_the_evidence_that_its_policy_asks_for(
    running: Fork, pods: Pods, tmp_path: Path, cli: Cli
) -> None:
    """Of the store that is given: the newest that is believed, however old; then the endpoint."""
    file, empty = tmp_path / "pods.json", tmp_path / "empty"
    file.write_text(json.dumps({"items": pods}))
    command = ("verify", UNIT, "--pods", file, "--url", "http://127.0.0.1:9")
    options = ("--root", running.git.path, "--store")
    asked = {"kind": "verdict", "signers": "pipeline", "maxAgeHours": 1}
    running.write(policy_file("dev"), policy_text("dev", asked))
    release = running.standings()[UNIT].unit.release
    assert release is not None

    proven = cli(*command, *options, running.store.layout.root)
    nothing = cli(*command, *options, empty)
    running.store.prove(release, verdict(0.1))
    worse = cli(*command, *options, running.store.layout.root)

    assert (proven.code, nothing.code, worse.code) == (2, 1, 1)
    assert re.search(r"^verdict +sha256:[0-9a-f]{64} by pipeline$", proven.out, re.MULTILINE)
    assert "http://127.0.0.1:9" in proven.err
    assert "overlays/dev/policy.yaml: verdict: evidence is missing; " in nothing.err
    assert "127.0.0.1:9" not in nothing.err + worse.err
    assert "gate says fail" in worse.err
