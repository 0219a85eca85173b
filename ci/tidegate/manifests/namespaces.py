"""What an environment's units stand in: a hardened namespace with room for all of them."""

from collections.abc import Iterable, Iterator

from tidegate.catalog.objects import Environment
from tidegate.findings import Finding
from tidegate.manifests.objects import Object, of, title
from tidegate.manifests.render import Rendered
from tidegate.manifests.units import Folder, Unit

_LEVELS = ("audit", "enforce", "warn")
_GPUS = "requests.nvidia.com/gpu"
_PROCESSOR = "cpu"


def check_namespaces(
    environments: Iterable[Environment],
    folders: Iterable[Rendered[Folder]],
    units: Iterable[Rendered[Unit]],
) -> Iterator[Finding]:
    """Findings of every environment's namespace folder."""
    found = {one.unit.name: one for one in folders}
    units = tuple(units)
    for environment in environments:
        name = environment.metadata.name
        folder = found.get(f"{name}/namespace")
        if folder is None:
            yield Finding(
                f"overlays/{name}/namespace/kustomization.yaml",
                "file",
                "environment without a namespace",
                "a kustomization on base/namespace",
                "no file",
                "copy the one of another environment and set its namespace",
            )
            continue
        own = [one for one in units if one.unit.environment.metadata.name == name]
        yield from _check_folder(folder, environment.spec.namespace)
        yield from _check_quota(folder, own)


def _check_folder(folder: Rendered[Folder], namespace: str) -> Iterator[Finding]:
    file = folder.unit.file
    for one in of(folder.objects, "Namespace"):
        yield from _check_labels(one, file)
    present = {_called(one, namespace) for one in folder.objects}
    for wanted in (
        f"Namespace {namespace}",
        f"LimitRange in {namespace}",
        f"ResourceQuota in {namespace}",
        f"NetworkPolicy of every pod in {namespace}",
        f"PriorityClass {namespace}.serving",
        f"PriorityClass {namespace}.headroom",
    ):
        if wanted not in present:
            yield Finding(
                file,
                "namespace",
                "incomplete",
                wanted,
                ", ".join(sorted(present)),
                "restore base/namespace, and set `namespace:` as the environment says",
            )


def _called(one: Object, namespace: str) -> str:
    """What `_check_folder` calls an object."""
    kind, name = one["kind"], one["metadata"]["name"]
    place = one["metadata"].get("namespace")
    if kind in {"Namespace", "PriorityClass"}:
        return f"{kind} {name}"
    if kind == "NetworkPolicy" and place == namespace and _denies_everything(one["spec"]):
        return f"NetworkPolicy of every pod in {place}"
    return f"{kind} in {place}"


def _denies_everything(spec: Object) -> bool:
    both = set(spec.get("policyTypes") or []) == {"Ingress", "Egress"}
    return both and not (spec.get("podSelector") or spec.get("ingress") or spec.get("egress"))


def _check_labels(namespace: Object, file: str) -> Iterator[Finding]:
    found = namespace["metadata"].get("labels") or {}
    for level in _LEVELS:
        label = f"pod-security.kubernetes.io/{level}"
        version = found.get(f"{label}-version", "none")
        if found.get(label) != "restricted" or not version.startswith("v1."):
            yield Finding(
                file,
                title(namespace),
                "pod security is not pinned to restricted",
                f"{label}: restricted, and {label}-version: v1.<minor>",
                f"{found.get(label, 'none')}, {version}",
                "restore base/namespace/namespace.yaml",
            )


def _check_quota(folder: Rendered[Folder], units: list[Rendered[Unit]]) -> Iterator[Finding]:
    """The quota holds every unit at its most, and the extra replica of its rollout."""
    needed = sum(_accelerators(one) for one in units)
    for quota in of(folder.objects, "ResourceQuota"):
        given = int((quota["spec"].get("hard") or {}).get(_GPUS, needed))
        if given < needed:
            yield Finding(
                folder.unit.file,
                title(quota),
                "quota stops a scale-up",
                f"{_GPUS} >= {needed}, every unit at its most and one replica more",
                str(given),
                "raise the quota or lower maxReplicaCount",
            )


def _accelerators(rendered: Rendered[Unit]) -> int:
    need = rendered.unit.model.spec.accelerator
    if need.kind == _PROCESSOR:
        return 0
    scalers, servers = (of(rendered.objects, kind) for kind in ("ScaledObject", "Deployment"))
    most: list[int] = [one["spec"].get("maxReplicaCount", 100) for one in scalers]
    fixed: list[int] = [one["spec"].get("replicas", 1) for one in servers]
    return need.count * (sum(most or fixed) + 1)
