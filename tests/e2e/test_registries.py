"""Evidence beside its image in registries that others wrote, not in a stub."""

from pathlib import Path

import httpx
import pytest
from tests.e2e.registries import KINDS, PASSWORD, USER, placed, registry
from tests.unit.evidence.conftest import layout, release
from tests.unit.evidence.samples import PASSING, SIGNER, TRUSTED

from tidegate.evidence.referrers import pull, push
from tidegate.evidence.statement import store, stored, verify
from tidegate.findings import CouldNotCheckError
from tidegate.manifests.release import Release
from tidegate.oci import Layout, Reference

__all__ = ["layout", "release"]


@pytest.fixture(autouse=True)
def _nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """No user of whoever runs the tests."""
    for key in ("USER", "PASSWORD"):
        monkeypatch.delenv(f"TIDEGATE_REGISTRY_{key}", raising=False)


def tags(reference: Reference) -> list[str]:
    """The tags that a registry lists of a repository."""
    host, _, path = reference.name.partition("/")
    answer = httpx.get(f"http://{host}/v2/{path}/tags/list", trust_env=False)
    found: list[str] = answer.raise_for_status().json()["tags"]
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_pushed_proves_in_another_store(
    layout: Layout, release: Release, tmp_path: Path, kind: str
) -> None:
    """Once, by referrers or by the tag; evidence of a second store joins it."""
    with registry(kind, tmp_path) as host:
        there = placed(layout, release, host)
        first = store(layout, there, PASSING, SIGNER)
        assert len(push(layout, there)) == 2
        assert push(layout, there) == []

        other = Layout(tmp_path / "other")
        assert len(pull(other, there)) == 2
        assert pull(other, there) == []
        assert verify(other, first.digest, there, TRUSTED) == first

        later = PASSING.model_copy(update={"started": "2026-11-24T07:00:00Z"})
        second = store(other, there, later, SIGNER)
        assert len(push(other, there)) == 2
        assert len(pull(layout, there)) == 2
        assert stored(layout, there) == [first.digest, second.digest]
        by_tag = [there.engine.digest.replace(":", "-")] * (kind == "distribution")
        assert sorted(tags(there.engine)) == sorted([*by_tag, "v1"])


def test_a_user_may_push_where_the_registry_asks_for_one(
    layout: Layout, release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By name and password, as distribution asks; nobody is told so."""
    with registry("distribution", tmp_path, users=True) as host:
        there = placed(layout, release, host)
        store(layout, there, PASSING, SIGNER)
        with pytest.raises(CouldNotCheckError, match=r"found HTTP 401 - .*TIDEGATE_REGISTRY_USER"):
            push(layout, there)

        monkeypatch.setenv("TIDEGATE_REGISTRY_USER", USER)
        monkeypatch.setenv("TIDEGATE_REGISTRY_PASSWORD", PASSWORD)

        assert len(push(layout, there)) == 2
        assert len(pull(Layout(tmp_path / "other"), there)) == 2
