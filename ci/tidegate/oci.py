"""OCI digests, references and image layouts on disk.

A layout (OCI image specification 1.1, image-layout.md) is the store of the lab and of tests: a
folder of blobs named by their own digest, so that what was gated is what is promoted. Blobs and
the index are written to a temporary file and renamed, so a kill leaves no half-made artifact.
"""

import hashlib
import json
import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tidegate.findings import cannot_check

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
EMPTY = "application/vnd.oci.empty.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
REF_NAME = "org.opencontainers.image.ref.name"

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_REFERENCE = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9._-]*(?::[0-9]+)?(?:/[a-z0-9][a-z0-9._-]*)+)"
    r":(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})@(?P<digest>sha256:[0-9a-f]{64})"
)

Descriptor = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reference:
    """An artifact pinned as `name:tag@digest`; the tag is for people, the digest is what counts."""

    name: str
    tag: str
    digest: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `name:tag@sha256:...`; raises ValueError for anything less pinned."""
        match = _REFERENCE.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not name:tag@sha256:<64 hex>")
        return cls(**match.groupdict())

    def __str__(self) -> str:
        return f"{self.name}:{self.tag}@{self.digest}"


def short(digest: str) -> str:
    """The first 8 hex digits, as people compare digests."""
    return digest.removeprefix("sha256:")[:8]


def canonical_json(value: object) -> bytes:
    """One value, one byte string: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` so that `path` holds all of it or is as before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), 0o644)  # mkstemp's 0600 would reach commits
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _members(folder: Path) -> Iterator[tuple[Path, tarfile.TarInfo]]:
    for path in sorted(folder.rglob("*")):
        info = tarfile.TarInfo(path.relative_to(folder).as_posix())
        if path.is_dir():
            info.type, info.mode = tarfile.DIRTYPE, 0o755
        else:
            info.size, info.mode = path.stat().st_size, 0o644
        yield path, info


def pack_tar(folder: Path, target: Path) -> None:
    """Write `folder` as a tar whose bytes depend on names and contents alone.

    Owners, times and modes are normalised, and members are sorted; links are followed.
    """
    with tarfile.open(target, "w", format=tarfile.USTAR_FORMAT) as tar:
        for path, info in _members(folder):
            if path.is_dir():
                tar.addfile(info)
            else:
                with path.open("rb") as content:
                    tar.addfile(info, content)


def _extract(tar: tarfile.TarFile, target: Path) -> None:
    # `extractall` has its filter since Python 3.11.4, and links or devices are in no layer of ours.
    for member in tar:
        path = target / member.name
        inside = ".." not in path.parts and path.is_relative_to(target)
        if inside and member.isdir():
            path.mkdir(parents=True, exist_ok=True)
        elif inside and member.isreg() and (content := tar.extractfile(member)):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                shutil.copyfileobj(content, file)
        else:
            raise cannot_check(
                tar.name,
                member.name,
                "is not unpacked",
                wanted="a file or folder inside the layer",
                found="a path outside" if not inside else "a link or device",
                next_step="pack the folder again",
            )


class Layout:
    """An OCI image layout in a folder, made on the first write."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def _blob(self, digest: str) -> Path:
        return self.root / "blobs" / "sha256" / digest.removeprefix("sha256:")

    def add_blob(self, data: bytes, media_type: str) -> Descriptor:
        """Store `data`; returns its descriptor."""
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        if not self._blob(digest).exists():
            write_atomically(self._blob(digest), data)
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    def has(self, digest: str) -> bool:
        """Whether there is a blob of this name."""
        return self._blob(digest).is_file()

    def add_pieces(self, pieces: Iterable[bytes], digest: str) -> str:
        """Store what comes in pieces, if its digest is this one; returns the digest that it has."""
        self._blob(digest).parent.mkdir(parents=True, exist_ok=True)
        found = hashlib.sha256()
        with tempfile.TemporaryDirectory(dir=self.root, prefix=".pull.") as temporary:
            path = Path(temporary) / "blob"
            with path.open("wb") as file:
                for piece in pieces:
                    found.update(piece)
                    file.write(piece)
            if f"sha256:{found.hexdigest()}" == digest:
                path.replace(self._blob(digest))
        return f"sha256:{found.hexdigest()}"

    def add_folder(self, folder: Path) -> Descriptor:
        """Store `folder` as one uncompressed tar layer; returns its descriptor."""
        blobs = self.root / "blobs" / "sha256"
        blobs.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.root, prefix=".pack.") as temporary:
            packed = Path(temporary) / "layer.tar"
            pack_tar(folder, packed)
            with packed.open("rb") as file:
                digest = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
            size = packed.stat().st_size
            packed.replace(self._blob(digest))
        return {"mediaType": LAYER, "digest": digest, "size": size}

    def add_manifest(
        self,
        *,
        artifact_type: str,
        config: Descriptor,
        layers: list[Descriptor],
        annotations: Mapping[str, str],
        subject: Descriptor | None = None,
        ref_name: str | None = None,
    ) -> Descriptor:
        """Store an image manifest and list it in the index; returns its descriptor."""
        manifest: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": artifact_type,
            "config": config,
            "layers": layers,
            "annotations": dict(annotations),
        }
        if subject is not None:
            manifest["subject"] = subject
        descriptor = self.add_blob(canonical_json(manifest), MANIFEST)
        self._list(descriptor | {"artifactType": artifact_type}, ref_name)
        return descriptor

    def adopt(self, content: bytes) -> Descriptor:
        """Store a manifest or index that was made elsewhere, as it is.

        Raises:
            ValueError: it is no JSON.
            AttributeError: it is no object.
        """
        manifest = json.loads(content)
        kind = manifest.get("artifactType")
        descriptor = self.add_blob(content, str(manifest.get("mediaType", MANIFEST)))
        self._list(descriptor | ({"artifactType": kind} if kind else {}), None)
        return descriptor

    def _list(self, descriptor: Descriptor, ref_name: str | None) -> None:
        entry = descriptor | ({"annotations": {REF_NAME: ref_name}} if ref_name else {})

        def replaced(other: Descriptor) -> bool:
            same_name = ref_name and other.get("annotations", {}).get(REF_NAME) == ref_name
            return bool(same_name) or other["digest"] == descriptor["digest"]

        kept = [other for other in self.manifests() if not replaced(other)]
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [*kept, entry]}
        write_atomically(self.root / "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        write_atomically(self.root / "index.json", json.dumps(index, indent=1).encode())

    def manifests(self) -> list[Descriptor]:
        """The descriptors of index.json; none where the layout is not made yet."""
        index = self.root / "index.json"
        if not index.exists():
            return []
        return list(json.loads(index.read_bytes())["manifests"])

    def find(self, ref_name: str) -> str | None:
        """The digest listed under a reference name, if any."""
        for entry in self.manifests():
            if entry.get("annotations", {}).get(REF_NAME) == ref_name:
                return str(entry["digest"])
        return None

    def read(self, digest: str) -> bytes:
        """A blob, its content checked against its digest.

        Raises:
            CouldNotCheckError: the blob is missing or is not what its name says.
        """
        path = self._blob(digest)
        if not path.is_file():
            raise cannot_check(
                self.root,
                digest,
                "no such blob",
                wanted="the blob",
                found="no file",
                next_step="pack the artifact again, or name the layout that holds it",
            )
        data = path.read_bytes()
        actual = f"sha256:{hashlib.sha256(data).hexdigest()}"
        if actual != digest:
            raise cannot_check(
                path,
                "blob",
                "content does not match its name",
                wanted=digest,
                found=actual,
                next_step="remove the layout and pack again",
            )
        return data

    def manifest(self, digest: str) -> dict[str, Any]:
        """An image manifest by digest; raises as `read`."""
        manifest: dict[str, Any] = json.loads(self.read(digest))
        return manifest

    def referrers(self, digest: str, artifact_type: str) -> list[str]:
        """Digests of the manifests of a type whose subject is `digest`, oldest first."""
        return [
            entry["digest"]
            for entry in self.manifests()
            if entry.get("artifactType") == artifact_type
            and self.manifest(entry["digest"]).get("subject", {}).get("digest") == digest
        ]

    def unpack(self, digest: str, target: Path) -> None:
        """Write the tar layers of a manifest into `target`, a folder that must not exist yet."""
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".unpack.") as temporary:
            content = Path(temporary) / "content"
            for layer in self.manifest(digest)["layers"]:
                self.read(layer["digest"])  # checks the content against its name
                with tarfile.open(self._blob(layer["digest"])) as tar:
                    _extract(tar, content)
            content.rename(target)
