"""Builds any list of components on a service of this repository, as a unit would list them."""

import hashlib
from functools import cache
from typing import Any

from tests.conftest import ROOT

from tidegate.catalog.load import load_valid
from tidegate.machine_yaml import read_all
from tidegate.manifests.render import build
from tidegate.oci import write_atomically

CATALOG = load_valid(ROOT)
UNITS = ROOT / ".lab" / "units"
HERE = "../../.."
COMPONENTS = sorted(path.parent.name for path in ROOT.glob("base/components/*/kustomization.yaml"))
ENVIRONMENT = "overlays/dev/environment"
# The production model of each service: those of the lab have no pinned source to download.
MODEL_OF = {"generator": "qwen3-8b", "reranker": "bge-reranker-v2-m3", "retriever": "bge-m3"}


def needs(component: str) -> list[str]:
    """What a component is built on: `scaling-queue` on `scaling`, as the names say."""
    base, _, rest = component.partition("-")
    return [base] if rest and base in COMPONENTS else []


def services(component: str) -> list[str]:
    """The services that a component is for: all but where it speaks of streams of tokens."""
    return ["generator"] if component.endswith("-streaming") else list(MODEL_OF)


@cache
def text(service: str, *components: str, model: str | None = None) -> str:
    """What a unit of the development environment with these components renders to."""
    parts = [ENVIRONMENT, f"models/{model or MODEL_OF[service]}"]
    parts += [f"base/components/{component}" for component in components]
    lines = [
        "namespace: llm-dev",
        f"resources: [{HERE}/base/services/{service}]",
        "components:",
        *(f"  - {HERE}/{part}" for part in parts),
    ]
    content = "".join(f"{line}\n" for line in lines).encode()
    # In a place that follows from its content, a unit is rendered once for all runs.
    folder = UNITS / hashlib.sha256(content).hexdigest()
    if not (folder / "kustomization.yaml").is_file():
        write_atomically(folder / "kustomization.yaml", content)
    return build(folder, name="unit")


def objects(
    service: str, *components: str, model: str | None = None
) -> dict[tuple[str, str], dict[str, Any]]:
    """The same as objects, by kind and name."""
    documents = read_all(text(service, *components, model=model))
    return {(one["kind"], one["metadata"]["name"]): one for one in documents}


def engine(rendered: dict[tuple[str, str], dict[str, Any]]) -> dict[str, Any]:
    """The engine's container; its pod has one."""
    (deployment,) = [one for (kind, _), one in rendered.items() if kind == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    found: dict[str, Any] = container
    return found
