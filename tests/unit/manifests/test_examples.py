"""Examples are rendered and checked like units, and are no units."""

import re
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import ROOT, Cli

from tidegate.catalog.load import load_valid
from tidegate.findings import Finding
from tidegate.manifests.examples import check_example
from tidegate.manifests.graph import find_links
from tidegate.manifests.render import Rendered, render
from tidegate.manifests.units import Folder, find_folders, find_units

EXAMPLES = [
    folder.name
    for folder in find_folders(ROOT, find_links(ROOT))
    if folder.name.startswith("examples/")
]


def rendered(name: str) -> dict[tuple[str, str], dict[str, Any]]:
    """The objects of an example by kind and name."""
    objects = render(Folder(ROOT, f"overlays/examples/{name}")).objects
    return {(one["kind"], one["metadata"]["name"]): one for one in objects}


def engine(pod: dict[str, Any]) -> dict[str, Any]:
    """The engine's container of a pod."""
    found: dict[str, Any] = next(
        one for one in pod["containers"] if one["name"] in {"engine", "kserve-container"}
    )
    return found


def faults(*objects: dict[str, Any], text: str = "") -> list[Finding]:
    """Findings of an example with these objects."""
    return check_example(Rendered(Folder(ROOT, "overlays/examples/any"), text, objects))


def test_examples_are_no_units() -> None:
    """So they have no release, no state, and nothing can be promoted to them."""
    units, findings = find_units(load_valid(ROOT))

    assert findings == []
    assert EXAMPLES
    assert not {unit.name for unit in units} & set(EXAMPLES)


def test_every_example_is_in_the_table_of_examples() -> None:
    """In the order of their names, and none that is gone."""
    page = (ROOT / "overlays" / "examples" / "README.md").read_text()

    found = re.findall(r"^\| \[([a-z-]+)\]\(\1/kustomization\.yaml\) \| ", page, re.MULTILINE)
    assert [f"examples/{name}" for name in found] == EXAMPLES


def test_status_does_not_speak_of_examples(repository: Path, cli: Cli) -> None:
    """Only what is promoted stands somewhere."""
    ran = cli("status", "--root", repository, "--json")

    assert "examples" not in ran.out


@pytest.mark.parametrize("name", ["examples/cpu", "clusters/lab"])
def test_an_example_and_a_cluster_render_by_their_name(name: str, cli: Cli) -> None:
    """As a unit does, and to what is committed."""
    ran = cli("render", name, "--root", ROOT)

    assert ran.out == (ROOT / "tests" / "golden" / f"{name}.yaml").read_text()


@pytest.mark.parametrize("path", sorted(ROOT.glob("base/variants/*/")), ids=lambda path: path.name)
def test_every_variant_says_what_it_is_for(path: Path) -> None:
    """As a component does; that an example renders it, `tidegate check` demands of both."""
    readme = (path / "README.md").read_text()

    assert "## Purpose\n" in readme
    assert "## Usage\n" in readme


def test_a_multi_node_group_agrees_on_its_ranks() -> None:
    """The leader serves, the workers are headless, and all meet at the leader's address."""
    spec = rendered("multi-node")["LeaderWorkerSet", "generator"]["spec"]["leaderWorkerTemplate"]
    leader, worker = (
        engine(spec[f"{role}Template"]["spec"])["args"] for role in ("leader", "worker")
    )
    shared = {arg for arg in leader if arg.startswith(("--master", "--nnodes", "--pipeline"))}

    assert len(shared) == 4
    assert shared <= set(worker)
    assert "--node-rank=0" in leader
    assert {"--headless", "--node-rank=$(LWS_WORKER_INDEX)"} <= set(worker)


def test_a_multi_node_worker_outlives_the_leader_s_drain() -> None:
    """A leader that has lost its workers cannot finish what it streams."""
    spec = rendered("multi-node")["LeaderWorkerSet", "generator"]["spec"]["leaderWorkerTemplate"]
    leader, worker = (spec[f"{role}Template"]["spec"] for role in ("leader", "worker"))
    drain = load_valid(ROOT).models["qwen3-32b"].engine["shutdown-timeout"]
    sleep = engine(leader)["lifecycle"]["preStop"]["sleep"]["seconds"]

    assert engine(worker)["lifecycle"]["preStop"]["sleep"]["seconds"] >= sleep + drain
    assert "startupProbe" not in engine(worker)


def test_the_base_s_pod_is_copied_whole_into_every_variant() -> None:
    """Security, volumes and environment are written once, in the base."""
    base = rendered("spot")["Deployment", "generator"]["spec"]["template"]["spec"]
    lws = rendered("multi-node")["LeaderWorkerSet", "generator"]["spec"]["leaderWorkerTemplate"]
    copies = [
        lws["leaderTemplate"]["spec"],
        lws["workerTemplate"]["spec"],
        rendered("prefill-decode")["Deployment", "generator-prefill"]["spec"]["template"]["spec"],
        rendered("kserve")["InferenceService", "generator"]["spec"]["predictor"],
    ]

    for pod in copies:
        assert pod["securityContext"] == base["securityContext"]
        assert pod["serviceAccountName"] == base["serviceAccountName"]
        for key in ("securityContext", "volumeMounts", "image"):
            assert engine(pod)[key] == engine(base)[key]


def test_decode_is_reached_through_its_sidecar_alone() -> None:
    """Around it, a prompt would never be prefilled elsewhere."""
    objects = rendered("prefill-decode")
    decode = objects["Deployment", "generator"]["spec"]["template"]["spec"]
    (sidecar,) = decode["initContainers"]
    pool = objects["InferencePool", "generator"]["spec"]

    assert sidecar["restartPolicy"] == "Always"
    assert sidecar["ports"][0]["containerPort"] == pool["targetPorts"][0]["number"]
    assert objects["Service", "generator"]["spec"]["ports"][0]["targetPort"] == 8000
    assert "--port=8200" in engine(decode)["args"]


def test_spot_is_preferred_and_on_demand_is_the_fall_back() -> None:
    """The affinity is a preference, and the spot pool weighs more for the autoscaler."""
    pod = rendered("spot")["Deployment", "generator"]["spec"]["template"]["spec"]
    pools = rendered("gpu-node-pools")
    spot, demand = (pools["NodePool", f"gpu-{name}"]["spec"] for name in ("spot", "on-demand"))

    (preferred,) = pod["affinity"]["nodeAffinity"][
        "preferredDuringSchedulingIgnoredDuringExecution"
    ]
    assert preferred["preference"]["matchExpressions"][0]["values"] == ["spot"]
    assert spot["weight"] > demand["weight"]
    taints = {taint["key"] for taint in spot["template"]["spec"]["taints"]}
    assert taints == {toleration["key"] for toleration in pod["tolerations"]}


@pytest.mark.parametrize(
    ("reference", "pinned"),
    [
        (f"registry.example/x:v1@sha256:{'0' * 64}", True),
        ("REPLACE_ME-engine", True),
        ("oci+native://REPLACE_ME-model", True),
        ("registry.example/x:v1", False),
        (f"registry.example/x@sha256:{'0' * 63}", False),
    ],
)
def test_an_example_names_images_by_digest_or_not_at_all(reference: str, *, pinned: bool) -> None:
    """What whoever copies it must fill in cannot be pulled by accident."""
    found = faults(text=f"- image: {reference}\n")

    assert [one.what for one in found] == ([] if pinned else ["image is not pinned"])


def test_an_engine_without_a_known_drain_is_cut_off() -> None:
    """No engine file, or one without the setting, is no drain."""
    pod = {"containers": [{"name": "engine"}], "terminationGracePeriodSeconds": 90}
    place = {"name": "x", "namespace": "llm-examples"}
    deployment = {"kind": "Deployment", "metadata": place, "spec": {"template": {"spec": pod}}}
    config = {"kind": "ConfigMap", "metadata": place, "data": {"engine.yaml": "[a]"}}

    for objects in ([deployment], [deployment, config]):
        assert [one.what for one in faults(*objects)] == ["requests are cut off at shutdown"]
