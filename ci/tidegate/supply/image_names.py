"""Nothing but ci/images/images.yaml names an image of others, so one edit changes a version."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from tidegate.findings import Finding
from tidegate.supply.images import IMAGES

# Releases are named where promotions put them; tests and golden files show what others hold.
_SEARCHED = (".github", ".ci", "base", "ci", "clusters", "docs", "scripts", "tools")
_ROOT_FILES = (
    ".gitlab-ci.yml",
    ".pre-commit-config.yaml",
    "Jenkinsfile",
    "README.md",
    "dagger.json",
)
_TEXT = {"", ".md", ".py", ".sh", ".toml", ".yaml", ".yml", ".json", ".go", ".dockerignore"}
_REGISTRIES = (
    "docker.io",
    "ghcr.io",
    "quay.io",
    "gcr.io",
    "nvcr.io",
    "registry.k8s.io",
    "registry.dagger.io",
    "mcr.microsoft.com",
    "public.ecr.aws",
    "registry.gitlab.com",
)
_QUALIFIED = re.compile(
    rf"\b(?:[a-z0-9-]+\.)?(?:{'|'.join(map(re.escape, _REGISTRIES))})"
    r"(?:/[a-z0-9._-]+)+(?::[\w][\w.-]*)?(?:@sha256:\w+)?"
)
# A value that YAML tools run as an image; variables, templates and sentinels are none.
_YAML_KEY = re.compile(
    r"^\s*(?:-\s*)?(?:image|baseImage|newName):\s*['\"]?(?P<image>[a-z0-9][\w./:@-]*)['\"]?\s*(?:#.*)?$",
    re.MULTILINE,
)
# The list itself, and the page that shows what the checks refuse.
_SHOWN = {IMAGES, "docs/reference/checks.md"}
# A folder of Helm charts is no image, though it lies in a registry.
_CHARTS = "/charts"
_FROM = re.compile(r"^FROM\s+(?:--platform=\S+\s+)?(?P<image>\S+)", re.MULTILINE | re.IGNORECASE)
_STAGE = re.compile(r"^FROM\s.*\sAS\s+(\S+)", re.MULTILINE | re.IGNORECASE)


def check_image_names(root: Path) -> list[Finding]:
    """A finding for every place apart from the list that names an image."""
    return [
        Finding(
            file,
            name,
            "image named outside the list",
            f"every outside image in {IMAGES}",
            "a name of its own",
            "add it there, and take it by name or by a parameter here",
        )
        for file, path in _files(root)
        for name in sorted(set(_named(path.read_text(encoding="utf-8", errors="replace"), path)))
    ]


def _files(root: Path) -> Iterator[tuple[str, Path]]:
    """Every searched file with the repository's name for it."""
    for file in _names(root):
        path = root / file
        if path.suffix in _TEXT and file not in _SHOWN and path.is_file():
            yield file, path


def _names(root: Path) -> Iterator[str]:
    yield from _ROOT_FILES
    for searched in _SEARCHED:
        for folder, _, names in os.walk(root / searched):
            place = Path(folder).relative_to(root).as_posix()
            yield from (f"{place}/{name}" for name in names)


def _named(text: str, path: Path) -> Iterator[str]:
    if any(registry in text for registry in _REGISTRIES):  # much faster than the pattern
        yield from (name for name in _QUALIFIED.findall(text) if not name.endswith(_CHARTS))
    if path.suffix in {".yaml", ".yml"}:
        yield from (match["image"] for match in _YAML_KEY.finditer(text))
    if path.name == "Dockerfile":
        known = {"scratch", *_STAGE.findall(text)}
        yield from (i for i in _FROM.findall(text) if i not in known and not i.startswith("$"))
