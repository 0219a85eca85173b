"""What must hold of a unit's engine: it is there, runs its file, and stands on the right nodes."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from tidegate.findings import Finding
from tidegate.manifests.objects import dig, title
from tidegate.manifests.pods import Pod
from tidegate.policy.scope import Scope, server_pods

ACCELERATOR = "tidegate.dev/accelerator"
# Says which engine a pod runs where it is not vLLM.
ENGINE = "tidegate.dev/engine"
_DEVICE = "nvidia.com/gpu"


def check_engines(scope: Scope) -> Iterator[Finding]:
    """Findings of a unit's engine and of every server's own selector."""
    engines = [pod for pod in server_pods(scope) if pod.engine]
    if scope.model and not engines:
        yield scope.fault(
            "containers",
            "unit without an engine",
            wanted="a container called engine",
            found=", ".join(c["name"] for pod in server_pods(scope) for c in pod.containers),
            next_step="call the container that runs vLLM engine; the checks know it by that name",
        )
    for pod in server_pods(scope):
        yield from _check_selector(scope, pod)
    for pod in engines:
        if pod.engine:
            if pod.labels.get(ENGINE, "vllm") == "vllm":
                yield from _check_start(scope, pod, pod.engine)
                yield from _check_file(scope, pod, pod.engine)
            yield from _check_nodes(scope, pod, pod.engine)
            yield from _check_strategy(scope, pod)


def _check_selector(scope: Scope, pod: Pod) -> Iterator[Finding]:
    selector = dig(pod.owner, "spec", "selector", "matchLabels") or {}
    missing = {k: v for k, v in selector.items() if pod.labels.get(k) != v}
    if missing:
        yield scope.fault(
            title(pod.owner),
            "selector differs from its own pods",
            wanted=", ".join(f"{k}={v}" for k, v in missing.items()),
            found=", ".join(f"{k}={pod.labels[k]}" for k in missing if k in pod.labels),
            next_step="correct the selector or the template's labels",
        )


def _check_start(scope: Scope, pod: Pod, engine: dict[str, Any]) -> Iterator[Finding]:
    """A flag beside the file would win over it; a file that is not mounted stops the start."""
    given = _flags(engine)
    worker = "--headless" in given  # another pod answers callers
    mounts = [one["mountPath"] for one in engine.get("volumeMounts") or []]
    ports = {str(port.get("containerPort")) for port in engine.get("ports") or []}
    file = given.get("--config", "")
    sound = {
        "command vllm serve": (engine.get("command") or [])[-2:] == ["vllm", "serve"],
        "--config below a mount": any(file.startswith(f"{mount}/") for mount in mounts),
        "--port as opened": worker or given.get("--port") in ports,
        "--host 0.0.0.0": worker or given.get("--host") == "0.0.0.0",  # noqa: S104 - the pod's own
    }
    missing = [name for name, held in sound.items() if not held]
    shell = str((engine.get("command") or [""])[0]).endswith("sh")
    if missing and not shell:  # a shell has its own finding
        yield scope.fault(
            pod.title(engine),
            "engine does not start as its file says",
            wanted=", ".join(missing),
            found=" ".join(map(str, [*(engine.get("command") or []), *(engine.get("args") or [])])),
            next_step="restore command and args in base/engine; settings go to engine.yaml",
        )


def _flags(engine: dict[str, Any]) -> dict[str, str]:
    """The flags of a command line, `--flag value` or `--flag=value`; a switch has no value."""
    words = [
        word
        for one in map(str, engine.get("args") or [])
        for word in (one.split("=", 1) if one.startswith("--") else [one])
    ]
    pairs = pairwise([*words, "--"])
    return {a: "" if b.startswith("--") else b for a, b in pairs if a.startswith("--")}


def _check_file(scope: Scope, pod: Pod, engine: dict[str, Any]) -> Iterator[Finding]:
    """The ConfigMap that is mounted holds the file that --config names."""
    folder, _, file = _flags(engine).get("--config", "").rpartition("/")
    mounts = {one["mountPath"]: one["name"] for one in engine.get("volumeMounts") or []}
    volumes = {one["name"]: one for one in pod.spec.get("volumes") or []}
    name = dig(volumes.get(mounts.get(folder, ""), {}), "configMap", "name")
    for one in scope.of("ConfigMap"):
        if one["metadata"]["name"] == name and file not in (one.get("data") or {}):
            yield scope.fault(
                pod.title(engine),
                "engine does not start as its file says",
                wanted=f"{file} in ConfigMap/{name}",
                found=", ".join(one.get("data") or {}),
                next_step="correct the file's name in the model's kustomization.yaml",
            )


def _check_nodes(scope: Scope, pod: Pod, engine: dict[str, Any]) -> Iterator[Finding]:
    """The accelerator that the arithmetic of memory was made for, and as many of them."""
    if scope.model is None or scope.model.spec.accelerator.kind == "cpu":
        return
    need = scope.model.spec.accelerator
    tolerated = any(
        one.get("key") in {_DEVICE, None} and one.get("operator", "Equal") == "Exists"
        for one in pod.spec.get("tolerations") or []
    )
    found = {
        ACCELERATOR: _placed(pod),
        _DEVICE: str(dig(engine, "resources", "requests", _DEVICE)),
        "toleration": "yes" if tolerated else "no",
    }
    wanted = {ACCELERATOR: need.kind, _DEVICE: str(need.count), "toleration": "yes"}
    if found != wanted:
        yield scope.fault(
            pod.title(engine),
            "runs on other nodes than its model needs",
            wanted=", ".join(f"{k} {v}" for k, v in wanted.items()),
            found=", ".join(f"{k} {v}" for k, v in found.items()),
            next_step="use base/components/nvidia-gpu, which takes them from model.yaml",
        )


def _placed(pod: Pod) -> str | None:
    """The kind of accelerator that the pod must stand beside, by selector or by affinity."""
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    terms = dig(pod.spec, "affinity", "nodeAffinity", required, "nodeSelectorTerms") or []
    found = {
        str(value)
        for term in terms
        for one in term.get("matchExpressions") or []
        if one["key"] == ACCELERATOR and one["operator"] == "In"
        for value in one.get("values") or []
    }
    selected = dig(pod.spec, "nodeSelector", ACCELERATOR)
    return selected or (", ".join(sorted(found)) or None)


def _check_strategy(scope: Scope, pod: Pod) -> Iterator[Finding]:
    """The default takes a quarter of the replicas away before there are new ones."""
    if pod.owner["kind"] != "Deployment":
        return
    strategy = dig(pod.owner, "spec", "strategy") or {}
    away = dig(strategy, "rollingUpdate", "maxUnavailable")
    if strategy.get("type", "RollingUpdate") == "RollingUpdate" and away not in {0, "0", "0%"}:
        yield scope.fault(
            title(pod.owner),
            "rollout takes capacity away",
            wanted="rollingUpdate.maxUnavailable 0",
            found=away if away is not None else "the default, 25%",
            next_step="set it; a new engine needs minutes to take the place of an old one",
        )
