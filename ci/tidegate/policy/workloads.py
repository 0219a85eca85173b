"""What must hold of pods that serve: their timing, probes, caches and what they may never do."""

import re
from collections.abc import Iterator
from typing import Any

from tidegate.findings import Finding
from tidegate.manifests.objects import Object, dig, title
from tidegate.manifests.pods import Pod, pods
from tidegate.policy.scope import Scope, environment, server_pods
from tidegate.policy.values import QUANTITY

LIVENESS_WINDOW_SECONDS = 60
SHUTDOWN_TIMEOUT = "tidegate.dev/shutdown-timeout"
_CACHES = (
    "HOME",
    "HF_HOME",
    "NUMBA_CACHE_DIR",
    "OUTLINES_CACHE_DIR",
    "TORCHINDUCTOR_CACHE_DIR",
    "TRITON_CACHE_DIR",
    "VLLM_CACHE_ROOT",
    "VLLM_CONFIG_ROOT",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
)
_ADMINISTRATIVE = ("VLLM_SERVER_DEV_MODE", "VLLM_ALLOW_RUNTIME_LORA_UPDATING")
_PATHS = {
    "startupProbe": "/v1/models",
    "readinessProbe": "/v1/models",
    "livenessProbe": "/health",
}
_RETIRED = {
    r"(^|/)text-generation-inference[:@]": "vLLM: TGI was archived in March 2026",
    r"(^|/)jaegertracing/all-in-one[:@]": "Jaeger 2 or Tempo: Jaeger 1 ended in December 2025",
    r"(^|/)argoproj/argocd:v[12]\.": "Argo CD 3.6 or 3.5",
    r"(^|/)ingress-nginx/controller[:@]": "a Gateway: ingress-nginx is retired",
}
_UNITS = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_UNITS |= {"P": 1e15, "E": 1e18, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_UNITS |= {"Pi": 2**50, "Ei": 2**60}


def check_workloads(scope: Scope) -> Iterator[Finding]:
    """Findings of everything in a scope that owns pods."""
    for one in scope.objects:
        for pod in pods(one):
            yield from _check_images(scope, pod)
    for one in scope.objects:
        yield from _check_labels(scope, one)
    for pod in server_pods(scope):
        if pod.engine is not None:
            for check in (
                _check_timing,
                _check_probes,
                _check_liveness,
                _check_drain,
                _check_caches,
            ):
                yield from check(scope, pod, pod.engine)
            for check in (_check_memory, _check_modes, _check_process, _check_offline):
                yield from check(scope, pod, pod.engine)


def _check_images(scope: Scope, pod: Pod) -> Iterator[Finding]:
    for container in pod.containers:
        for pattern, successor in _RETIRED.items():
            if re.search(pattern, container.get("image", "")):
                yield scope.fault(
                    pod.title(container),
                    "retired software",
                    wanted=successor,
                    found=container["image"],
                    next_step="move to what took its place",
                )


def _window(probe: dict[str, Any]) -> int:
    """Seconds until a probe that always fails has its effect; defaults as in Kubernetes."""
    return int(probe.get("periodSeconds", 10)) * int(probe.get("failureThreshold", 3))


def _check_timing(scope: Scope, pod: Pod, engine: dict[str, Any]) -> Iterator[Finding]:
    """The startup budget, the engine's own patience and the rollout's: none cuts another short."""
    budget = _window(engine.get("startupProbe") or {})
    patience = environment(engine).get("VLLM_ENGINE_READY_TIMEOUT_S", "600")
    waits = [("VLLM_ENGINE_READY_TIMEOUT_S", budget, int(amount(patience)))]
    if pod.owner["kind"] in {"Deployment", "Rollout"}:
        deadline = dig(pod.owner, "spec", "progressDeadlineSeconds") or 600
        waits.append(("progressDeadlineSeconds", budget + 1, deadline))
    for name, least, found in waits:
        if found < least:
            yield scope.fault(
                pod.title(engine),
                "given up before it can be ready",
                wanted=f"{name} >= {least} s",
                found=f"{found} s",
                next_step="raise it: a large model takes ten minutes and more to load",
            )


def _check_probes(scope: Scope, pod: Pod, engine: dict[str, Any]) -> Iterator[Finding]:
    for name, wanted in _PATHS.items():
        probe = engine.get(name) or {}
        found = dig(probe, "httpGet", "path")
        if found != wanted:
            yield scope.fault(
                f"{pod.title(engine)}/{name}",
                "probe on the wrong route",
                wanted=wanted,
                found=found,
                next_step="vLLM answers there when the model is loaded; it has no /ready",
            )
        if probe.get("initialDelaySeconds"):
            yield scope.fault(
                f"{pod.title(engine)}/{name}",
                "probe waits blindly",
                wanted="no initialDelaySeconds",
                found=probe["initialDelaySeconds"],
                next_step="leave the waiting to the startup probe",
            )


def _check_liveness(scope: Scope, pod: Pod, engine: dict[str, Any]) -> Iterator[Finding]:
    """A busy engine first loses traffic and only much later its life."""
    alive = _window(engine.get("livenessProbe") or {})
    ready = _window(engine.get("readinessProbe") or {})
    if alive < LIVENESS_WINDOW_SECONDS or alive <= ready:
        yield scope.fault(
            f"{pod.title(engine)}/livenessProbe",
            "restarts an engine that is only busy",
            wanted=f"a window of {LIVENESS_WINDOW_SECONDS} s and more than readiness' {ready} s",
            found=f"{alive} s",
            next_step="raise periodSeconds or failureThreshold",
        )


def _check_drain(scope: Scope, pod: Pod, engine: dict[str, Any]) -> Iterator[Finding]:
    """The admission policy sees the annotation, vLLM the file."""
    del engine
    if scope.model is None:
        return
    said = dig(pod.metadata, "annotations", SHUTDOWN_TIMEOUT)
    wanted = scope.model.engine.get("shutdown-timeout", 0)
    if said != str(wanted):
        yield scope.fault(
            title(pod.owner),
            "drain time differs from engine.yaml",
            wanted=f'{SHUTDOWN_TIMEOUT}: "{wanted}"',
            found=said,
            next_step="correct the annotation or shutdown-timeout",
        )


def _check_caches(scope: Scope, pod: Pod, engine: dict[str, Any]) -> Iterator[Finding]:
    """The root filesystem is read-only: what the engine writes needs a volume."""
    mounts = [m["mountPath"] for m in engine.get("volumeMounts") or [] if not m.get("readOnly")]
    places = environment(engine)
    wanted = {name: places.get(name, "") for name in _CACHES} | {"temporary files": "/tmp"}  # noqa: S108 - the pod's own
    for name, path in wanted.items():
        if not any(path == mount or path.startswith(f"{mount}/") for mount in mounts):
            yield scope.fault(
                pod.title(engine),
                "cache is not writable",
                wanted=f"{name} below one of {', '.join(mounts) or 'no mounts'}",
                found=path,
                next_step="set the variable to a path of a mounted volume",
            )
    if not places.get("USER"):
        yield scope.fault(
            pod.title(engine),
            "user has no name",
            wanted="USER",
            found=None,
            next_step="set it: torch looks the user up at import",
        )


def amount(quantity: object) -> float:
    """A Kubernetes quantity as a number."""
    match = QUANTITY.fullmatch(str(quantity))
    if match is None:
        return 0.0
    number, suffix = match[1], match[2] or ""
    return float(number) * _UNITS[suffix] if suffix in _UNITS else float(f"{number}{suffix}")


def _check_memory(scope: Scope, pod: Pod, engine: dict[str, Any]) -> Iterator[Finding]:
    """Shared memory counts against the memory limit, so it has a size and leaves room."""
    volumes = {one["name"]: one for one in pod.spec.get("volumes") or []}
    mounts = {one["mountPath"]: one["name"] for one in engine.get("volumeMounts") or []}
    shared = dig(volumes.get(mounts.get("/dev/shm", ""), {}), "emptyDir") or {}  # noqa: S108 - the pod's own
    limit = dig(engine, "resources", "limits", "memory")
    if shared.get("medium") != "Memory" or not shared.get("sizeLimit"):
        found = shared
    elif amount(shared["sizeLimit"]) >= amount(limit):
        found = f"{shared['sizeLimit']} of {limit}"
    else:
        return
    yield scope.fault(
        f"{pod.title(engine)}//dev/shm",
        "shared memory without bounds",
        wanted="an emptyDir of medium Memory with a sizeLimit below the memory limit",
        found=found,
        next_step="mount one; engine processes talk through it",
    )


def _check_modes(scope: Scope, pod: Pod, engine: dict[str, Any]) -> Iterator[Finding]:
    for name, value in environment(engine).items():
        if name in _ADMINISTRATIVE and value not in {"", "0", "false"}:
            yield scope.fault(
                pod.title(engine),
                "administrative routes are open",
                wanted=f"no {name}",
                found=value,
                next_step="remove it; adapters come from lora-modules in engine.yaml",
            )


def _check_process(scope: Scope, pod: Pod, engine: dict[str, Any]) -> Iterator[Finding]:
    command = [str(part) for part in engine.get("command") or []]
    if command and command[0].rpartition("/")[2] in {"sh", "bash", "dash"}:
        yield scope.fault(
            pod.title(engine),
            "a shell stands before the engine",
            wanted="vllm as the first process",
            found=" ".join(command),
            next_step="use the exec form: a shell does not pass SIGTERM on, and nothing drains",
        )


def _check_offline(scope: Scope, pod: Pod, engine: dict[str, Any]) -> Iterator[Finding]:
    """A release is a digest: nothing is fetched by name at start."""
    place = scope.model.engine.get("model") if scope.model else "/model"
    mounted = {one["mountPath"] for one in engine.get("volumeMounts") or [] if one.get("readOnly")}
    offline = environment(engine).get("HF_HUB_OFFLINE")
    if offline != "1" or place not in mounted:
        yield scope.fault(
            pod.title(engine),
            "weights are not the release's",
            wanted='HF_HUB_OFFLINE "1" and the model from a read-only mount',
            found=f"HF_HUB_OFFLINE {offline}, model {place}",
            next_step="serve the mounted model; a download is slow, limited and unpinned",
        )


def _check_labels(scope: Scope, one: Object) -> Iterator[Finding]:
    """Cost is added up by labels; a wrong one bills another team."""
    if scope.model is None:
        return
    wanted = {"tidegate.dev/model": scope.model.name, "tidegate.dev/team": scope.model.spec.owner}
    for labels in (one["metadata"].get("labels") or {}, *(pod.labels for pod in pods(one))):
        for label, value in wanted.items():
            if labels.get(label, value) != value:
                yield scope.fault(
                    title(one),
                    "label differs from model.yaml",
                    wanted=f"{label}: {value}",
                    found=labels[label],
                    next_step="correct the label in the model's kustomization.yaml",
                )
