"""Which Applications an environment has, and how the real kubectl reads them."""

import sys
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import ROOT
from tests.unit.rollout.conftest import Stub
from tests.unit.rollout.samples import application

from tidegate.catalog.load import Catalog, load_valid
from tidegate.findings import CouldNotCheckError, FindingsError
from tidegate.rollout.applications import read_applications, wanted_applications


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    """This repository's."""
    return load_valid(ROOT)


def test_applications_are_named_as_the_application_sets_of_each_cluster_name_them(
    catalog: Catalog,
) -> None:
    """A service of an environment has one in each of its clusters."""
    assert wanted_applications(catalog, "dev", "generator") == {
        "dev-west": {"dev-west-generator": "overlays/dev/generator"},
        "lab": {"lab-generator": "overlays/dev/generator"},
    }
    (everything,) = wanted_applications(catalog, "dev", clusters=["dev-west"]).values()
    assert {*everything} == {
        f"dev-west-{name}" for name in ("generator", "namespace", "reranker", "retriever")
    }


@pytest.mark.parametrize(
    "where",
    [("nowhere",), ("dev", "environment"), ("dev", None, ["lab", "production-west"])],
)
def test_where_no_cluster_runs_it_there_is_nothing_to_wait_for(
    where: tuple[Any, ...], catalog: Catalog
) -> None:
    """No such environment, a folder that others include, another environment's cluster."""
    with pytest.raises(FindingsError, match="no cluster runs it; wanted a service of dev on dev-w"):
        wanted_applications(catalog, *where)


def test_an_application_set_that_is_not_understood_is_told(repository: Path) -> None:
    """Its names cannot be known."""
    file = repository / "base" / "argocd" / "applicationset-services.yaml"
    file.write_text(file.read_text().replace("{{.path.basename}}", "{{.path.basename | lower}}"))

    with pytest.raises(FindingsError, match="cannot be worked out"):
        wanted_applications(load_valid(repository), "production", None)


def test_applications_are_read_by_one_request_to_each_argo_cd(stub: Stub) -> None:
    """With kubectl's own contexts; without one it is the present."""
    stub.has(application("a"))
    stub.has(application("b"), application("c"))

    assert read_applications([None, "west"]) == {name: application(name) for name in "abc"}
    path = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"
    assert [one.partition("?")[0] for one in stub.asked] == [path, path]


FORBIDDEN = 'applications.argoproj.io is forbidden: User "ci" cannot list resource "applications"'


def test_a_cluster_that_refuses_says_so_in_one_line(stub: Stub) -> None:
    """As the API server words it."""
    stub.refuses(403, "Forbidden", FORBIDDEN)

    with pytest.raises(CouldNotCheckError) as raised:
        read_applications([None])

    assert str(raised.value) == (
        "present context: applications.argoproj.io: cannot be read; wanted the Applications in "
        f"namespace argocd, found Error from server (Forbidden): {FORBIDDEN} - "
        "check `kubectl config get-contexts` and that you may list them"
    )


def test_a_cluster_without_argo_cd_has_no_such_resource(stub: Stub) -> None:
    """It is not an empty list."""
    stub.refuses(404, "NotFound", "the server could not find the requested resource")

    with pytest.raises(CouldNotCheckError, match=r"found Error from server .*could not find"):
        read_applications([None])


@pytest.mark.usefixtures("stub")
@pytest.mark.parametrize(
    ("context", "found"),
    [("down", "connection .*127.0.0.1:9 was refused"), ("absent", 'context "absent" does not')],
)
def test_no_cluster_cannot_be_checked(context: str, found: str) -> None:
    """One that does not listen, and a context that kubectl does not know."""
    with pytest.raises(CouldNotCheckError, match=f"context {context}: .* found .*{found}"):
        read_applications([context])


@pytest.mark.parametrize("answer", [[], {"kind": "Other"}, {"items": None}, "text"])
def test_an_answer_that_is_no_list_cannot_be_checked(answer: object, stub: Stub) -> None:
    """A proxy in between answers 200 to everything."""
    stub.answers.append((200, answer))

    with pytest.raises(CouldNotCheckError, match="an answer that is no list of them"):
        read_applications([None])


def test_without_kubectl_nothing_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lies beside Python."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))

    with pytest.raises(CouldNotCheckError, match="No such file or directory"):
        read_applications([None])
