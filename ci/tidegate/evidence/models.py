"""Model folders: safetensors and nothing that runs, signed file by file and verified whole.

Signatures are those of the OpenSSF model signing specification, made by `model-signing`. A packed
model is unpacked to be checked, so what is looked at is what a replica mounts.
"""

import json
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidegate.catalog.policy import EvidenceKind, SignerIdentity
from tidegate.evidence.kinds import MODEL_TYPE, utc_text
from tidegate.evidence.statement import CONTENT_KEY, PREDICATE_TYPE_KEY, Attestation, predicate_type
from tidegate.evidence.trust import BUNDLE, Signers, no_trust, trust_file
from tidegate.findings import Finding, FindingsError, cannot_check, refuse
from tidegate.manifests.release import Release
from tidegate.oci import EMPTY, MANIFEST, Layout

if TYPE_CHECKING:
    from model_signing import verifying

_RUNS = {
    ".bin",
    ".ckpt",
    ".dill",
    ".h5",
    ".joblib",
    ".keras",
    ".npy",
    ".npz",
    ".pickle",
    ".pkl",
    ".pt",
    ".pth",
}
_CODE = {".dll", ".dylib", ".exe", ".ipynb", ".py", ".pyc", ".sh", ".so"}
# Zip (as torch.save writes), pickle protocols 2 to 5, ELF, HDF5.
_MAGIC = (b"PK\x03\x04", *(bytes([0x80, n]) for n in range(2, 6)), b"\x7fELF", b"\x89HDF")
_HEADER_LIMIT = 100 * 2**20
_CREATED = "org.opencontainers.image.created"


def check_model_folder(folder: Path, *, name: str) -> list[Finding]:
    """Findings of a model folder: weights that are no safetensors, pickles, code, remote code.

    Args:
        folder: the folder as a server mounts it.
        name: how findings call it.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file() or path.is_symlink())
    findings = [fault for path in files for fault in _check_file(path, folder, name)]
    if not any(path.suffix == ".safetensors" for path in files):
        what, step = "no weights", "convert the weights to safetensors"
        findings.append(Finding(name, "weights", what, "*.safetensors", "none", step))
    return findings


def _check_file(path: Path, folder: Path, name: str) -> Iterator[Finding]:
    file = f"{name}/{path.relative_to(folder).as_posix()}"
    suffix = path.suffix.lower()
    if path.is_symlink():
        yield Finding(file, "file", "a link", "a file", "a link", "copy what it points to")
        return
    with path.open("rb") as content:
        start = content.read(8)
    if suffix in _RUNS | _CODE or start.startswith(_MAGIC):
        kind = "code" if suffix in _CODE else "may run code when it is loaded"
        step = "remove it, or convert the weights to safetensors"
        yield Finding(file, "file", "refused", "safetensors and plain data", kind, step)
    elif suffix == ".safetensors":
        yield from _check_safetensors(path, file, start)
    elif suffix == ".json":
        yield from _check_configuration(path, file)


def _check_safetensors(path: Path, file: str, start: bytes) -> Iterator[Finding]:
    try:
        fault = _header_fault(path, start)
    except (AttributeError, KeyError, TypeError, ValueError, struct.error) as error:
        fault = " ".join(str(error).split()) or type(error).__name__
    if fault:
        wanted, step = "a header that describes the file", "write the weights again"
        yield Finding(file, "header", "not safetensors", wanted, fault, step)


def _header_fault(path: Path, start: bytes) -> str | None:
    """The header describes the rest of the file without a gap (safetensors format)."""
    (length,) = struct.unpack("<Q", start)
    rest = path.stat().st_size - len(start) - length
    if length > _HEADER_LIMIT or rest < 0:
        return f"a header of {length} bytes"
    with path.open("rb") as content:
        content.seek(len(start))
        header: dict[str, Any] = json.loads(content.read(length))
    spans = sorted(tuple(t["data_offsets"]) for n, t in header.items() if n != "__metadata__")
    ends = [0, *(end for _, end in spans)]
    whole = all(begin == end for (begin, _), end in zip(spans, ends, strict=False))
    return None if whole and ends[-1] == rest else "tensors that do not fill the file"


def _check_configuration(path: Path, file: str) -> Iterator[Finding]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return  # no configuration; nothing loads it as one
    if isinstance(data, dict) and data.get("auto_map"):
        what, step = "asks for remote code", "serve it with the engine's own code, or not at all"
        yield Finding(file, "auto_map", what, "no auto_map", "one", step)


@contextmanager
def unpacked(layout: Layout, digest: str) -> Iterator[Path]:
    """A packed model as a folder, for as long as the block runs."""
    with tempfile.TemporaryDirectory(prefix="tidegate-model-") as temporary:
        folder = Path(temporary) / "model"
        layout.unpack(digest, folder)
        yield folder


def _hashing() -> Any:  # noqa: ANN401 - the library has no types
    """Every file counts: nothing is left out for being called like a file of git."""
    from model_signing import hashing  # noqa: PLC0415 - slow: it brings sigstore with it

    return hashing.Config().set_ignored_paths(paths=[], ignore_git_paths=False)


def sign_folder(folder: Path, key: Path) -> bytes:
    """The signature of every file of a folder, by an elliptic key in a PEM file.

    Raises:
        CouldNotCheckError: the key cannot be used.
    """
    from model_signing import signing  # noqa: PLC0415 - slow, as above

    with tempfile.TemporaryDirectory(prefix="tidegate-sign-") as temporary:
        target = Path(temporary) / "model.sig"
        try:
            config = signing.Config().use_elliptic_key_signer(private_key=key)
            config.set_hashing_config(_hashing()).sign(folder, target)
        except (OSError, TypeError, ValueError) as error:
            raise cannot_check(
                key,
                "signer",
                "cannot sign the model",
                wanted="an elliptic key in a PEM file",
                found=" ".join(str(error).split()),
                next_step="make a key with `tidegate evidence key`",
            ) from None
        return target.read_bytes()


def verify_folder(folder: Path, signature: bytes, signers: Signers, *, name: str) -> str:
    """The name of the signer who signed exactly these files.

    Raises:
        FindingsError: nobody who is believed did: a file was changed, added, removed or renamed,
            or another key was used.
        CouldNotCheckError: an identity cannot be checked for want of a root of trust.
    """
    from model_signing import verifying  # noqa: PLC0415 - slow, as above

    reasons = []
    with tempfile.TemporaryDirectory(prefix="tidegate-verify-") as temporary:
        path, key = Path(temporary) / "model.sig", Path(temporary) / "key.pub"
        path.write_bytes(signature)
        # Keys first: they need no root of trust.
        for signer in sorted(signers, key=lambda one: one.public_key is None):
            config = verifying.Config().set_hashing_config(_hashing())
            if signer.public_key is not None:
                key.write_text(signer.public_key, encoding="utf-8")
                config.use_elliptic_key_verifier(public_key=key)
            else:
                _by_identity(config, signer)
            try:
                config.verify(folder, path)
            except Exception as error:  # noqa: BLE001 - it raises what its parsers raise
                reasons.append(f"{signer.name}: {' '.join(str(error).split())}")
                continue
            return signer.name
    raise refuse(
        name,
        "signature",
        "model is not what was signed",
        wanted=", ".join(signer.name for signer in signers) or "a signer of the role",
        found="; ".join(reasons) or "nobody is believed",
        next_step="pack and sign the model again",
    )


def _by_identity(config: "verifying.Config", signer: SignerIdentity) -> None:
    try:
        config.use_sigstore_verifier(
            identity=signer.identity, oidc_issuer=signer.issuer, trust_config=trust_file()
        )
    except Exception as error:  # noqa: BLE001 - it raises what its parsers and clients raise
        raise no_trust(error) from None


def attach_model_signature(layout: Layout, digest: str, key: Path) -> str:
    """Check and sign a packed model; returns the digest of the manifest that refers to it.

    Raises:
        FindingsError: it holds weights that are no safetensors, or anything that runs.
    """
    with unpacked(layout, digest) as folder:
        findings = check_model_folder(folder, name=digest)
        if findings:
            raise FindingsError(findings)
        content = layout.add_blob(sign_folder(folder, key), BUNDLE)
    descriptor = layout.add_manifest(
        artifact_type=BUNDLE,
        config=layout.add_blob(b"{}", EMPTY),
        layers=[content],
        annotations={
            CONTENT_KEY: "dsse-envelope",
            PREDICATE_TYPE_KEY: MODEL_TYPE,
            _CREATED: utc_text(datetime.now(UTC)),
        },
        subject={"mediaType": MANIFEST, "digest": digest, "size": len(layout.read(digest))},
    )
    return str(descriptor["digest"])


def model_signatures(
    layout: Layout, release: Release, signers: Signers
) -> tuple[list[Attestation], list[FindingsError]]:
    """The signatures that a release's packed model bears, of whom is believed, and the others.

    A model that holds anything but safetensors and plain data bears none that counts.
    """
    digests = [
        digest
        for digest in layout.referrers(release.model.digest, BUNDLE)
        if predicate_type(layout, digest) == MODEL_TYPE
    ]
    good: list[Attestation] = []
    others: list[FindingsError] = []
    if not digests:
        return good, others
    with unpacked(layout, release.model.digest) as folder:
        findings = check_model_folder(folder, name=release.model.digest)
        if findings:
            return good, [FindingsError(findings)]
        for digest in digests:
            try:
                good.append(_signature(layout, digest, folder, signers))
            except FindingsError as error:
                others.append(error)
    return good, others


def _signature(layout: Layout, digest: str, folder: Path, signers: Signers) -> Attestation:
    manifest = layout.manifest(digest)
    name = verify_folder(folder, layout.read(manifest["layers"][0]["digest"]), signers, name=digest)
    # The time is not signed: a policy can bound the age of no model signature.
    made = datetime.fromisoformat(manifest["annotations"][_CREATED])
    return Attestation(digest, EvidenceKind.MODEL, {}, made, frozenset({name}))
