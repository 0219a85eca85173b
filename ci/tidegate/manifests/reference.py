"""The reference table of components: what each one is for and which units use it; generated."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

from tidegate.findings import Finding
from tidegate.manifests.graph import read_file
from tidegate.manifests.render import Rendered
from tidegate.manifests.units import Source
from tidegate.oci import write_atomically

COMPONENTS = Path("base/components")
REFERENCE = Path("docs/reference/components.md")

_HEAD = """\
# Components

Every optional behaviour is a Kustomize component in `base/components`. A unit turns one on by
listing it; the order is the order of the list, and the unit's own patches come last.
`tidegate render --update` writes this table.

| Component | What it does | Units that use it |
|---|---|---|
"""
_PURPOSE = re.compile(r"^## Purpose\n\n(?P<text>.+?)(?:\n\n|\Z)", re.DOTALL | re.MULTILINE)


def check_reference(root: Path, rendered: Sequence[Rendered[Source]]) -> list[Finding]:
    """A finding for every component without a README, and one where the table drifted."""
    findings = [
        Finding(
            f"{COMPONENTS}/{name}/README.md",
            "component",
            "says nothing about its purpose",
            "a README with the sections Purpose and Usage",
            "none" if purpose is None else "another text",
            "say in its first sentence what the component does",
        )
        for name, purpose in _purposes(root)
        if not purpose
    ]
    path = root / REFERENCE
    if not path.is_file() or path.read_text(encoding="utf-8") != _text(root, rendered):
        findings.append(
            Finding(
                str(REFERENCE),
                "file",
                "drifted",
                "the table of the components that are there",
                "other content" if path.is_file() else "no file",
                "run `tidegate render --update`",
            )
        )
    return findings


def update_reference(root: Path, rendered: Sequence[Rendered[Source]]) -> None:
    """Write the table."""
    (root / REFERENCE).parent.mkdir(parents=True, exist_ok=True)
    write_atomically(root / REFERENCE, _text(root, rendered).encode())


def _listed(folder: Path) -> list[Path]:
    file = folder / "kustomization.yaml"
    parts = read_file(file).get("components") if file.is_file() else []
    return [Path(os.path.normpath(folder / part)) for part in parts or []]


def _text(root: Path, rendered: Sequence[Rendered[Source]]) -> str:
    listed = cache(_listed)  # most are part of many units
    used = {one.unit.name: set(components(root / one.unit.folder, listed)) for one in rendered}
    rows = []
    for name, purpose in _purposes(root):
        folder = Path(os.path.normpath(root / COMPONENTS / name))
        units = [unit for unit, found in used.items() if folder in found]
        link = f"[{name}](../../{COMPONENTS}/{name}/README.md)"
        rows.append(f"| {link} | {purpose or ''} | {', '.join(sorted(units)) or 'none'} |\n")
    return _HEAD + "".join(rows)


def components(folder: Path, listed: Callable[[Path], list[Path]] = _listed) -> Iterator[Path]:
    """The components that a kustomization lists, and those that they list in turn."""
    for path in listed(folder):
        yield path
        yield from components(path, listed)


def _purposes(root: Path) -> Iterator[tuple[str, str | None]]:
    """Each component with its purpose's first sentence; None without a README, '' without one."""
    for folder in sorted((root / COMPONENTS).glob("*/")):
        path = folder / "README.md"
        if not path.is_file():
            yield folder.name, None
            continue
        text = path.read_text(encoding="utf-8")
        match = _PURPOSE.search(text) if "\n## Usage\n" in text else None
        sentence = " ".join(match["text"].split()) if match else ""
        sentence = sentence.replace("](../", f"](../../{COMPONENTS}/")  # read from docs/reference
        yield folder.name, sentence.partition(". ")[0].removesuffix(".")
