"""Renders units, examples and clusters with Kustomize as the pinned `kubectl` embeds it."""

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from tidegate import cache
from tidegate.findings import Finding, FindingsError, cannot_check, refuse
from tidegate.machine_yaml import read_all
from tidegate.manifests.graph import NO_LINKS, Links, fingerprints
from tidegate.manifests.units import Source

# A folder takes half a second alone; beside other work on few cores it may wait for a minute.
RENDER_TIMEOUT_SECONDS = 180
_PARALLEL = 4


S = TypeVar("S", bound=Source)
S_co = TypeVar("S_co", bound=Source, covariant=True)


@dataclass(frozen=True, slots=True)
class Rendered(Generic[S_co]):
    """What a unit becomes: the text that Argo CD applies and its objects."""

    unit: S_co
    text: str
    objects: tuple[dict[str, Any], ...]


def kubectl() -> str:
    """The pinned kubectl, which lies beside Python."""
    return str(Path(sys.executable).parent / "kubectl")


class _Output(NamedTuple):
    """What kubectl printed, and the objects in it."""

    text: str
    objects: list[dict[str, Any]]


def _keys(folders: Sequence[Path], links: Links = NO_LINKS) -> list[str | None]:
    """What each rendering depends on: the files, which kubectl makes it, and who reads both."""
    code = cache.code("machine_yaml.py", "manifests/graph.py", "manifests/render.py")
    try:
        program = Path(kubectl()).stat()
    except OSError:  # to run it will say so
        return [None] * len(folders)
    made_by = f"{code} {program.st_size} {program.st_mtime_ns}"
    return [f"{made_by} {files}" if files else None for files in fingerprints(folders, links)]


def build(folder: Path, *, name: str) -> str:
    """What `kubectl kustomize` makes of a folder, called `name` in findings.

    A folder whose files are all as they were is not rendered again; see `tidegate.cache`.

    Raises:
        FindingsError: it does not render.
        CouldNotCheckError: kubectl is missing or does not end.
    """
    return _build(folder, name=name).text


def _build(folder: Path, *, name: str) -> _Output:
    (key,) = _keys([folder])
    output = _remembered(key)
    if output is None:
        output = _read(_kustomize(folder, name=name))
        _remember([(folder, key, output)])
    return output


def _read(text: str) -> _Output:
    return _Output(text, list(read_all(text)))


def _remembered(key: str | None) -> _Output | None:
    known = cache.read("render", key, list) if key else None
    return _Output(*known) if known else None


def _remember(made: Sequence[tuple[Path, str | None, _Output]]) -> None:
    # What changed meanwhile is what a text may be of; the next run renders that again.
    now = _keys([folder for folder, _, _ in made])
    for (_, key, output), key_now in zip(made, now, strict=True):
        if key and key == key_now:
            cache.write("render", key, list(output))


def _kustomize(folder: Path, *, name: str) -> str:
    try:
        done = subprocess.run(
            [kubectl(), "kustomize", str(folder)],
            capture_output=True,
            text=True,
            timeout=RENDER_TIMEOUT_SECONDS,
            check=False,
            # A rendering needs 0.15 GiB; to collect garbage in it takes a third of its time.
            env={**os.environ, "GOGC": "off"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise cannot_check(
            name,
            "kubectl",
            "could not run",
            wanted="kubectl beside Python",
            found=str(error),
            next_step="run scripts/setup",
        ) from None
    if done.returncode:
        fault = done.stderr.strip().removeprefix("error: ").replace(f"{folder.resolve()}", name)
        raise refuse(
            f"{name}/kustomization.yaml",
            "kustomization",
            "does not render",
            wanted="manifests",
            found=fault.splitlines()[0] if fault else "no reason",
            next_step=f"run `kubectl kustomize {name}` and correct the file it names",
        )
    return done.stdout


def render(unit: S) -> Rendered[S]:
    """One unit rendered; raises as `build`."""
    return _rendered(unit, _build(unit.root / unit.folder, name=unit.folder))


def _rendered(unit: S, output: _Output) -> Rendered[S]:
    return Rendered(unit, output.text, tuple(output.objects))


def render_all(
    units: Sequence[S], links: Links = NO_LINKS
) -> tuple[list[Rendered[S]], list[Finding]]:
    """Every unit that renders, and the findings of those that do not.

    Args:
        units: what to render.
        links: of folders whose links were followed already.
    """
    findings: list[Finding] = []

    def attempt(unit: S) -> str | None:
        try:
            return _kustomize(unit.root / unit.folder, name=unit.folder)
        except FindingsError as error:
            findings.extend(error.findings)
            return None

    folders = [unit.root / unit.folder for unit in units]
    keys = _keys(folders, links)
    outputs = [_remembered(key) for key in keys]
    new = [index for index, output in enumerate(outputs) if output is None]
    # kubectl alone is left to threads: they slow down whatever Python does itself.
    with ThreadPoolExecutor(_PARALLEL) as pool:
        for index, text in zip(new, pool.map(attempt, [units[i] for i in new]), strict=True):
            outputs[index] = None if text is None else _read(text)
    _remember([(folders[i], keys[i], output) for i in new if (output := outputs[i])])
    rendered = [
        _rendered(unit, output) for unit, output in zip(units, outputs, strict=True) if output
    ]
    return rendered, sorted(findings)
