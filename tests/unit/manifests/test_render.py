"""Rendering: the same bytes everywhere, and a line where it cannot be done."""

import os
import shutil
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from tests.conftest import ROOT

from tidegate.catalog.load import load_valid
from tidegate.findings import CouldNotCheckError, FindingsError
from tidegate.manifests import render as module
from tidegate.manifests.render import build, render, render_all
from tidegate.manifests.units import find_units, read_unit

UNIT = "overlays/dev/generator"


def texts(root: Path) -> dict[str, str]:
    """Every unit of a repository, rendered."""
    units, findings = find_units(load_valid(root))
    rendered, more = render_all(units)
    assert [*findings, *more] == []
    return {one.unit.name: one.text for one in rendered}


@pytest.fixture
def fake_kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where kubectl is looked for: a folder beside a Python that is not there."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin" / "kubectl"


def script(path: Path, body: str) -> None:
    """An executable that runs `body`."""
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def test_two_renders_are_byte_identical() -> None:
    """Nothing depends on time, chance or the order in which threads end."""
    assert texts(ROOT) == texts(ROOT)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LC_ALL", "C"),
        ("LC_ALL", "tr_TR.UTF-8"),
        ("TZ", "Pacific/Kiritimati"),
        ("HOME", "/nonexistent"),
        ("KUBECONFIG", "/nonexistent"),
    ],
)
def test_the_environment_changes_no_byte(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another person's machine and continuous integration render the same."""
    here = build(ROOT / UNIT, name=UNIT)
    monkeypatch.setenv(variable, value)

    assert here == build(ROOT / UNIT, name=UNIT)


def test_another_directory_changes_no_byte(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the path of the checkout, spaces and links in it included, nor where one stands."""
    shutil.copytree(repository, tmp_path / "an other ürt")
    (tmp_path / "link").symlink_to(tmp_path / "an other ürt")
    monkeypatch.chdir("/")

    assert texts(repository) == texts(tmp_path / "link")


def test_objects_are_the_documents_of_the_text() -> None:
    """What checks look at is what Argo CD applies."""
    rendered = render(read_unit(load_valid(ROOT), "dev", "generator"))

    kinds = {"ConfigMap", "Deployment", "NetworkPolicy", "PodDisruptionBudget"}
    kinds |= {"ScaledObject", "Service", "ServiceAccount"}
    assert kinds <= {one["kind"] for one in rendered.objects}
    assert list(rendered.objects) == list(YAML(typ="safe", pure=True).load_all(rendered.text))


def test_an_empty_document_is_no_object(fake_kubectl: Path) -> None:
    """A separator without content after it is left out."""
    unit = read_unit(load_valid(ROOT), "dev", "generator")
    script(fake_kubectl, "printf -- '---\\n---\\nkind: A\\n---\\n'")

    assert render(unit).objects == ({"kind": "A"},)


def test_a_missing_kubectl_could_not_check(fake_kubectl: Path) -> None:
    """It is no finding about the unit: exit 2, the tool by name, and what to run."""
    with pytest.raises(CouldNotCheckError) as failed:
        build(ROOT / UNIT, name=UNIT)

    assert failed.value.exit_code == 2
    assert str(failed.value) == (
        f"{UNIT}: kubectl: could not run; wanted kubectl beside Python, "
        f"found [Errno 2] No such file or directory: '{fake_kubectl}' - run scripts/setup"
    )


def test_a_kubectl_that_is_no_program_could_not_check(fake_kubectl: Path) -> None:
    """As a half-done installation leaves it."""
    fake_kubectl.write_text("")

    with pytest.raises(CouldNotCheckError, match="Permission denied"):
        build(ROOT / UNIT, name=UNIT)


def test_a_kubectl_that_does_not_end_is_ended(
    fake_kubectl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It could not check, and leaves no process behind."""
    script(fake_kubectl, f"echo $$ > {tmp_path}/pid; exec sleep 60")
    monkeypatch.setattr(module, "RENDER_TIMEOUT_SECONDS", 0.5)

    with pytest.raises(CouldNotCheckError, match=r"timed out after 0\.5 seconds"):
        build(ROOT / UNIT, name=UNIT)

    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_what_cannot_be_looked_at_is_not_rendered_around(fake_kubectl: Path) -> None:
    """All units together fail as one does; no unit is left out silently."""
    units, _ = find_units(load_valid(ROOT))
    assert not fake_kubectl.exists()

    with pytest.raises(CouldNotCheckError):
        render_all(units)


def test_a_unit_that_does_not_render_is_called_by_its_name(repository: Path) -> None:
    """The finding names the repository's path, not this machine's, and the command to run."""
    (repository / UNIT / "kustomization.yaml").write_text("resources: [gone.yaml]\n")

    with pytest.raises(FindingsError) as refused:
        build(repository / UNIT, name=UNIT)

    line = str(refused.value)
    assert line.startswith(f"{UNIT}/kustomization.yaml: kustomization: does not render; wanted ")
    assert "gone.yaml" in line
    assert line.endswith(f"- run `kubectl kustomize {UNIT}` and correct the file it names")
    assert "\n" not in line


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("exit 3", "no reason"),
        ("echo 'error: one' >&2; echo two >&2; exit 1", "one"),
        ("echo partial; exit 1", "no reason"),
    ],
)
def test_a_failure_is_told_in_one_line(body: str, found: str, fake_kubectl: Path) -> None:
    """The first line that kubectl says, or that it said nothing; output of a failure is unused."""
    script(fake_kubectl, body)

    with pytest.raises(FindingsError) as refused:
        build(ROOT / UNIT, name=UNIT)

    assert found == refused.value.findings[0].found


def test_units_that_render_are_there_in_order_beside_those_that_do_not(repository: Path) -> None:
    """Findings of all broken units are sorted, whichever thread ended first."""
    units, _ = find_units(load_valid(repository))
    for name in ("staging/reranker", "dev/retriever"):
        (repository / "overlays" / name / "kustomization.yaml").write_text("resources: [gone]\n")

    rendered, findings = render_all(units)

    names = [unit.name for unit in units if unit.name not in {"staging/reranker", "dev/retriever"}]
    assert names == [one.unit.name for one in rendered]
    assert [finding.file for finding in findings] == [
        "overlays/dev/retriever/kustomization.yaml",
        "overlays/staging/reranker/kustomization.yaml",
    ]


def test_no_units_render_to_nothing() -> None:
    """An empty fork is no error here."""
    assert render_all([]) == ([], [])
