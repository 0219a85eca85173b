"""The registry says what git says, whatever it said before; what is somebody else's stays."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import replace
from threading import Barrier

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.conftest import Cli, Ran
from tests.unit.modelregistry.stub import Model, Registry, serving
from tests.unit.promotion.conftest import ENVIRONMENTS, Fork
from tests.unit.promotion.test_promotion_index import RELEASE

from tidegate.modelregistry.mlflow import ModelRegistry
from tidegate.modelregistry.reconcile import Change, Wanted, reconcile
from tidegate.promotion.promote import rollback

OTHER = replace(RELEASE, model=replace(RELEASE.model, tag="v9"))
FILE = "overlays/dev/generator/kustomization.yaml"


def run(cli: Cli, forked: Fork, registry: Registry, *options: str) -> Ran:
    """`tidegate registry reconcile` on a fork and the stub."""
    root = str(forked.git.path)
    return cli("registry", "reconcile", "--url", registry.url, "--root", root, *options)


@pytest.fixture
def linked(running: Fork, registry: Registry, cli: Cli) -> Fork:
    """A fork whose generator runs v2 on dev and v1 elsewhere, and the registry says so."""
    running.to_dev("v2")
    assert run(cli, running, registry).code == 0
    registry.writes.clear()
    return running


def test_each_release_is_a_version_and_each_environment_an_alias(
    linked: Fork, registry: Registry, cli: Cli
) -> None:
    """Told by digests, with the evidence; a second run finds nothing to do."""
    model = registry.models["generator"]
    newest, *_, first = linked.records()

    assert model.aliases == {"dev": "2", "staging": "1", "production": "1"}
    assert model.versions["2"] == {
        "tidegate.engine": str(newest.release.engine),
        "tidegate.model": str(newest.release.model),
        "tidegate.release": str(newest.release),
        "tidegate.version": "1.1.0",
        "tidegate.evidence": newest.evidence,
        "tidegate.gates": "pass 1/1",
        "tidegate.commit": newest.commit,
    }
    assert model.sources["1"] == f"oci://{first.release.model}"
    assert list(registry.models) == ["generator"]
    again = run(cli, linked, registry)
    assert (again.code, again.out, registry.writes) == (0, "the registry says what git says\n", [])


def test_a_rollback_is_told_by_the_alias_alone(linked: Fork, registry: Registry, cli: Cli) -> None:
    """The version that was left stays, and is the same one when it comes back."""
    rollback(linked.git, "generator", "dev", "slow")

    ran = run(cli, linked, registry)

    assert "generator@dev: alias: 2 -> 1\n" in ran.out
    assert registry.models["generator"].aliases["dev"] == "1"
    assert len(registry.models["generator"].versions) == 2


def test_what_no_promotion_put_there_has_no_alias(
    linked: Fork, registry: Registry, cli: Cli
) -> None:
    """A release by hand is not what the registry may call dev."""
    linked.replace(FILE, "newTag: v2", "newTag: v2-hotfix")

    ran = run(cli, linked, registry)

    assert ran.out == "generator@dev: alias: 2 -> nothing\n1 changes\n"
    assert set(registry.models["generator"].aliases) == {"staging", "production"}


def lose_model(registry: Registry) -> None:
    """The whole registered model is gone."""
    del registry.models["generator"]


def tell_twice(registry: Registry) -> None:
    """The newest release has a second version, which some aliases stand for."""
    model = registry.models["generator"]
    second = model.add(model.versions["2"])
    model.aliases |= {"dev": second, "champion": second}


def lose_version(registry: Registry) -> None:
    """A version is gone, and its aliases with it."""
    model = registry.models["generator"]
    del model.versions["2"], model.aliases["dev"]


def in_model(change: Callable[[Model], object]) -> Callable[[Registry], object]:
    """A change of the registered model."""
    return lambda registry: change(registry.models["generator"])


@pytest.mark.parametrize(
    ("drift", "says"),
    [
        pytest.param(
            in_model(lambda model: model.aliases.pop("staging")),
            ["generator@staging: alias differs; wanted 1, found nothing"],
            id="alias deleted",
        ),
        pytest.param(
            in_model(lambda model: model.aliases.update(production="2")),
            ["generator@production: alias differs; wanted 1, found 2"],
            id="alias moved",
        ),
        pytest.param(
            in_model(lambda model: model.versions["1"].pop("tidegate.gates")),
            ["tag tidegate.gates differs; wanted pass 1/1, found nothing"],
            id="tag lost",
        ),
        pytest.param(
            in_model(lambda model: model.versions["2"].update({"tidegate.evidence": "none"})),
            ["tag tidegate.evidence differs; wanted sha256:"],
            id="tag altered",
        ),
        pytest.param(
            tell_twice,
            [
                "generator@champion: alias differs; wanted 2, found 3",
                "second version differs; wanted nothing, found 3",
                "generator@dev: alias differs; wanted 2, found 3",
            ],
            id="told twice",
        ),
        pytest.param(
            lose_version,
            ["version differs; wanted new, found nothing", "generator@dev: alias differs"],
            id="version deleted",
        ),
        pytest.param(
            lose_model,
            ["generator: registered model differs", *["version differs"] * 2, *["@"] * 3],
            id="model deleted",
        ),
    ],
)
def test_drift_is_told_by_check_and_mended_without_it(
    linked: Fork,
    registry: Registry,
    cli: Cli,
    drift: Callable[[Registry], object],
    says: list[str],
) -> None:
    """--check changes nothing and exits 1, one line for each difference."""
    drift(registry)
    before = deepcopy(registry.models)

    told = run(cli, linked, registry, "--check")

    assert (told.code, registry.models, registry.writes) == (1, before, [])
    lines = told.err.splitlines()
    assert [part in line for part, line in zip(says, lines, strict=True)] == [True] * len(says)
    assert run(cli, linked, registry).code == 0
    assert run(cli, linked, registry, "--check").code == 0
    newest = linked.records()[0]
    number = registry.models["generator"].aliases["dev"]
    tags = registry.models["generator"].versions[number]
    assert tags["tidegate.evidence"] == newest.evidence


def test_what_is_somebody_elses_stays(linked: Fork, registry: Registry, cli: Cli) -> None:
    """Versions without the digests, other aliases, other models."""
    model = registry.models["generator"]
    foreign = model.add({"owner": "research"})
    model.aliases |= {"champion": foreign, "staging": foreign}
    registry.models["forecast"] = Model(aliases={"dev": "1"})

    assert run(cli, linked, registry).out == "generator@staging: alias: 3 -> 1\n1 changes\n"

    assert model.versions[foreign] == {"owner": "research"}
    assert model.aliases == {"champion": foreign, "dev": "2", "staging": "1", "production": "1"}
    assert registry.models["forecast"] == Model(aliases={"dev": "1"})


def test_of_two_versions_of_a_release_the_first_stays(
    linked: Fork, registry: Registry, cli: Cli
) -> None:
    """With what stood for the other one, somebody else's aliases too."""
    tell_twice(registry)

    assert run(cli, linked, registry).code == 0

    model = registry.models["generator"]
    assert list(model.versions) == ["1", "2"]
    assert model.aliases == {"champion": "2", "dev": "2", "staging": "1", "production": "1"}


@pytest.mark.parametrize(
    "together",
    [
        pytest.param(["registered-models/get", "model-versions/create"], id="both make each"),
        pytest.param(["registered-models/get"], id="as it comes"),
    ],
)
def test_two_runs_at_once_make_each_version_once(registry: Registry, together: list[str]) -> None:
    """Neither sees a model when it begins; what both made, both take away, and one is there."""
    registry.together = {name: Barrier(2, timeout=60) for name in together}
    releases = {RELEASE: TAGS, OTHER: TAGS | {"tidegate.model": "n", "tidegate.release": "s"}}
    wanted = [Wanted("generator", releases, {"dev": OTHER, "staging": RELEASE})]

    def run_once(_: int) -> list[Change]:
        with ModelRegistry(registry.url) as client:
            return reconcile(client, wanted)

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(run_once, range(2)))

    registry.together.clear()
    registry.writes.clear()
    model = registry.models["generator"]
    held = {tags["tidegate.model"]: number for number, tags in model.versions.items()}
    assert len(held) == len(model.versions) == 2
    assert model.aliases == {"dev": held["n"], "staging": held["m"]}
    assert (run_once(0), registry.writes) == ([], [])
    if len(together) > 1:
        assert sum(one.what == "second version" for own in done for one in own) >= 2


def test_drift_is_told_as_data(linked: Fork, registry: Registry, cli: Cli) -> None:
    """For machines, with the same exit code."""
    registry.models["generator"].aliases.pop("dev")

    ran = run(cli, linked, registry, "--check", "--json")

    assert ran.code == 1
    assert '"object": "generator@dev"' in ran.out


TAGS = {"tidegate.engine": "e", "tidegate.model": "m", "tidegate.release": "r"}
values = st.sampled_from("emrx")
models = st.tuples(
    st.lists(st.dictionaries(st.sampled_from([*TAGS, "owner"]), values), max_size=4),
    st.dictionaries(st.sampled_from([*ENVIRONMENTS, "champion"]), st.integers(1, 4)),
)


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Registry, ModelRegistry]]:
    """A registry for all examples, and its client."""
    with serving() as registry, ModelRegistry(registry.url) as client:
        yield registry, client


DIGESTS = {key: TAGS[key] for key in ("tidegate.engine", "tidegate.model")}


@given(held=models)
@example(held=([DIGESTS, DIGESTS], {"champion": 2}))
@settings(max_examples=40)
def test_one_run_mends_whatever_there_is(
    shared: tuple[Registry, ModelRegistry], held: tuple[list[dict[str, str]], dict[str, int]]
) -> None:
    """The next one changes nothing, and nothing that is not Tidegate's was touched.

    But an alias of a version that was there twice is one of the version that stays.
    """
    (empty, client), (versions, aliases) = shared, held
    wanted = [Wanted("generator", {RELEASE: TAGS}, {"dev": RELEASE, "staging": None})]
    model = empty.models["generator"] = Model()
    for tags in versions:
        model.add(tags)
    model.aliases = {name: f"{n}" for name, n in aliases.items() if n <= len(versions)}
    others = {name: n for name, n in model.aliases.items() if name not in {"dev", "staging"}}
    foreign = {n: dict(t) for n, t in model.versions.items() if not TAGS.items() & t.items()}
    same = {n for n, tags in model.versions.items() if tags.items() >= DIGESTS.items()}

    reconcile(client, wanted)
    empty.writes.clear()

    assert reconcile(client, wanted) == []
    assert empty.writes == []
    assert model.versions[model.aliases["dev"]].items() >= TAGS.items()
    dev = model.aliases["dev"]
    assert model.aliases == {"dev": dev} | {a: dev if n in same else n for a, n in others.items()}
    assert {n: model.versions[n] for n in foreign} == foreign
