"""Checkov finds nothing in what is rendered but what is skipped here, each with its reason."""

import json
import re
import subprocess
from typing import Any

import pytest
from tests.conftest import ROOT
from tests.unit.manifests.building import COMPONENTS, needs, text

CHECKOV = ROOT / ".lab" / "scanners" / "bin" / "checkov"
TIMEOUT_SECONDS = 600
DIGEST = "a" * 64
_OPEN = re.compile(r"REPLACE_ME-([a-z-]+)")

# A check and the end of a resource's name, or nothing for every resource.
SKIPS = {
    ("CKV_K8S_11", ""): "a CPU limit throttles the engine's threads; requests give it its share",
    ("CKV_K8S_8", "-image-prepull"): "a pod that sleeps cannot hang",
    ("CKV_K8S_8", "-headroom"): "a pod that sleeps cannot hang",
    ("CKV_K8S_9", "-image-prepull"): "a pod that sleeps is sent no requests",
    ("CKV_K8S_9", "-headroom"): "a pod that sleeps is sent no requests",
    ("CKV_K8S_38", "-picker"): "it watches pods and pools; its role allows reading alone",
} | dict.fromkeys(
    # As the exceptions of exceptions/dagger-engine-*.yaml, which expire, say too.
    [(f"CKV_K8S_{number}", ".dagger-gpu") for number in (16, 20, 22, 23, 28, 29, 31, 37, 40)],
    "an engine that runs containers of its own is root and privileged, in a namespace of its own",
)


def released(manifests: str) -> str:
    """The manifests as a release makes them: each artifact by digest."""
    return _OPEN.sub(rf"registry.example/\1:v1@sha256:{DIGEST}", manifests)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What Checkov says of every unit and of every component on its base."""
    folder = tmp_path_factory.mktemp("rendered")
    for path in ROOT.glob("tests/golden/*/*.yaml"):
        name = f"{path.parent.name}-{path.name}"
        (folder / name).write_text(released(path.read_text()))
    for component in COMPONENTS:
        built = text("generator", *needs(component), component)
        (folder / f"{component}.yaml").write_text(released(built))
    command = [str(CHECKOV), "-d", str(folder), "--framework", "kubernetes"]
    command += ["--quiet", "--compact", "--skip-download", "--output", "json"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
    )
    assert done.stdout, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def failed(report: dict[str, Any]) -> set[tuple[str, str]]:
    """Every failed check with its resource."""
    return {(one["check_id"], one["resource"]) for one in report["results"]["failed_checks"]}


def skipped(check: str, resource: str) -> bool:
    """Whether a failure has a reason here."""
    return any(check == name and resource.endswith(end) for name, end in SKIPS)


def test_everything_was_read(report: dict[str, Any]) -> None:
    """A file that Checkov cannot parse is not a file without faults."""
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["passed"] > 1000


def test_nothing_fails_without_a_reason(report: dict[str, Any]) -> None:
    """Every failure is corrected in the manifests or skipped above."""
    assert {one for one in failed(report) if not skipped(*one)} == set()


@pytest.mark.parametrize(("check", "end"), list(SKIPS))
def test_no_skip_is_kept_for_nothing(check: str, end: str, report: dict[str, Any]) -> None:
    """A skip whose check passes hides the next fault."""
    assert any(name == check and resource.endswith(end) for name, resource in failed(report))
