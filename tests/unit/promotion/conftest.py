"""A fork with a store of proven releases, and ways to look at what a promotion left behind."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.unit.evidence.samples import IDENTITY, SIGNER
from tests.unit.promotion.files import policy_file, policy_text, signers_text, write_hook

from tidegate.catalog.load import load_valid
from tidegate.catalog.objects import LAB_ENGINE_TYPE
from tidegate.evidence.statement import attestations, store
from tidegate.gates.verdict import Measurement, Verdict
from tidegate.manifests.release import Release
from tidegate.manifests.units import find_units
from tidegate.oci import EMPTY, MANIFEST, Layout, Reference
from tidegate.promotion import write as module
from tidegate.promotion.git import Repository
from tidegate.promotion.history import Record, Standing, records, standing
from tidegate.promotion.promote import Promotion, Request, promote

# What each service of this repository runs, which a verdict about it must name.
MODELS = {"generator": "qwen3-8b", "retriever": "bge-m3", "reranker": "bge-reranker-v2-m3"}
ENVIRONMENTS = ("dev", "staging", "production")


def verdict(
    value: float | None = 0.9, *, samples: int = 20, model: str = MODELS["generator"]
) -> Verdict:
    """A verdict of one measurement that wants at least 0.8 on 10 samples."""
    measurement = Measurement(
        gate="quality",
        name="facts",
        value=value,
        unit="share",
        bound="at least",
        threshold=0.8,
        samples=samples,
        min_samples=10,
    )
    return Verdict(model=model, started="2024-01-01T12:00:00Z", measurements=(measurement,))


@dataclass(frozen=True)
class Store:
    """A layout with made-up artifacts and what the gates say about them."""

    layout: Layout

    def reference(self, name: str, tag: str, artifact_type: str) -> Reference:
        """An artifact whose digest follows from its name and tag."""
        descriptor = self.layout.add_manifest(
            artifact_type=artifact_type,
            config=self.layout.add_blob(b"{}", EMPTY),
            layers=[],
            annotations={"name": name, "tag": tag},
        )
        return Reference(f"registry.example/{name}", tag, descriptor["digest"])

    def release(self, tag: str = "v1", *, lab: bool = False) -> Release:
        """A stored engine and a stored model of this version, without evidence."""
        engine = LAB_ENGINE_TYPE if lab else MANIFEST
        return Release(self.reference("engine", tag, engine), self.reference("model", tag, "model"))

    def proven(self, tag: str = "v1", service: str = "generator") -> tuple[Release, str]:
        """A stored release and the digest of evidence that it passes."""
        release = self.release(tag)
        return release, self.prove(release, verdict(model=MODELS[service]))

    def prove(self, release: Release, found: Verdict) -> str:
        """Store a verdict on a release, once; returns the digest of the evidence."""
        believed, _ = attestations(self.layout, release, (IDENTITY,))
        wanted = found.model_dump(mode="json", by_alias=True)
        for one in believed:
            if one.predicate == wanted:
                return one.digest
        return store(self.layout, release, found, SIGNER).digest


@dataclass(frozen=True)
class Fork:
    """A checkout, its bare remote, and the store that promotions read."""

    git: Repository
    remote: Repository
    store: Store

    @classmethod
    def at(cls, folder: Path) -> "Fork":
        """The fork whose parts are in a folder."""
        git, remote = Repository(folder / "repository"), Repository(folder / "remote.git")
        return cls(git, remote, Store(Layout(folder / "store")))

    def parts(self) -> dict[str, Path]:
        """Its folders by name."""
        found = (self.git.path, self.remote.path, self.store.layout.root)
        return {path.name: path for path in found}

    def hook(self, name: str, script: str) -> None:
        """Let the checkout's git run a script."""
        write_hook(self.git.path / ".git" / "hooks" / name, script)

    def promote(self, request: Request) -> Promotion:
        """Promote from the checkout."""
        return promote(self.git, self.store.layout, request)

    def request(
        self, tag: str = "v1", service: str = "generator", *, pull_request: bool = False
    ) -> Request:
        """A request to put a proven release on dev."""
        release, evidence = self.store.proven(tag, service)
        return Request(service, "dev", release, evidence, pull_request=pull_request)

    def to_dev(self, tag: str = "v1", service: str = "generator") -> Promotion:
        """Put a proven release on dev."""
        return self.promote(self.request(tag, service))

    def along(self, *environments: str, service: str = "generator") -> Promotion:
        """Carry what dev runs through these environments."""
        *_, last = [self.promote(Request(service, name)) for name in environments]
        return last

    def state(self) -> tuple[str, ...]:
        """Everything that must not change where nothing happens: refs, files, worktrees."""
        return (
            self.git.run("for-each-ref", "refs/heads"),
            self.remote.run("for-each-ref"),
            self.git.run("status", "--porcelain", "--branch"),
            self.git.run("worktree", "list"),
        )

    @contextmanager
    def untouched(self) -> Iterator[None]:
        """Whatever happens inside, the checkout and the remote stay as they were."""
        before = self.state()
        yield
        assert self.state() == before

    def tip(self, branch: str = "main") -> str:
        """The commit that the remote's branch is at."""
        return self.remote.run("rev-parse", branch).strip()

    def branches(self) -> list[str]:
        """The branches of the remote."""
        return self.remote.run("for-each-ref", "--format=%(refname:short)").split()

    def subjects(self) -> list[str]:
        """The subjects of the remote's main, newest first, up to the first promotion."""
        return self.remote.run("log", "--format=%s", "main").splitlines()[:-1]

    def changed(self, commit: str) -> list[str]:
        """The files that a commit changes."""
        return self.remote.run("show", "--format=", "--name-only", commit).split()

    def worktrees(self) -> int:
        """How many checkouts the repository knows, the caller's own among them."""
        return self.git.run("worktree", "list", "--porcelain").count("worktree ")

    def records(self) -> list[Record]:
        """The promotions that the checkout's history tells of."""
        return records(self.git)

    def standings(self) -> dict[str, Standing]:
        """What each unit of the checkout runs, by its name."""
        units, _ = find_units(load_valid(self.git.path))
        return {found.unit.name: found for found in standing(units, self.records())}

    def write(self, file: str, text: str, message: str = "chore: by hand") -> None:
        """Commit a file by hand and push it."""
        path = self.git.path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        self.git.run("add", "--all")
        self.git.run("commit", "--quiet", f"--message={message}")
        self.git.run("push", "--quiet", "origin", "main")

    def replace(self, file: str, old: str, new: str) -> None:
        """Change a file by hand and push it."""
        text = (self.git.path / file).read_text(encoding="utf-8")
        assert old in text, "it would change nothing"
        self.write(file, text.replace(old, new))

    def clone(self, name: str) -> "Fork":
        """Another writer's clone, with the same store."""
        path = self.git.path.parent / name
        self.remote.run("clone", "--quiet", str(self.remote.path), str(path))
        git = Repository(path)
        git.run("config", "user.name", name)
        git.run("config", "user.email", f"{name}@tidegate.invalid")
        return Fork(git, self.remote, self.store)

    def refuse_pushes(self, script: str = "echo this branch is protected >&2; exit 1") -> None:
        """Let the remote run a script before it takes a push."""
        write_hook(self.remote.path / "hooks" / "pre-receive", script)


@pytest.fixture(scope="session")
def git_settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """No upkeep of repositories that live for a second: a tenth of all processes of git."""
    file = tmp_path_factory.mktemp("git") / "config"
    file.write_text("[gc]\nauto = 0\n[maintenance]\nauto = false\n[receive]\nautogc = false\n")
    return file


@pytest.fixture(autouse=True)
def _own_git_configuration(monkeypatch: pytest.MonkeyPatch, git_settings: Path) -> None:
    """Nothing of the machine's git configuration, and no waiting after a lost race."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(git_settings))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setattr(module, "_BACKOFF_SECONDS", 0)


@pytest.fixture
def own_repository(own_repository: Path) -> Path:
    """This repository without the models that only the lab serves: less to read a promotion.

    Its policies ask for a verdict and no more, signed by the tests' key.
    """
    for folder in (own_repository / "models").glob("*/"):
        if folder.name not in MODELS.values():
            shutil.rmtree(folder)
    for name in ENVIRONMENTS:
        (own_repository / policy_file(name)).write_text(policy_text(name))
    (own_repository / "overlays" / "signers.yaml").write_text(signers_text(pipeline=[IDENTITY]))
    return own_repository


def _copy(source: Path, target: Path) -> None:
    """As shutil.copytree, which takes five times as long."""
    target.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", "--no-target-directory", source, target], check=True)


@dataclass(frozen=True)
class Kept:
    """Forks that one test made for the others: a copy takes a tenth of the time."""

    folder: Path

    def has(self, name: str) -> bool:
        """Whether there is such a fork."""
        return (self.folder / name).exists()

    def keep(self, name: str, forked: Fork) -> None:
        """Keep a fork as it is now, each history in one file."""
        for part, path in forked.parts().items():
            _copy(path, self.folder / name / part)
        kept = Fork.at(self.folder / name)
        for git in (kept.git, kept.remote):
            git.run("repack", "-a", "-d", "-q")

    def give(self, name: str, folder: Path) -> Fork:
        """A fork of one's own, as it was kept."""
        _copy(self.folder / name, folder)
        forked = Fork.at(folder)
        forked.git.run("remote", "set-url", "origin", str(forked.remote.path))
        return forked


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """The forks that tests have in common."""
    return Kept(tmp_path_factory.mktemp("kept"))


@pytest.fixture
def forked(kept: Kept, tmp_path: Path, request: pytest.FixtureRequest) -> Fork:
    """A fork that never promoted, and an empty store beside it."""
    if not kept.has("fork"):
        request.getfixturevalue("fork")
        for hooks in tmp_path.glob("**/hooks"):
            shutil.rmtree(hooks)  # samples
        forked = Fork.at(tmp_path)
        forked.store.layout.root.mkdir()
        kept.keep("fork", forked)
        return forked
    return kept.give("fork", tmp_path)


@pytest.fixture
def running(kept: Kept, tmp_path: Path, request: pytest.FixtureRequest) -> Fork:
    """A fork whose environments all run the generator's v1, promoted one after the other."""
    if not kept.has("running"):
        forked: Fork = request.getfixturevalue("forked")
        forked.to_dev()
        forked.along("staging", "production")
        kept.keep("running", forked)
        return forked
    return kept.give("running", tmp_path)
