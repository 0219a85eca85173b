"""What a check looks at: the objects that one Argo CD application applies, and how to read them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tidegate.catalog.load import ModelFolder
from tidegate.findings import Finding
from tidegate.manifests.objects import Object
from tidegate.manifests.pods import Pod, pods

# Kinds that run for as long as they are there: the ones that serve.
SERVERS = {"Deployment", "LeaderWorkerSet", "Rollout", "StatefulSet"}


@dataclass(frozen=True, slots=True)
class Scope:
    """One rendered root; `model` and `namespace` are there where it is a unit."""

    name: str
    file: str
    objects: tuple[Object, ...]
    namespace: str | None = None
    model: ModelFolder | None = None

    def of(self, *kinds: str) -> Iterator[Object]:
        """Its objects of these kinds."""
        return (one for one in self.objects if one["kind"] in kinds)

    def fault(
        self, where: str, what: str, *, wanted: str, found: object, next_step: str
    ) -> Finding:
        """A finding in this scope's file."""
        return Finding(self.file, where, what, wanted, _shown(found), next_step)


def _shown(found: object) -> str:
    return "nothing" if found in (None, "", [], {}) else str(found)


def server_pods(scope: Scope) -> Iterator[Pod]:
    """The pod templates of everything that serves."""
    return (pod for one in scope.of(*SERVERS) for pod in pods(one))


def namespace(one: Object) -> str:
    """The object's namespace; empty for what has none."""
    return str(one["metadata"].get("namespace") or "")


def environment(container: dict[str, Any]) -> dict[str, str]:
    """A container's plain environment variables."""
    return {one["name"]: str(one.get("value", "")) for one in container.get("env") or []}
