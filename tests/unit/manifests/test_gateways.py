"""What units share: one gateway of their environment, and what Grafana shows."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from tests.conftest import ROOT

from tidegate.manifests.render import build

OBSERVABILITY = ROOT / "base" / "observability"


def gateway(root: Path, component: str) -> dict[str, Any]:
    """The one Gateway that production renders with this component."""
    folder = root / "clusters" / "one"
    folder.mkdir()
    parts = ("overlays/production/environment", f"base/{component}")
    lines = ["components:", *(f"  - ../../{part}" for part in parts)]
    (folder / "kustomization.yaml").write_text("\n".join(lines) + "\n")
    documents = YAML(typ="safe", pure=True).load_all(build(folder, name="one"))
    (found,) = [one for one in documents if one["kind"] == "Gateway"]
    spec: dict[str, Any] = found["spec"]
    return spec


def test_istios_gateway_serves_the_environments_domain_to_its_namespace(repository: Path) -> None:
    """Routes of other namespaces cannot take a host of it, and plain HTTP is sent away."""
    tls, plain = gateway(repository, "gateway")["servers"]

    hosts = ["./*.production.llm.example"]
    assert (hosts, hosts) == (tls["hosts"], plain["hosts"])
    assert plain["tls"] == {"httpsRedirect": True}


def test_the_gateway_apis_gateway_serves_the_same(repository: Path) -> None:
    """One listener, for routes of the environment's namespace."""
    (listener,) = gateway(repository, "gateway-api")["listeners"]

    labels = listener["allowedRoutes"]["namespaces"]["selector"]["matchLabels"]
    assert listener["hostname"] == "*.production.llm.example"
    assert labels == {"kubernetes.io/metadata.name": "llm-production"}


def test_accelerators_are_asked_for_every_counter_that_a_dashboard_shows() -> None:
    """The exporter's own defaults leave some of them out."""
    rows = (ROOT / "base" / "gpu-counters" / "dcgm-metrics.csv").read_text().splitlines()
    counters = {row.split(",")[0] for row in rows if not row.startswith("#")}
    text = (OBSERVABILITY / "dashboards" / "accelerators.json").read_text()

    assert set(re.findall(r"DCGM_\w+", text)) <= counters


@pytest.mark.parametrize("name", ["accelerators", "service"])
def test_a_dashboard_has_panels_side_by_side(name: str) -> None:
    """Each has a number and a place of its own."""
    panels = json.loads((OBSERVABILITY / "dashboards" / f"{name}.json").read_text())["panels"]

    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(panels) == len(places) == len({panel["id"] for panel in panels})
