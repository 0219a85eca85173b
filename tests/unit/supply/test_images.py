"""The only list of outside images, what overrides it, and what must not name one."""

from pathlib import Path

import pytest
from tests.conftest import ROOT, Cli

from tidegate.findings import CouldNotCheckError, FindingsError
from tidegate.supply.image_names import check_image_names
from tidegate.supply.images import IMAGES, fill, parse_images, pinned, read_images

DIGEST = f"sha256:{'c' * 64}"
OVERRIDE = f"""\
apiVersion: tidegate.dev/v1alpha1
kind: ImageList
metadata: {{name: mirrors}}
spec:
  images:
    - name: python
      repository: mirror.example/python
      tag: "3.11"
      digest: {DIGEST}
      for: mirror
"""


def test_the_list_says_what_each_image_is_for(cli: Cli) -> None:
    """Registry, tag and purpose; a digest or plainly none."""
    ran = cli("images", "list", "--root", ROOT)

    assert ran.code == 0
    for image in read_images(ROOT).values():
        assert f"{image.repository}:{image.tag}" in ran.out
        assert image.purpose
    assert '"for": "signs the engine image"' in cli("images", "list", "--json", "--root", ROOT).out


def test_a_mirror_replaces_the_image_of_its_name_alone(tmp_path: Path, cli: Cli) -> None:
    """For closed networks, without a change to the repository."""
    file = tmp_path / "mirrors.yaml"
    file.write_text(OVERRIDE)

    found = read_images(ROOT, file)

    assert pinned(found, "python") == f"mirror.example/python:3.11@{DIGEST}"
    assert found["trivy"] == read_images(ROOT)["trivy"]
    ran = cli("images", "show", "python", "--images", file, "--root", ROOT)
    assert (ran.code, ran.out) == (0, f"mirror.example/python:3.11@{DIGEST}\n")
    assert found == parse_images((ROOT / IMAGES).read_text(), OVERRIDE)


def test_a_mirror_of_an_unknown_name_is_told(tmp_path: Path) -> None:
    """A misspelt name would silently mirror nothing."""
    file = tmp_path / "mirrors.yaml"
    file.write_text(OVERRIDE.replace("name: python", "name: pyhton"))

    with pytest.raises(FindingsError, match=r"pyhton: unknown image; wanted one of python, "):
        read_images(ROOT, file)


def test_an_image_without_digest_is_refused_only_where_it_would_be_pulled() -> None:
    """What is read and not pulled needs none."""
    images = read_images(ROOT)
    unlocked = {n: i.model_copy(update={"digest": None}) for n, i in images.items()}

    assert fill("no image here", lambda: unlocked) == "no image here"
    with pytest.raises(CouldNotCheckError, match=r"trivy: digest is not known"):
        fill("X={image:trivy}", lambda: unlocked)
    with pytest.raises(FindingsError, match=r"gone: unknown image"):
        fill("{image:gone}", lambda: unlocked)


def test_placeholders_become_references_by_digest() -> None:
    """As build arguments of the engine image are given."""
    images = parse_images((ROOT / IMAGES).read_text(), OVERRIDE)

    assert fill("BASE={image:python}", lambda: images) == (
        f"BASE=mirror.example/python:3.11@{DIGEST}"
    )


@pytest.mark.parametrize(
    ("file", "text", "named"),
    [
        ("ci/x.py", 'IMAGE = "docker.io/library/redis:7"', "docker.io/library/redis:7"),
        ("docs/x.md", "run `ghcr.io/a/b@sha256:12` now", "ghcr.io/a/b@sha256:12"),
        ("scripts/x", "docker run quay.io/a/b", "quay.io/a/b"),
        (".gitlab-ci.yml", "ci:\n  image: python:3.11\n", "python:3.11"),
        ("base/x.yaml", "containers:\n  - image: 'redis'\n", "redis"),
        ("clusters/x.yaml", "images:\n  - newName: mirror/redis\n", "mirror/redis"),
        ("ci/images/x/Dockerfile", "FROM alpine:3 AS base\nFROM base\n", "alpine:3"),
    ],
)
def test_an_image_named_elsewhere_is_found(
    file: str, text: str, named: str, tmp_path: Path
) -> None:
    """In code, documents, scripts, pipelines, manifests and Dockerfiles."""
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(text)

    (finding,) = check_image_names(tmp_path)

    assert (finding.file, finding.object) == (file, named)
    assert finding.what == "image named outside the list"


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("base/x.yaml", "containers:\n  - image: REPLACE_ME-engine\n"),
        (".gitlab-ci.yml", "ci:\n  image: $DAGGER_IMAGE\n"),
        ("base/x.yaml", 'container:\n  image: "{{workflow.parameters.image}}"\n'),
        ("base/x.yaml", "volumes:\n  - image: {reference: REPLACE_ME-model}\n"),
        ("ci/images/x/Dockerfile", "ARG BASE=scratch\nFROM ${BASE} AS one\nFROM one\nFROM scratch"),
        ("ci/images/images.yaml", "repository: docker.io/library/redis\n"),
    ],
)
def test_sentinels_variables_and_stages_are_no_names(file: str, text: str, tmp_path: Path) -> None:
    """They are filled in from the list, or by whoever runs them."""
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(text)

    assert check_image_names(tmp_path) == []
