"""A commit that removes more than it may needs to say so, whatever file it changes."""

import shutil

import pytest
from tests.conftest import Cli
from tests.unit.promotion.conftest import Fork
from tests.unit.promotion.files import policy_file, policy_text

from tidegate.findings import CouldNotCheckError
from tidegate.promotion.guard import guard

UNIT = "overlays/dev/generator"
SERVICES = "base/engine/kustomization.yaml"


def commit(forked: Fork, message: str = "chore: by hand") -> None:
    """Commit everything in the checkout."""
    forked.git.run("add", "--all")
    forked.git.run("commit", "--quiet", f"--message={message}")


def add_object(forked: Fork, kind: str, api: str = "v1") -> None:
    """Give the unit one more object."""
    name = f"{kind.lower()}.yaml"
    text = f"apiVersion: {api}\nkind: {kind}\nmetadata: {{name: extra}}\n"
    (forked.git.path / UNIT / name).write_text(text)
    path = forked.git.path / UNIT / "kustomization.yaml"
    path.write_text(path.read_text().replace("resources:", f"resources:\n  - {name}"))
    commit(forked)


def remove_object(forked: Fork, kind: str, message: str = "chore: by hand") -> None:
    """Take it away again."""
    path = forked.git.path / UNIT / "kustomization.yaml"
    path.write_text(path.read_text().replace(f"  - {kind.lower()}.yaml\n", ""))
    (forked.git.path / UNIT / f"{kind.lower()}.yaml").unlink()
    commit(forked, message)


def told(forked: Fork, ref: str = "HEAD") -> list[str]:
    """What the guard says."""
    return [finding.what for finding in guard(forked.git, ref)]


def allow(forked: Fork, number: int) -> None:
    """Let a commit remove so many objects of dev."""
    text = policy_text("dev", maxRemovedObjects=number)
    (forked.git.path / policy_file("dev")).write_text(text)
    commit(forked)


def test_a_promotion_removes_nothing(forked: Fork) -> None:
    """Nor does adding an object."""
    forked.to_dev()
    assert told(forked) == []

    add_object(forked, "ConfigMap")

    assert told(forked) == []


@pytest.mark.parametrize("kind", ["PersistentVolumeClaim", "Namespace"])
def test_what_holds_data_is_guarded_one_by_one(forked: Fork, kind: str) -> None:
    """Even where the environment lets many objects go."""
    allow(forked, 50)
    add_object(forked, kind)

    remove_object(forked, kind)

    (finding,) = guard(forked.git)
    assert (finding.file, finding.what) == (UNIT, f"{kind} removed")
    assert finding.next_step == "say why in a trailer: Tidegate-Allow-Removal: <reason>"


def test_more_objects_than_the_environment_allows_are_guarded(forked: Fork) -> None:
    """Up to the limit is free; the limit counts per environment and commit."""
    allow(forked, 1)
    add_object(forked, "ConfigMap")
    add_object(forked, "Secret")

    remove_object(forked, "Secret")
    one = told(forked)
    shutil.rmtree(forked.git.path / "overlays" / "dev" / "reranker")
    commit(forked)
    (unit, objects) = guard(forked.git)

    assert one == []
    assert (unit.what, unit.file) == ("whole unit removed", "overlays/dev/reranker")
    assert objects.found.startswith("9: ConfigMap/engine-config, Deployment/reranker")


def test_a_change_of_a_shared_base_is_guarded_in_every_environment(forked: Fork) -> None:
    """What disappears is seen by rendering, not by file names."""
    path = forked.git.path / SERVICES
    path.write_text(path.read_text().replace("  - poddisruptionbudget.yaml\n", ""))
    (forked.git.path / "base" / "engine" / "poddisruptionbudget.yaml").unlink()
    commit(forked)

    findings = guard(forked.git)

    assert [finding.file for finding in findings] == [
        "overlays/dev",
        "overlays/production",
        "overlays/staging",
    ]
    assert {finding.found.partition(":")[0] for finding in findings} == {"3"}


def test_a_commit_that_says_why_may_remove(forked: Fork) -> None:
    """A trailer with a reason; an empty one is none."""
    add_object(forked, "PersistentVolumeClaim")
    remove_object(forked, "PersistentVolumeClaim", "x\n\nTidegate-Allow-Removal: moved to S3")
    allowed = told(forked)
    forked.git.run("commit", "--quiet", "--amend", "--message=x\n\nTidegate-Allow-Removal:")

    assert allowed == []
    assert told(forked) == ["PersistentVolumeClaim removed", "objects removed"]


def test_no_commit_raises_its_own_limit(forked: Fork) -> None:
    """The policy before the commit counts."""
    add_object(forked, "ConfigMap")
    text = policy_text("dev", maxRemovedObjects=50)
    (forked.git.path / policy_file("dev")).write_text(text)

    remove_object(forked, "ConfigMap")

    assert told(forked) == ["objects removed"]


def test_a_range_is_checked_commit_by_commit(forked: Fork, cli: Cli) -> None:
    """Adding it again later does not undo that it was gone; the command exits 1."""
    add_object(forked, "ConfigMap")
    remove_object(forked, "ConfigMap")
    add_object(forked, "ConfigMap")

    ran = cli("guard", "HEAD~2..HEAD", "--root", forked.git.path)

    assert told(forked) == []
    assert ran.code == 1
    assert ran.out == "1 findings\n"
    assert "objects removed; wanted at most 0, found 1: ConfigMap/extra" in ran.err


def test_another_content_of_a_generated_name_is_no_removal(forked: Fork) -> None:
    """Kustomize renames a ConfigMap whenever its content changes."""
    path = forked.git.path / "models" / "qwen3-8b" / "engine.yaml"
    path.write_text(path.read_text() + "# another content\n")
    commit(forked)

    assert told(forked) == []


def test_a_change_elsewhere_is_not_rendered(forked: Fork) -> None:
    """A text outside the manifests removes nothing."""
    forked.write("notes.txt", "hello")

    assert told(forked) == []


def test_a_ref_that_is_not_there_cannot_be_checked(forked: Fork) -> None:
    """Exit 2."""
    with pytest.raises(CouldNotCheckError, match="no such commit"):
        guard(forked.git, "v9")
