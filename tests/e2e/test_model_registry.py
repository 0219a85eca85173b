"""A real MLflow server says what git says, and is mended from git alone."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import httpx
import pytest
from tests.conftest import Cli
from tests.unit.promotion.conftest import Fork
from tests.unit.promotion.test_promotion_index import RELEASE

from tidegate.lab.model_registry import NAME, start_registry
from tidegate.lab.paths import Lab
from tidegate.lab.server import Server, stop
from tidegate.modelregistry.mlflow import ModelRegistry
from tidegate.modelregistry.reconcile import ENGINE, MODEL, Change, Wanted, reconcile
from tidegate.promotion.promote import rollback

ROOT = Path(__file__).parents[2]


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """MLflow as this repository's lab installed it, on an empty database."""
    folder = tmp_path_factory.mktemp("lab")
    (folder / ".lab").mkdir()
    (folder / "requirements").symlink_to(ROOT / "requirements")
    (ROOT / ".lab" / NAME).mkdir(parents=True, exist_ok=True)
    (folder / ".lab" / NAME).symlink_to(ROOT / ".lab" / NAME)
    lab = Lab(folder)
    yield start_registry(lab)
    stop(lab, NAME)


def ask(server: Server, path: str, **body: str) -> httpx.Response:
    """A call of somebody else, by MLflow's own interface."""
    url = f"{server.url}/api/2.0/mlflow/{path}"
    return httpx.request("DELETE", url, json=body, trust_env=False).raise_for_status()


@pytest.fixture
def registry(server: Server) -> Iterator[ModelRegistry]:
    """A look at what it holds."""
    with ModelRegistry(server.url) as found:
        yield found


def test_mlflow_says_what_git_says(
    running: Fork, server: Server, registry: ModelRegistry, cli: Cli
) -> None:
    """From nothing, after a rollback, after somebody's changes, and not while it is down."""
    running.to_dev("v2")
    command = ["registry", "reconcile", "--url", server.url, "--root", running.git.path]

    first = cli(*command)

    assert (first.code, first.out.count("\n")) == (0, 7)
    assert registry.aliases("generator") == {"dev": "2", "staging": "1", "production": "1"}
    tags = registry.versions("generator")[1].tagged
    newest = running.records()[0]
    assert tags["tidegate.model"] == str(newest.release.model)
    assert tags["tidegate.evidence"] == newest.evidence
    assert cli(*command).out == "the registry says what git says\n"

    rollback(running.git, "generator", "dev", "slow")
    assert cli(*command, "--check").code == 1
    assert cli(*command).code == 0
    assert registry.aliases("generator") == dict.fromkeys(("dev", "staging", "production"), "1")

    ask(server, "registered-models/alias", name="generator", alias="staging")
    ask(server, "model-versions/delete", name="generator", version="2")
    assert len(cli(*command, "--check").err.splitlines()) == 2
    assert cli(*command).code == 0
    assert [one.version for one in registry.versions("generator")] == ["1", "3"]

    ask(server, "registered-models/delete", name="generator")
    assert cli(*command).code == 0
    assert len(registry.versions("generator")) == 2
    assert cli(*command, "--check").code == 0


def test_two_runs_at_once_tell_mlflow_once(server: Server, registry: ModelRegistry) -> None:
    """Both begin from nothing; each release is one version then, and each alias right."""
    models = [replace(RELEASE.model, tag=f"v{number}") for number in range(4)]
    releases = {
        replace(RELEASE, model=model): {ENGINE: str(RELEASE.engine), MODEL: str(model)}
        for model in models
    }
    for tags in releases.values():
        tags["tidegate.release"] = tags[MODEL]
    first, *_, last = releases
    wanted = [Wanted("generator", releases, {"dev": last, "staging": first})]
    ready = Barrier(2, timeout=60)

    def run(_: int) -> list[Change]:
        with ModelRegistry(server.url) as client:
            ready.wait()
            return reconcile(client, wanted)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, range(2)))

    held = {one.tagged[MODEL]: one.version for one in registry.versions("generator")}
    assert len(held) == len(registry.versions("generator")) == len(releases)
    assert registry.aliases("generator") == {
        "dev": held[str(last.model)],
        "staging": held[str(first.model)],
    }
    assert reconcile(registry, wanted) == []
