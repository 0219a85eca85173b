"""What must hold in an example: it stands for itself, so it is checked without a catalog."""

import re
from collections.abc import Iterator, Sequence

from yaml import YAMLError

from tidegate.findings import Finding
from tidegate.machine_yaml import read_all
from tidegate.manifests.objects import Object, dig, title
from tidegate.manifests.pods import Pod, check_drain, check_selectors, pods
from tidegate.manifests.render import Rendered
from tidegate.manifests.units import Folder

NAMESPACE = "llm-examples"
CLUSTER_SCOPED = ("ClusterIssuer", "ClusterSecretStore", "EC2NodeClass", "NodePool")
# What ends TLS stands with the proxies that do it.
INGRESS, AT_THE_INGRESS = "istio-ingress", ("Certificate", "Gateway")

# The engine of this repository, also where KServe asks for another name.
_ENGINES = ("engine", "kserve-container")
_REFERENCE = re.compile(r"\b(?:image|reference|storageUri): (\S+)")
_PINNED = re.compile(r"\S+@sha256:[0-9a-f]{64}|(oci\+native://)?REPLACE_ME-[a-z-]+")
_OPEN = re.compile(r"REPLACE_ME_[\w.-]+")

# AWS gives a spot node two minutes from the notice to the end.
SPOT_TAINT = "tidegate.dev/spot"
SPOT_NOTICE_SECONDS = 120


def check_example(rendered: Rendered[Folder]) -> list[Finding]:
    """Findings of one example: namespace, values, images, selectors, drain time, spot nodes."""
    file = rendered.unit.file
    objects = rendered.objects
    return [
        *_check_namespace(objects, file),
        *_check_open(rendered.text, file),
        *_check_images(rendered.text, file),
        *check_selectors(objects, file),
        *_check_pods(objects, file),
    ]


def _check_namespace(objects: Sequence[Object], file: str) -> Iterator[Finding]:
    for one in objects:
        wanted = _place(one["kind"])
        found = one["metadata"].get("namespace")
        if found != wanted:
            yield Finding(
                file,
                title(one),
                "in another namespace",
                str(wanted or "none"),
                str(found or "none"),
                "set `namespace:` of the example",
            )


def _place(kind: str) -> str | None:
    """The namespace that a kind stands in; None for what stands in none."""
    if kind in CLUSTER_SCOPED:
        return None
    return INGRESS if kind in AT_THE_INGRESS else NAMESPACE


def _check_open(text: str, file: str) -> Iterator[Finding]:
    """What a unit fills in is filled in; artifacts alone are left to whoever copies it."""
    for value in sorted(set(_OPEN.findall(text))):
        yield Finding(
            file,
            value,
            "value is left open",
            "no REPLACE_ME_ in what renders",
            value,
            "list ../environment, the model and what else fills it, before what needs it",
        )


def _check_images(text: str, file: str) -> Iterator[Finding]:
    """An example runs nothing by tag; what a fork must fill in cannot be pulled by accident."""
    for reference in sorted(set(_REFERENCE.findall(text))):
        if not _PINNED.fullmatch(reference):
            yield Finding(
                file,
                reference,
                "image is not pinned",
                "a digest, or a name that starts with REPLACE_ME-",
                "neither",
                "name it by digest, or leave it to whoever copies the example",
            )


def _check_pods(objects: Sequence[Object], file: str) -> Iterator[Finding]:
    """Engines end their requests in time, on a spot node before the node ends."""
    drain = _shutdown_timeout(objects)
    for pod in (pod for one in objects for pod in pods(one)):
        if any(container["name"] in _ENGINES for container in pod.containers):
            yield from check_drain(pod, drain, file)
        yield from _check_spot(pod, file)


def _shutdown_timeout(objects: Sequence[Object]) -> int:
    """What the engine file of the example's model says, in seconds; 0 without one."""
    for one in objects:
        text = dig(one, "data", "engine.yaml") if one["kind"] == "ConfigMap" else None
        if text:
            try:
                found = next(read_all(text)).get("shutdown-timeout")
            except (AttributeError, StopIteration, YAMLError):
                return 0
            return found if isinstance(found, int) else 0
    return 0


def _check_spot(pod: Pod, file: str) -> Iterator[Finding]:
    grace = pod.spec.get("terminationGracePeriodSeconds", 30)
    tolerates = any(one.get("key") == SPOT_TAINT for one in pod.spec.get("tolerations") or [])
    if tolerates and grace > SPOT_NOTICE_SECONDS:
        yield Finding(
            file,
            title(pod.owner),
            "a spot node ends before the pod has drained",
            f"terminationGracePeriodSeconds <= {SPOT_NOTICE_SECONDS}",
            str(grace),
            "shorten the drain, or keep the service off spot nodes",
        )
