"""Golden files: the rendered text of every unit, committed so that a review sees what changes."""

from collections.abc import Sequence
from pathlib import Path

from tidegate.findings import Finding
from tidegate.manifests.render import Rendered
from tidegate.manifests.units import Source
from tidegate.oci import write_atomically

GOLDEN = Path("tests/golden")


def golden_file(name: str) -> Path:
    """The golden file of a unit, relative to the repository."""
    return GOLDEN / f"{name}.yaml"


def check_golden(root: Path, rendered: Sequence[Rendered[Source]]) -> list[Finding]:
    """A finding for every golden file that is missing, differs or belongs to no unit."""
    wanted = {golden_file(one.unit.name): one for one in rendered}
    present = {path.relative_to(root) for path in (root / GOLDEN).glob("*/*.yaml")}
    findings = [
        Finding(
            str(file),
            "file",
            "drifted",
            f"what {one.unit.folder} renders",
            "other content" if file in present else "no file",
            "run `tidegate render --update` and review the difference",
        )
        for file, one in wanted.items()
        if file not in present or (root / file).read_bytes() != one.text.encode()
    ]
    return findings + [
        Finding(
            str(file),
            "file",
            "belongs to no unit",
            "a unit of that name",
            "none",
            "run `tidegate render --update`",
        )
        for file in sorted(present - set(wanted))
    ]


def update_golden(root: Path, rendered: Sequence[Rendered[Source]]) -> None:
    """Write the golden file of every unit and delete those of units that are gone."""
    wanted = {golden_file(one.unit.name): one.text for one in rendered}
    for file, text in wanted.items():
        write_atomically(root / file, text.encode())
    for path in (root / GOLDEN).glob("*/*.yaml"):
        if path.relative_to(root) not in wanted:
            path.unlink()
