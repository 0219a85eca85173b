"""Which strings of a kustomization lead to files, and what is made of them."""

from pathlib import Path

import pytest

from tidegate.manifests.graph import (
    find_links,
    find_roots,
    fingerprint,
    fingerprints,
    kustomization_of,
    reached,
    references,
)
from tidegate.policy.picture import COLUMN, ROW, TOP, picture
from tidegate.policy.scope import Scope


def write(folder: Path, text: str, name: str = "kustomization.yaml") -> Path:
    """A folder with a kustomization."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder


def names(paths: set[Path], root: Path) -> set[str]:
    """Paths relative to a root."""
    return {path.relative_to(root.resolve()).as_posix() for path in paths}


def test_a_path_from_the_root_is_a_reference(tmp_path: Path) -> None:
    """Kustomize says that it takes none; what it says follows from the file."""
    (tmp_path / "a.yaml").write_text("")
    unit = write(tmp_path / "unit", f"resources: [{tmp_path}/a.yaml]")

    assert names(references(unit), tmp_path) == {"a.yaml"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("resources: [a.yaml]", {"a.yaml"}),
        ("configMapGenerator: [{files: [engine.yaml=a.yaml]}]", {"a.yaml"}),
        ("patches: [{path: ./a.yaml}]", {"a.yaml"}),
        ("anything: {deep: [{key: ../unit/a.yaml}]}", {"a.yaml"}),
        ("patches: [{path: gone.yaml}]\nresources: ['', .]", set()),
        ("a.yaml: 1", set()),
        ("- a.yaml", set()),
        ("", set()),
        (f"commonAnnotations: {{note: {'x' * 300}}}\nresources: [a.yaml]", {"a.yaml"}),
        (f"note: {'é' * 200}\nresources: [a.yaml]", {"a.yaml"}),
        (f"note: {'x/' * 4000}\nresources: [a.yaml]", {"a.yaml"}),
        ('note: "nul \\0 inside"\nresources: [a.yaml]', {"a.yaml"}),
        ('patch: "a.yaml\\nb"\nresources: [a.yaml]', {"a.yaml"}),
    ],
)
def test_every_string_that_leads_to_a_file_is_a_reference(
    text: str, found: set[str], tmp_path: Path
) -> None:
    """Under any key; what no file system takes as a name is text, and hides nothing."""
    unit = write(tmp_path / "unit", text)
    (unit / "a.yaml").write_text("")

    assert names(references(unit), unit) == found
    assert fingerprint(unit) is not None


@pytest.mark.parametrize(
    "text",
    [
        "resources: [gone.yaml]",
        "components: [github.com/a/b//c?ref=main]",
        "resources: [link.yaml]",
        "patches: [{path: 'https://example.invalid/patch.yaml'}]",
    ],
)
def test_what_is_not_here_is_never_remembered(text: str, tmp_path: Path) -> None:
    """A remote base is another one tomorrow, so what names it is rendered each time."""
    unit = write(tmp_path / "unit", text)
    (unit / "link.yaml").symlink_to("gone.yaml")

    assert fingerprint(unit) is None


def test_steps_back_are_taken_from_the_text(tmp_path: Path) -> None:
    """Kustomize finds `gone/../a.yaml` where there is no gone, and so is it found here."""
    unit = write(tmp_path / "unit", "patches: [{path: gone/../a.yaml}]")
    (unit / "a.yaml").write_text("")

    assert names(references(unit), unit) == {"a.yaml"}


def test_a_long_text_does_not_make_a_root_disappear(tmp_path: Path) -> None:
    """A one-line patch longer than a file's name is still rendered and checked."""
    write(tmp_path / "overlays" / "long", f"patches: [{{patch: {'x' * 400}}}]")

    assert find_roots(tmp_path, find_links(tmp_path)) == ["overlays/long"]


def test_links_that_were_followed_make_the_same_fingerprints(tmp_path: Path) -> None:
    """Of folders behind links too, and of what cannot be read or has no kustomization."""
    root = tmp_path / "gone" / ".." / "root"
    (tmp_path / "gone").mkdir()
    write(tmp_path / "root" / "base" / "real", "resources: [a.yaml, ../deeper]")
    write(tmp_path / "root" / "base" / "deeper", "", name="a.yaml")
    (root / "base" / "real" / "a.yaml").symlink_to("../deeper/a.yaml")
    (root / "base" / "linked").symlink_to("real")
    units = [
        write(root / "overlays" / "whole", "resources: [../../base/linked]"),
        write(root / "overlays" / "unreadable", "a: ["),
        root / "base" / "linked",
    ]

    whole, unreadable, linked = fingerprints(units, find_links(root))

    assert [whole, unreadable, linked] == [fingerprint(unit) for unit in units]
    assert whole
    assert linked
    assert unreadable is None


def test_folders_that_lead_to_each_other_are_read_once(tmp_path: Path) -> None:
    """A circle ends; Kustomize says what is wrong with it."""
    write(tmp_path / "a", "resources: [../b]")
    write(tmp_path / "b", "resources: [../a]")

    assert names(reached(tmp_path / "a"), tmp_path) == {
        "a/kustomization.yaml",
        "b/kustomization.yaml",
    }


def test_a_folder_without_a_kustomization_counts_whole(tmp_path: Path) -> None:
    """As the folder of a chart does, at any depth."""
    write(tmp_path / "a", "helmGlobals: {chartHome: ../charts}")
    write(tmp_path / "charts" / "x", "", name="values.yaml")

    assert "charts/x/values.yaml" in names(reached(tmp_path / "a"), tmp_path)


def test_a_kustomization_has_three_names(tmp_path: Path) -> None:
    """The first of them counts; a folder without any has none."""
    assert kustomization_of(tmp_path) is None
    for name in ("Kustomization", "kustomization.yml", "kustomization.yaml"):
        write(tmp_path, "", name=name)
        assert kustomization_of(tmp_path) == tmp_path / name


def test_a_fingerprint_knows_names_and_contents_apart(tmp_path: Path) -> None:
    """Moving bytes from one file to the next is a change, and so is a file's name."""
    unit = write(tmp_path / "unit", "resources: [a.yaml]")
    seen = set()
    for first, second in (("ab", "c"), ("a", "bc"), ("abc", "")):
        (unit / "a.yaml").write_text(first)
        (unit / "b.yaml").write_text(second)
        seen.add(fingerprint(unit))
    (unit / "b.yaml").rename(unit / "c.yaml")

    assert len({*seen, fingerprint(unit)}) == 4


def test_the_map_of_a_small_repository(tmp_path: Path) -> None:
    """Sources stand left of what they are rendered into, environments in order and colour."""
    write(tmp_path / "models" / "m", "")
    write(tmp_path / "base" / "components" / "c", "")
    scopes = []
    for name in ("production", "dev", "staging"):
        text = "resources: [../../../models/m]\ncomponents: [../../../base/components/c]"
        write(tmp_path / "overlays" / name / "x", text)
        scopes.append(Scope(f"{name}/x", f"overlays/{name}/x/kustomization.yaml", ()))
    write(tmp_path / "clusters" / "dev-west", "spec: {environment: dev}", name="cluster.yaml")

    drawn = picture(tmp_path, scopes, [scopes[1].file, scopes[1].file, "models/other/a.yaml"])

    places = {
        node.name: (node.label, node.x // COLUMN, (node.y - TOP) / ROW, node.faults, node.tone)
        for node in drawn.nodes
    }
    assert places == {
        "models/m": ("m", 0, 1.5, 0, 3),
        "base/components/c": ("c", 1, 1.5, 0, 3),
        "overlays/dev/x": ("dev/x", 3, 0, 2, 0),
        "overlays/staging/x": ("staging/x", 3, 1.5, 0, 1),
        "overlays/production/x": ("production/x", 3, 3, 0, 2),
        "clusters/dev-west": ("dev-west", 4, 1.5, 0, 0),
    }
    assert all(edge.source.x < edge.target.x for edge in drawn.edges)
    assert {edge.tone for edge in drawn.edges} == {0, 1, 2}
    assert [title for _, title in drawn.titles] == ["What", "How", "Which", "Where"]


def test_parts_are_drawn_as_the_folder_that_people_know(tmp_path: Path) -> None:
    """A variant's template is the variant; what an environment's units share stands before them."""
    write(tmp_path / "base" / "variants" / "v", "components: [template]")
    write(tmp_path / "base" / "variants" / "v" / "template", "")
    write(tmp_path / "overlays" / "dev" / "profile", "")
    text = "components: [../profile, ../../../base/variants/v]"
    write(tmp_path / "overlays" / "dev" / "x", text)
    unit = Scope("dev/x", "overlays/dev/x/kustomization.yaml", ())

    drawn = picture(tmp_path, [unit], [])

    assert {node.name: node.x // COLUMN for node in drawn.nodes} == {
        "base/variants/v": 1,
        "overlays/dev/profile": 2,
        "overlays/dev/x": 3,
    }
    assert len(drawn.edges) == 2


def test_the_map_of_nothing_is_empty(tmp_path: Path) -> None:
    """An empty fork has a report, too."""
    drawn = picture(tmp_path, [], [])

    assert (drawn.nodes, drawn.edges, drawn.titles) == ((), (), ())
