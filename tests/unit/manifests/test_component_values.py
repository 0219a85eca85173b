"""What components promise in their READMEs, on what they render to."""

from typing import Any

import pytest
from tests.unit.manifests.building import CATALOG, MODEL_OF, engine, objects

Objects = dict[tuple[str, str], dict[str, Any]]


def only(rendered: Objects, kind: str, name: str = "generator") -> dict[str, Any]:
    """The specification of an object."""
    spec: dict[str, Any] = rendered[kind, name]["spec"]
    return spec


def pod(rendered: Objects, kind: str, name: str) -> dict[str, Any]:
    """The pod of an object."""
    spec: dict[str, Any] = only(rendered, kind, name)["template"]["spec"]
    return spec


def triggers(service: str, *components: str) -> dict[str, dict[str, Any]]:
    """The triggers of a scaler by name."""
    spec = only(objects(service, "scaling", *components), "ScaledObject", service)
    return {trigger["name"]: trigger for trigger in spec["triggers"]}


SIGNALS = ["latency", "queue", "running", "saturation"]


@pytest.mark.parametrize("service", ["generator", "retriever"])
def test_a_signal_asks_about_its_own_unit(service: str) -> None:
    """Namespace, model, concurrency and objective come from the catalog into the query's text."""
    model = CATALOG.models[MODEL_OF[service]]
    own = f'{{namespace="llm-dev",model_name="{model.name}"}}'

    found = triggers(service, *(f"scaling-{name}" for name in SIGNALS))

    queries = {name: trigger["metadata"]["query"] for name, trigger in found.items()}
    limit, seconds = model.spec.limits.concurrency, model.spec.slo.end_to_end.seconds
    assert queries["queue"] == f"sum(vllm:num_requests_waiting{own}) / {limit}"
    assert queries["running"] == f"sum(vllm:num_requests_running{own}) / {limit}"
    assert queries["saturation"] == f"sum(vllm:kv_cache_usage_perc{own})"
    assert queries["latency"] == (
        "(histogram_quantile(0.99, sum by (le) (rate("
        f"vllm:e2e_request_latency_seconds_bucket{own}[5m]))) > 0\n"
        f"or 0 * sum(vllm:num_requests_running{own})) / {seconds:g}"
    ).replace("\n", " ")


def test_no_signal_takes_missing_data_for_no_load() -> None:
    """An outage of Prometheus is an error, which keeps the replicas that run."""
    found = triggers("generator", *(f"scaling-{name}" for name in SIGNALS), "scaling-to-zero")

    assert {"false"} == {trigger["metadata"]["ignoreNullValues"] for trigger in found.values()}
    assert {"http://prometheus-operated.monitoring.svc:9090"} == {
        trigger["metadata"]["serverAddress"] for trigger in found.values()
    }


def test_demand_at_the_gateway_is_load_over_capacity() -> None:
    """Requests per second x end-to-end objective / concurrency, of this service alone."""
    query = triggers("generator", "scaling-to-zero")["demand"]["metadata"]["query"]

    spec = CATALOG.models["qwen3-8b"].spec
    assert 'destination_service_namespace="llm-dev",destination_service_name="generator"' in query
    assert query.endswith(f" * {spec.slo.end_to_end.seconds:g} / {spec.limits.concurrency}")


def test_a_formula_brings_the_signals_that_it_names() -> None:
    """Its target is a whole number, by which a fallback can divide."""
    spec = only(objects("generator", "scaling", "scaling-composite"), "ScaledObject")

    modifiers = spec["advanced"]["scalingModifiers"]
    assert [trigger["name"] for trigger in spec["triggers"]] == ["queue", "saturation"]
    assert modifiers["formula"] == "saturation / 0.7 + queue / 0.5"
    assert modifiers["target"] == "1"


@pytest.mark.parametrize(
    ("component", "least", "most"),
    [("keep-warm", 2, 4), ("office-hours", 0, 1), ("to-zero", 0, 2), ("queue", 1, 2)],
)
def test_the_fallback_is_between_the_bounds(component: str, least: int, most: int) -> None:
    """KEDA refuses another number, and the fallback never takes a running replica away."""
    spec = only(objects("generator", "scaling", f"scaling-{component}"), "ScaledObject")

    assert (least, most) == (spec["minReplicaCount"], spec["maxReplicaCount"])
    assert least <= spec["fallback"]["replicas"] <= most
    assert spec["fallback"]["behavior"] == "currentReplicasIfHigher"


@pytest.mark.parametrize("service", MODEL_OF)
def test_nothing_gives_up_before_the_startup_budget(service: str) -> None:
    """Neither the engine's own patience nor the rollout's deadline is shorter than the probe's."""
    rendered = objects(service, "nvidia-gpu")

    probe = engine(rendered)["startupProbe"]
    budget = probe["periodSeconds"] * probe["failureThreshold"]
    patience = {one["name"]: one["value"] for one in engine(rendered)["env"]}
    assert budget < int(patience["VLLM_ENGINE_READY_TIMEOUT_S"])
    assert budget < only(rendered, "Deployment", service)["progressDeadlineSeconds"]


def test_weights_on_a_volume_are_downloaded_verified_and_then_published() -> None:
    """One revision in all three steps and in the engine's own argument; the engine only reads."""
    rendered = objects("generator", "weights-pvc")

    source = CATALOG.models["qwen3-8b"].spec.source.hugging_face
    assert source is not None
    job = pod(rendered, "Job", "generator-preload")
    place = f"/weights/{source.revision}"
    wanted = [source.repository, "--revision", source.revision, "--local-dir", f"{place}/files"]
    assert [step["args"] for step in job["initContainers"]] == [wanted, wanted]
    assert job["containers"][0]["args"] == ["files", f"{place}/verified"]
    assert engine(rendered)["args"][0] == f"/model/{source.revision}/verified"
    volumes = pod(rendered, "Deployment", "generator")["volumes"]
    (model,) = [one for one in volumes if one["name"] == "model"]
    claim = {"claimName": "generator-weights", "readOnly": True}
    assert {"name": "model", "persistentVolumeClaim": claim} == model


def test_weights_in_object_storage_are_streamed_from_a_path_of_their_revision() -> None:
    """The command line wins over engine.yaml, so both arguments stand there."""
    rendered = objects("generator", "weights-object-storage")

    source = CATALOG.models["qwen3-8b"].spec.source.hugging_face
    assert source is not None
    arguments = engine(rendered)["args"]
    assert arguments[0] == f"s3://models/qwen3-8b/{source.revision}"
    assert arguments[-2:] == ["--load-format", "runai_streamer"]
    (secret,) = [
        one["secret"]["secretName"]
        for one in pod(rendered, "Deployment", "generator")["volumes"]
        if one["name"] == "tokens"
    ]
    assert only(rendered, "ExternalSecret", "generator-tokens")["target"]["name"] == secret


@pytest.mark.parametrize("component", ["weights-pvc", "weights-object-storage"])
def test_weights_from_elsewhere_still_name_the_release(component: str) -> None:
    """A promotion finds its place, starts a rollout, and stands on every pod."""
    rendered = objects("generator", component)

    template = only(rendered, "Deployment")["template"]
    artifact = template["metadata"]["annotations"]["tidegate.dev/model-artifact"]
    assert artifact == "REPLACE_ME-model"


def test_a_secret_is_looked_up_under_its_environment_and_service() -> None:
    """And it stays if the store loses it."""
    spec = only(objects("generator", "external-secret"), "ExternalSecret", "generator-tokens")

    assert spec["dataFrom"][0]["extract"]["key"] == "tidegate/dev/generator"
    assert spec["target"]["deletionPolicy"] == "Retain"


def test_compiled_code_is_kept_on_a_volume_of_the_unit() -> None:
    """The engine's variables point into it, and into nothing that pods of others mount."""
    rendered = objects("generator", "compile-cache")

    places = {one["name"]: one["value"] for one in engine(rendered)["env"]}
    moved = ("VLLM_CACHE_ROOT", "TRITON_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR")
    assert all(places[name].startswith("/compile-cache/") for name in moved)
    assert ("PersistentVolumeClaim", "generator-compile-cache") in rendered


@pytest.mark.parametrize(
    ("component", "kind"), [("headroom", "ReplicaSet"), ("image-prepull", "DaemonSet")]
)
def test_a_placeholder_stands_where_the_engine_will(component: str, kind: str) -> None:
    """The same accelerator kind, both images, and no way to talk to anything."""
    rendered = objects("generator", component)

    template = pod(rendered, kind, f"generator-{component}")
    terms = template["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert terms["nodeSelectorTerms"][0]["matchExpressions"][0]["values"] == ["nvidia-l40s"]
    assert template["containers"][0]["image"] == "REPLACE_ME-engine"
    assert template["volumes"][0]["image"] == {"reference": "REPLACE_ME-model"}
    assert template["serviceAccountName"] == "generator"


def test_headroom_gives_way_to_the_engine() -> None:
    """It asks for the engine's accelerators at a priority below everything that serves."""
    rendered = objects("generator", "nvidia-gpu", "headroom")

    template = pod(rendered, "ReplicaSet", "generator-headroom")
    asked = template["containers"][0]["resources"]
    for name in ("cpu", "memory", "nvidia.com/gpu"):
        assert engine(rendered)["resources"]["requests"][name] == asked["requests"][name]
    assert template["priorityClassName"] == "llm-dev.headroom"
    serving = pod(rendered, "Deployment", "generator")["priorityClassName"]
    assert serving == "llm-dev.serving"


def test_a_node_is_warmed_up_without_any_right() -> None:
    """The CronJob only holds room for a while: it has no token and scales nothing."""
    spec = only(objects("generator", "node-warmup"), "CronJob", "generator-node-warmup")

    template = spec["jobTemplate"]["spec"]["template"]["spec"]
    assert template["automountServiceAccountToken"] is False
    assert template["priorityClassName"] == "llm-dev.headroom"
    assert template["containers"][0]["command"] == ["sleep", "1800"]


def test_names_are_resolved_by_the_clusters_own_servers_only() -> None:
    """The service's labels, which Kustomize adds to selectors, are no part of the rule's peers."""
    policy = only(objects("generator"), "NetworkPolicy")

    ((peer,),) = [rule["to"] for rule in policy["egress"]]
    expression = {"key": "k8s-app", "operator": "In", "values": ["kube-dns"]}
    assert peer["podSelector"] == {"matchExpressions": [expression]}
