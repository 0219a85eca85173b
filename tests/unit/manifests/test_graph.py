"""What a folder is rendered from, and that nothing is rendered again which did not change."""

import os
import subprocess
import time
from pathlib import Path

import pytest
from tests.conftest import ROOT

from tidegate import cache
from tidegate.catalog.load import load_valid
from tidegate.manifests import render
from tidegate.manifests.graph import find_links, find_roots, find_unused, fingerprint, reached
from tidegate.manifests.units import find_folders, find_units, read_unit

UNIT = "overlays/dev/generator"


def files(root: Path) -> set[str]:
    """What the unit is rendered from, relative to the repository."""
    return {path.relative_to(root.resolve()).as_posix() for path in reached(root / UNIT)}


def test_bases_components_patches_and_generated_files_are_reached() -> None:
    """Whatever key of a kustomization names them."""
    found = files(ROOT)

    assert {
        f"{UNIT}/kustomization.yaml",
        "base/engine/deployment.yaml",
        "base/engine/images.yaml",
        "base/components/nvidia-gpu/patch-deployment.yaml",
        "models/qwen3-8b/engine.yaml",
    } <= found
    assert not any(name.startswith(("models/bge-m3", "overlays/production")) for name in found)


@pytest.mark.parametrize(
    ("file", "counts"),
    [
        ("base/engine/deployment.yaml", True),
        ("base/engine/kustomization.yml", True),
        ("models/qwen3-8b/engine.yaml", True),
        ("models/bge-m3/engine.yaml", False),
        ("overlays/dev/retriever/kustomization.yaml", False),
    ],
)
def test_an_edit_counts_where_it_is_rendered(repository: Path, file: str, counts: bool) -> None:  # noqa: FBT001 - a parameter
    """Another file of a folder counts, another unit does not."""
    before = fingerprint(repository / UNIT)
    with (repository / file).open("a") as text:
        text.write("# edited\n")

    assert (fingerprint(repository / UNIT) != before) is counts


def test_a_fingerprint_is_the_same_elsewhere(repository: Path) -> None:
    """It knows relative names alone, so that checkouts share what they rendered."""
    assert fingerprint(repository / UNIT) == fingerprint(ROOT / UNIT)


def test_what_cannot_be_read_has_no_fingerprint(repository: Path) -> None:
    """It is rendered each time, and Kustomize says what is wrong."""
    (repository / UNIT / "kustomization.yaml").write_text("a: [")

    assert fingerprint(repository / UNIT) is None


def test_components_and_used_folders_are_no_roots(repository: Path) -> None:
    """A root renders on its own and nothing else leads to it."""
    (repository / "base" / "extra").mkdir()
    (repository / "base" / "extra" / "kustomization.yaml").write_text("resources: []\n")

    found = find_roots(repository, find_links(repository))

    assert {UNIT, "policies", "base/extra"} <= set(found)
    assert not {"base/engine", "policies/bindings", "base/components/nvidia-gpu"} & set(found)


def test_a_folder_is_used_by_what_leads_to_it_over_any_number_of_others() -> None:
    """A unit's components count, and those that they bring; what no one leads to does not."""
    unused = find_unused(ROOT, find_links(ROOT), [UNIT])

    used = {"base/engine", "base/services/generator", "base/model", "base/components/monitoring"}
    assert not used & set(unused)
    assert {"base/components/rollout", "base/variants/kserve/template"} <= set(unused)


def test_nothing_that_is_shipped_is_never_rendered() -> None:
    """Every folder of base/ is part of a unit, an example, a cluster or the platform."""
    units, _ = find_units(load_valid(ROOT))
    folders = [one.folder for one in units] + [
        one.folder for one in find_folders(ROOT, find_links(ROOT))
    ]

    assert find_unused(ROOT, find_links(ROOT), folders) == []


def test_a_folder_is_rendered_once(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second time nothing runs; after an edit it does, and after one of what renders."""
    monkeypatch.setenv("TIDEGATE_CACHE", str(tmp_path / "cache"))
    first = render.build(repository / UNIT, name=UNIT)
    whole, _ = render.render_all([read_unit(load_valid(repository), "dev", "generator")])

    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(arguments, options)

    monkeypatch.setattr(subprocess, "run", refuse)

    again, _ = render.render_all([read_unit(load_valid(repository), "dev", "generator")])
    assert render.build(repository / UNIT, name=UNIT) == first == again[0].text
    assert again[0].objects == whole[0].objects
    (repository / "base" / "engine" / "extra.yaml").write_text("{}")
    with pytest.raises(Exception, match="could not run"):
        render.build(repository / UNIT, name=UNIT)
    (repository / "base" / "engine" / "extra.yaml").unlink()
    monkeypatch.setattr(cache, "code", lambda *_: "other code")
    with pytest.raises(Exception, match="could not run"):
        render.build(repository / UNIT, name=UNIT)


def test_an_entry_that_is_damaged_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a file, or a value of another kind, is as good as none."""
    monkeypatch.setenv("TIDEGATE_CACHE", str(tmp_path))
    cache.write("render", "key", "text")
    (entry,) = tmp_path.glob("render/*.json")

    assert cache.read("render", "key", str) == "text"
    assert cache.read("render", "key", list) is None
    entry.write_text('"te')
    assert cache.read("render", "key", str) is None


def test_entries_that_nobody_asked_for_in_a_month_are_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read counts as asking."""
    monkeypatch.setenv("TIDEGATE_CACHE", str(tmp_path))
    for key in ("old", "read"):
        cache.write("render", key, key)
    for entry in tmp_path.glob("render/*.json"):
        os.utime(entry, (0, 0))
    cache.read("render", "read", str)

    cache.prune()

    assert cache.read("render", "read", str) == "read"
    assert cache.read("render", "old", str) is None


def test_entries_are_looked_through_once_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There may be tens of thousands, and every check would wait for it."""
    monkeypatch.setenv("TIDEGATE_CACHE", str(tmp_path))
    cache.prune()
    cache.write("render", "old", "old")
    (entry,) = tmp_path.glob("render/*.json")
    os.utime(entry, (0, 0))

    cache.prune()
    assert entry.exists()

    os.utime(tmp_path / "pruned", (time.time() - 25 * 3600,) * 2)
    cache.prune()
    assert not entry.exists()


def test_a_cache_that_cannot_be_written_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read-only home is no reason to fail."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TIDEGATE_CACHE", str(tmp_path / "file"))

    cache.write("render", "key", "text")

    assert cache.read("render", "key", str) is None
