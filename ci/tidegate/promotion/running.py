"""What a cluster runs, compared with what git says that it runs and why."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from tidegate.findings import CouldNotCheckError, Finding, cannot_check
from tidegate.manifests.objects import Object, dig, selects, title
from tidegate.manifests.pods import Pod
from tidegate.manifests.render import render
from tidegate.manifests.units import Unit
from tidegate.policy.scope import Scope, namespace, server_pods
from tidegate.promotion.history import Standing


def read_pods(path: Path) -> list[Object]:
    """The pods that `kubectl get pods --output=json` printed into a file.

    Raises:
        CouldNotCheckError: the file is missing or holds something else.
    """
    try:
        data = yaml.load(path.read_bytes(), yaml.CSafeLoader)
        return [one for one in data["items"] if one["kind"] == "Pod"]
    except OSError as error:
        found = error.strerror or "unreadable"
    except (yaml.YAMLError, KeyError, TypeError):
        found = "something else"
    raise cannot_check(
        path,
        "pods",
        "not a list of pods",
        wanted="what `kubectl get pods --all-namespaces --output=json` prints",
        found=found,
        next_step="ask the cluster again, as somebody who may list its pods",
    )


def check_running(standing: Standing, pods: Sequence[Object]) -> list[Finding]:
    """Findings of a unit: a release that no promotion explains, and pods that run another one.

    What runs is what the pods name: a kubelet starts what a digest names, or nothing.

    Raises:
        CouldNotCheckError: no pod of the unit is ready, so nothing is shown.
    """
    unit = standing.unit
    findings = [] if standing.state == "proven" else [_unexplained(standing)]
    for wanted in server_pods(Scope(unit.name, unit.file, render(unit).objects)):
        own = [pod for pod in pods if _belongs(pod, wanted)]
        if not any(map(_ready, own)):
            raise CouldNotCheckError([_none_ready(unit, wanted, len(own))])
        findings += [fault for pod in own for fault in _differences(unit, pod, wanted)]
    return findings


def _belongs(pod: Object, wanted: Pod) -> bool:
    """By the owner's selector, or by the template's labels where the kind has none."""
    selector = wanted.owner["spec"].get("selector") or {"matchLabels": wanted.labels}
    return namespace(pod) == namespace(wanted.owner) and selects(
        selector, dig(pod, "metadata", "labels") or {}
    )


def _ready(pod: Object) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any((one["type"], one["status"]) == ("Ready", "True") for one in conditions)


def _images(spec: dict[str, Any]) -> dict[str, str]:
    """Every image of a pod by what holds it; an injected container is nobody's promotion."""
    held = [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]
    volumes = [one for one in spec.get("volumes") or [] if "image" in one]
    return {f"container {one['name']}": one["image"] for one in held} | {
        f"volume {one['name']}": one["image"]["reference"] for one in volumes
    }


def _differences(unit: Unit, pod: Object, wanted: Pod) -> Iterator[Finding]:
    found = _images(pod["spec"])
    for where, image in _images(wanted.spec).items():
        if found.get(where) != image:
            yield Finding(
                unit.file,
                f"{pod['metadata']['name']}/{where}",
                "pod runs something else",
                image,
                found.get(where, "nothing"),
                "wait for the rollout to end; if it has, read what Argo CD says of the difference",
            )


def _unexplained(standing: Standing) -> Finding:
    return Finding(
        standing.unit.file,
        "release",
        "no promotion put it there",
        "a release that its newest promotion names",
        f"{standing.unit.release or 'none'}",
        "promote it with evidence, or roll back to what was promoted",
    )


def _none_ready(unit: Unit, wanted: Pod, count: int) -> Finding:
    return Finding(
        unit.file,
        title(wanted.owner),
        "nothing to verify",
        "a pod that is ready",
        f"{count} pods, none of them ready",
        "look at the cluster that serves this environment, and ask it again",
    )
