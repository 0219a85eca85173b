"""What must hold between units, models, clusters and golden files of a whole repository."""

from pathlib import Path

import pytest
from tests.unit.manifests.samples import release, unit

from tidegate.findings import Finding
from tidegate.manifests.checks import check_manifests, read_manifests
from tidegate.manifests.golden import check_golden, golden_file, update_golden
from tidegate.manifests.release import with_components
from tidegate.manifests.render import Rendered

GENERATOR = Path("overlays/dev/generator/kustomization.yaml")
NO_CLUSTER = "a cluster of the environment cannot hold the model"


def edit(path: Path, old: str, new: str) -> None:
    """Replace a text that must be there."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def check_repository(root: Path) -> list[Finding]:
    """What the manifests alone show, without the policies."""
    return check_manifests(read_manifests(root))


def without_room(root: Path) -> list[tuple[str, str]]:
    """Units that fit on no cluster, with the clusters that were looked at."""
    return [(f.file, f.found) for f in check_repository(root) if f.what == NO_CLUSTER]


@pytest.mark.parametrize(
    ("memory", "per_node", "fits"), [(48, 1, True), (47, 4, False), (47.9, 4, False), (80, 1, True)]
)
def test_a_model_needs_a_node_that_holds_a_replica(
    *, memory: float, per_node: int, fits: bool, repository: Path
) -> None:
    """The memory of one accelerator is compared, to the last gibibyte."""
    edit(
        repository / "clusters/dev-west/cluster.yaml",
        "{kind: nvidia-l40s, memoryGiB: 48, perNode: 4, nodes: 1}",
        f"{{kind: nvidia-l40s, memoryGiB: {memory}, perNode: {per_node}, nodes: 1}}",
    )

    found = without_room(repository)

    assert ([] if fits else [(str(GENERATOR), "dev-west")]) == found


def test_clusters_of_other_environments_do_not_count(repository: Path) -> None:
    """An environment without a cluster can hold nothing."""
    edit(
        repository / "clusters/staging-west/cluster.yaml",
        "environment: staging",
        "environment: dev",
    )

    assert [
        (f"overlays/staging/{service}/kustomization.yaml", "no cluster")
        for service in ("generator", "reranker", "retriever")
    ] == without_room(repository)


def test_a_model_for_the_processor_needs_no_accelerator(repository: Path) -> None:
    """Every node has a processor, so no cluster has to say so."""
    path = repository / GENERATOR
    path.write_text(with_components(path.read_text(), ["../../../models/tiny-chat"]))

    assert without_room(repository) == []


def test_one_name_in_two_environments_is_no_conflict(repository: Path) -> None:
    """Environments are applied apart; only one environment has one owner for an object."""
    edit(repository / "overlays/staging/environment/environment.yaml", "llm-staging", "llm-dev")
    for path in repository.glob("overlays/staging/[gnr]*/kustomization.yaml"):
        edit(path, "llm-staging", "llm-dev")

    whats = {finding.what for finding in check_repository(repository)}

    outside = {"not run by exactly one Application", "not allowed by its project"}
    assert whats == {"drifted"} | outside


def test_findings_are_sorted_and_told_once(repository: Path) -> None:
    """Two runs print the same, whichever check found what first."""
    edit(repository / "base/engine/service.yaml", "component: engine", "component: server")
    edit(repository / "models/bge-m3/engine.yaml", "max-model-len: 8192", "max-model-len: 4096")

    findings = check_repository(repository)

    assert sorted(set(findings)) == findings
    assert len({finding.what for finding in findings}) == 3
    assert findings == check_repository(repository)


def test_golden_files_are_not_judged_while_a_unit_is_broken(repository: Path) -> None:
    """What could not be rendered would look like drift, and hide the cause."""
    (repository / GENERATOR).write_text("components: []\n")
    (repository / golden_file("dev/reranker")).write_text("drifted\n")

    (finding,) = check_repository(repository)

    assert (str(GENERATOR), "not one model") == (finding.file, finding.what)


RENDERED = Rendered(unit(release()), "kind: A\n", ())
GOLDEN = golden_file("dev/generator")


def golden(root: Path, content: bytes | None, *, name: str = "dev/generator") -> list[Finding]:
    """Findings of a repository with one rendered unit and one golden file."""
    if content is not None:
        path = root / golden_file(name)
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    return check_golden(root, [RENDERED])


def test_a_golden_file_that_is_equal_is_no_finding(tmp_path: Path) -> None:
    """Equal means every byte."""
    assert golden(tmp_path, b"kind: A\n") == []


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (None, "no file"),
        (b"kind: A", "other content"),
        (b"kind: A\r\n", "other content"),
        (b"\xff\xfe", "other content"),
        (b"", "other content"),
    ],
    ids=["missing", "no newline", "other newline", "no text", "empty"],
)
def test_a_golden_file_drifts_by_any_byte(
    content: bytes | None, found: str, tmp_path: Path
) -> None:
    """Absence and difference are told apart, and the next step is the same."""
    (finding,) = golden(tmp_path, content)

    assert str(finding) == (
        f"{GOLDEN}: file: drifted; wanted what overlays/dev/generator renders, found {found} - "
        "run `tidegate render --update` and review the difference"
    )


def test_updating_makes_what_the_check_wants_and_nothing_else(tmp_path: Path) -> None:
    """It writes what drifted, deletes what belongs to no unit, and leaves other files alone."""
    note = tmp_path / GOLDEN.parents[1] / "README.md"
    for path in (tmp_path / golden_file("dev/gone"), tmp_path / GOLDEN, note):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("old")

    update_golden(tmp_path, [RENDERED])

    files = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert {tmp_path / GOLDEN, note} == files
    assert check_golden(tmp_path, [RENDERED]) == []
