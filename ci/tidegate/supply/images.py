"""The images that come from outside, in one file: name, tag, digest, and what each is for."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tidegate.catalog.objects import Metadata, Name, Strict
from tidegate.catalog.reading import parse_yaml, read_object, validated
from tidegate.findings import Finding, cannot_check, refuse
from tidegate.oci import DIGEST

IMAGES = "ci/images/images.yaml"
_PLACEHOLDER = re.compile(r"\{image:(?P<name>[a-z0-9-]+)\}")

# Trivy's published images of these versions held a credential stealer (CVE-2026-33634).
MALICIOUS = {("trivy", tag) for tag in ("0.69.4", "0.69.5", "0.69.6")}


class Image(Strict):
    """One image of others."""

    name: Name
    repository: Annotated[str, Field(pattern=r"^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)+$")]
    """With its registry, so that no default of a container engine decides."""
    tag: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$")]
    digest: Annotated[str, Field(pattern=f"^{DIGEST.pattern}$")] | None
    """Null until `tidegate images lock` ran; whatever would pull the image then refuses to."""
    purpose: Annotated[str, Field(min_length=1, alias="for")]

    @property
    def reference(self) -> str:
        """`repository:tag@digest`, or without the digest where it is not known."""
        return f"{self.repository}:{self.tag}" + (f"@{self.digest}" if self.digest else "")


class _Spec(Strict):
    images: Annotated[tuple[Image, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [image.name for image in self.images]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"names of their own, not {', '.join(twice)} twice")
        return self


class ImageList(Strict):
    """A file of images; `ci/images/images.yaml` or one that overrides parts of it."""

    api_version: Literal["tidegate.dev/v1alpha1"]
    kind: Literal["ImageList"]
    metadata: Metadata
    spec: _Spec

    def by_name(self) -> dict[str, Image]:
        """The images by name."""
        return {image.name: image for image in self.spec.images}


def read_images(root: Path, override: Path | None = None) -> dict[str, Image]:
    """The outside images by name.

    Args:
        root: the repository.
        override: a file whose images replace those of the same name, for mirrors.

    Raises:
        FindingsError: a file is invalid, or the override has a name that the repository lacks.
    """
    images = read_object(root / IMAGES, ImageList, name=IMAGES).by_name()
    if override is None:
        return images
    return _merged(images, read_object(override, ImageList, name=str(override)), str(override))


def parse_images(text: str, override: str | None = None) -> dict[str, Image]:
    """As `read_images`, from the content of the files."""
    images = validated(parse_yaml(text, name=IMAGES), ImageList, name=IMAGES).by_name()
    if override is None:
        return images
    other = validated(parse_yaml(override, name="--images"), ImageList, name="--images")
    return _merged(images, other, "--images")


def _merged(images: dict[str, Image], other: ImageList, name: str) -> dict[str, Image]:
    instead = other.by_name()
    if unknown := sorted(set(instead) - set(images)):
        raise refuse(
            name,
            ", ".join(unknown),
            "unknown image",
            wanted=f"one of {', '.join(images)}",
            found="another",
            next_step=f"use the names of {IMAGES}",
        )
    return images | instead


def named(images: dict[str, Image], name: str) -> Image:
    """One image; raises FindingsError where there is none of that name."""
    if name in images:
        return images[name]
    raise refuse(
        IMAGES,
        name,
        "unknown image",
        wanted=f"one of {', '.join(images)}",
        found=name,
        next_step="add the image or correct the name",
    )


def pinned(images: dict[str, Image], name: str) -> str:
    """An image by digest, to pull.

    Raises:
        FindingsError: there is none of that name.
        CouldNotCheckError: its digest is not known.
    """
    image = named(images, name)
    if image.digest is None:
        raise cannot_check(
            IMAGES,
            name,
            "digest is not known",
            wanted="sha256:<64 hex>",
            found=f"{image.reference} by tag alone",
            next_step="run `tidegate images lock` where the registry can be reached, with --images "
            "for a file of your own, and commit",
        )
    return image.reference


def fill(word: str, find: Callable[[], dict[str, Image]]) -> str:
    """`word` with every `{image:NAME}` replaced by that image by digest; raises as `pinned`."""
    if "{image:" not in word:
        return word
    images = find()
    return _PLACEHOLDER.sub(lambda match: pinned(images, match["name"]), word)


def check_images(root: Path) -> list[Finding]:
    """Findings of the list itself: an image that is known to be malicious.

    Raises:
        FindingsError: the file is invalid.
    """
    return [
        Finding(
            IMAGES,
            image.name,
            "known to be malicious",
            "a version that was not tampered with",
            image.tag,
            "take another version, and treat what this one could read as stolen",
        )
        for image in read_images(root).values()
        if (image.name, image.tag) in MALICIOUS
    ]
