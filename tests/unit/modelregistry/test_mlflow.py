"""A registry that does not answer as MLflow does is told in one line, and nothing was done."""

import base64
from collections.abc import Iterator
from contextlib import nullcontext

import pytest
from tests.conftest import Cli
from tests.unit.modelregistry.stub import ANSWERS, RefusedError, Registry, Told
from tests.unit.promotion.conftest import Fork

from tidegate.findings import CouldNotCheckError
from tidegate.modelregistry import mlflow as module
from tidegate.modelregistry.mlflow import ModelRegistry

LAST = "git is not changed, and no promotion waits for it"


@pytest.fixture
def model(registry: Registry) -> Iterator[ModelRegistry]:
    """A client of the stub."""
    with ModelRegistry(registry.url) as found:
        yield found


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ((401, b""), "wanted to be let in, found HTTP 401 - set MLFLOW_TRACKING_TOKEN"),
        ((403, b"<html>"), "wanted to be let in, found HTTP 403 - set MLFLOW_TRACKING_TOKEN"),
        ((500, b"<html>oops</html>"), "wanted HTTP 200, found HTTP 500 - see that it is up"),
        ((404, b"<html>Not Found</html>"), "wanted HTTP 200, found HTTP 404 - see"),
        (
            (429, b'{"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "too\\nmany"}'),
            "found HTTP 429 REQUEST_LIMIT_EXCEEDED: too many - see",
        ),
        (
            (200, b"<html>a page to log in</html>"),
            "wanted an answer of MLflow, found the answer: In",
        ),
        ((200, b"[]"), "wanted an answer of MLflow, found the answer: "),
        ((200, b"{}"), "found registered_model: Field required"),
        (
            (200, b'{"registered_model": {"aliases": {}}}'),
            "found registered_model.aliases: Input sh",
        ),
        (
            (200, b'{"registered_model": {"aliases": [{"alias": "dev", "version": 1}]}}'),
            "found registered_model.aliases.0.version: Input should be a valid string",
        ),
        (
            (200, b'{"registered_model": {"aliases": [{"alias": "dev", "version": "latest"}]}}'),
            "found registered_model.aliases.0.version: String should match",
        ),
    ],
)
def test_an_answer_of_something_else_is_exit_2(
    running: Fork, registry: Registry, cli: Cli, answer: tuple[int, bytes], found: str
) -> None:
    """One line that says what came, and nothing was written."""
    registry.instead = answer

    ran = cli("registry", "reconcile", "--url", registry.url, "--root", running.git.path)

    (line,) = ran.err.splitlines()
    assert (ran.code, registry.writes) == (2, [])
    assert line.startswith(f"{registry.url}: registered-models/get: model registry does not answer")
    assert found in line
    assert LAST in line


def test_a_registry_that_is_down_is_exit_2(running: Fork, cli: Cli) -> None:
    """With --check as without it; a password in its address is not told."""
    url = "http://me:secret@127.0.0.1:1"

    ran = cli("registry", "reconcile", "--check", "--url", url, "--root", running.git.path)

    (line,) = ran.err.splitlines()
    assert ran.code == 2
    assert line.startswith("http://127.0.0.1:1: registered-models/get: model registry does not ans")
    assert "secret" not in line
    assert LAST in line


@pytest.mark.parametrize("url", ["127.0.0.1:5000", "sqlite:///registry.db", "http://[", ""])
def test_what_is_no_address_of_a_server_is_told(url: str) -> None:
    """MLflow's own names for local stores are none either."""
    refused = pytest.raises(CouldNotCheckError, match="model registry does not answer")
    with ModelRegistry(url) as model, refused:
        model.aliases("generator")


@pytest.mark.parametrize(
    ("variables", "sent"),
    [
        ({}, None),
        ({"TOKEN": "t", "USERNAME": "u"}, "Bearer t"),
        ({"USERNAME": "u", "PASSWORD": "p"}, f"Basic {base64.b64encode(b'u:p').decode()}"),
    ],
)
def test_the_credentials_are_those_of_mlflows_own_client(
    registry: Registry,
    model: ModelRegistry,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    sent: str | None,
) -> None:
    """By its variables, and never on the command line."""
    for key, value in variables.items():
        monkeypatch.setenv(f"MLFLOW_TRACKING_{key}", value)

    assert model.aliases("generator") is None

    assert registry.headers.get("authorization") == sent


def test_versions_are_read_from_every_page(model: ModelRegistry) -> None:
    """In the order of their numbers, not of their names."""
    model.create_model("generator")
    made = [model.create_version("generator", "oci://a", {"n": f"{n}"}) for n in range(11)]

    assert [one.version for one in model.versions("generator")] == made
    assert model.versions("generator")[10].tagged == {"n": "10"}


def test_a_version_that_is_deleted_while_others_are_read_hides_none(
    model: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page after it begins one too late; what is read is what is there."""
    model.create_model("generator")
    for _ in range(3):
        model.create_version("generator", "oci://a", {})

    def search(registry: Registry, told: Told) -> Told:
        if told.get("page_token"):
            registry.models["generator"].versions.pop("3", None)
        return Registry.search(registry, told)

    monkeypatch.setitem(ANSWERS, ("GET", "model-versions/search"), search)

    assert [one.version for one in model.versions("generator")] == ["1", "2"]


def test_a_refused_call_says_why(model: ModelRegistry) -> None:
    """With MLflow's own code and words."""
    model.create_model("generator")

    with pytest.raises(CouldNotCheckError, match="HTTP 400 INVALID_PARAMETER_VALUE: Invalid sou"):
        model.create_version("generator", "a", {})
    with pytest.raises(CouldNotCheckError, match="wanted the model nobody, found no such model"):
        model.create_version("nobody", "oci://a", {})


@pytest.mark.parametrize("code", ["BAD_REQUEST", "TEMPORARILY_UNAVAILABLE"])
@pytest.mark.parametrize("refusals", [3, 4])
def test_a_write_that_another_one_is_in_the_way_of_is_tried_again(
    registry: Registry,
    model: ModelRegistry,
    monkeypatch: pytest.MonkeyPatch,
    code: str,
    refusals: int,
) -> None:
    """As MLflow tells that its database has another writer; and told where it stays so."""
    monkeypatch.setattr(module, "_PAUSE_SECONDS", 0)
    model.create_model("generator")
    left = [code] * refusals

    def point(own: Registry, told: Told) -> Told:
        if left:
            raise RefusedError(left.pop(), "UNIQUE constraint failed: registered_model_aliases")
        return Registry.point(own, told)

    monkeypatch.setitem(ANSWERS, ("POST", "registered-models/alias"), point)
    number = model.create_version("generator", "oci://a", {})

    with nullcontext() if refusals < 4 else pytest.raises(CouldNotCheckError, match=code):
        model.point("generator", "dev", number)

    assert registry.models["generator"].aliases == ({"dev": "1"} if refusals < 4 else {})


def test_what_somebody_else_just_did_is_done(model: ModelRegistry) -> None:
    """A model that is there and a version that is gone are what was wanted."""
    model.create_model("generator")
    model.create_model("generator")
    model.delete_version("generator", "1")

    assert model.versions("generator") == []
