"""Releases to write and one unit to check."""

from dataclasses import replace
from functools import cache
from typing import Any

from tests.conftest import ROOT

from tidegate.catalog.load import load_valid
from tidegate.catalog.objects import EngineArtifact
from tidegate.manifests.release import Release
from tidegate.manifests.units import Unit, read_unit
from tidegate.oci import Reference


def release(digit: str = "a", tag: str = "v1", registry: str = "registry.example") -> Release:
    """A release whose digests are made of one hex digit."""
    digest = f"sha256:{digit * 64}"
    return Release(
        Reference(f"{registry}/engine", tag, digest), Reference(f"{registry}/model", tag, digest)
    )


@cache
def generator() -> Unit:
    """This repository's dev/generator."""
    return read_unit(load_valid(ROOT), "dev", "generator")


def unit(
    running: Release | None = None,
    *,
    artifact: EngineArtifact = EngineArtifact.IMAGE,
    drain: int = 45,
) -> Unit:
    """This repository's dev/generator with another release and another drain time."""
    found = generator()
    spec = found.environment.spec.model_copy(update={"engine_artifact": artifact})
    settings = found.model.engine | {"shutdown-timeout": drain}
    return replace(
        found,
        release=running,
        environment=found.environment.model_copy(update={"spec": spec}),
        model=replace(found.model, engine=settings),
    )


def thing(kind: str, spec: dict[str, Any], *, namespace: str | None = "llm-dev") -> dict[str, Any]:
    """A namespaced object called `generator`."""
    place = {} if namespace is None else {"namespace": namespace}
    return {"kind": kind, "metadata": {"name": "generator", **place}, "spec": spec}
