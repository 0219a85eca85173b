"""What ApplicationSets generate, worked out as Argo CD would."""

from typing import Any

import pytest

from tidegate.manifests.argocd import NotUnderstoodError, applications, fill
from tidegate.manifests.objects import selects

SECRET = {
    "metadata": {"labels": {"tidegate.dev/environment": "dev", "tier": "gpu"}},
    "stringData": {"name": "west", "server": "https://kubernetes.default.svc"},
}
FOLDERS = ["overlays/dev/generator", "overlays/dev/retriever", "overlays/production/generator"]
CLUSTERS = {"clusters": {"selector": {"matchLabels": {"tier": "gpu"}}}}
ENVIRONMENT = '{{index .metadata.labels "tidegate.dev/environment"}}'


def generated(*generators: dict[str, Any], name: str = "{{.name}}") -> list[str]:
    """The names of the Applications that these generators make."""
    template = {"metadata": {"name": name}}
    found = applications(
        {"spec": {"generators": list(generators), "template": template}}, SECRET, FOLDERS
    )
    return [one["metadata"]["name"] for one in found]


def matrix(*generators: dict[str, Any]) -> dict[str, Any]:
    """Two generators multiplied."""
    return {"matrix": {"generators": list(generators)}}


def git(*paths: str, without: str | None = None) -> dict[str, Any]:
    """A git generator of these directories."""
    entries: list[dict[str, Any]] = [{"path": path} for path in paths]
    if without:
        entries.append({"path": without, "exclude": True})
    return {"git": {"directories": entries}}


def test_a_cluster_is_chosen_by_its_labels() -> None:
    """One Application for the cluster, none where its labels differ."""
    other = {"clusters": {"selector": {"matchLabels": {"tier": "cpu"}}}}

    assert generated(CLUSTERS, other) == ["west"]


def test_a_matrix_fills_the_second_generator_from_the_first() -> None:
    """The cluster's environment decides which folders are found."""
    found = generated(
        matrix(CLUSTERS, git(f"overlays/{ENVIRONMENT}/*")), name="{{.name}}-{{.path.basename}}"
    )

    assert found == ["west-generator", "west-retriever"]


def test_a_list_multiplies_the_clusters() -> None:
    """Each element once for each cluster that matches."""
    elements = {"list": {"elements": [{"chart": "keda"}, {"chart": "istiod"}]}}

    assert generated(matrix(CLUSTERS, elements), name="{{.chart}}") == ["keda", "istiod"]


def test_a_folder_that_is_excluded_is_not_found() -> None:
    """An exclusion wins over every inclusion."""
    found = generated(git("overlays/dev/*", without="*/retriever"), name="{{.path.path}}")

    assert found == ["overlays/dev/generator"]


def test_a_unit_that_two_generators_find_is_generated_twice() -> None:
    """Argo CD would refuse the second of the name; here it is seen before."""
    assert len(generated(git("overlays/dev/*"), git("*/generator"), name="x")) == 4


@pytest.mark.parametrize(
    ("generator", "said"),
    [
        ({"plugin": {}}, "generator plugin"),
        ({"clusters": {}}, "generator clusters"),
        (matrix(CLUSTERS), "generator matrix"),
    ],
)
def test_a_generator_that_is_not_worked_out_is_named(generator: dict[str, Any], said: str) -> None:
    """It is never taken for one that generates nothing."""
    with pytest.raises(NotUnderstoodError, match=said):
        generated(generator)


@pytest.mark.parametrize(
    "template", ["{{.missing}}", "{{.name | upper}}", '{{index .metadata.labels "absent"}}']
)
def test_a_template_without_a_value_is_named(template: str) -> None:
    """As Argo CD does with `missingkey=error`."""
    with pytest.raises(NotUnderstoodError):
        fill([{"key": template}], {"name": "west", "metadata": {"labels": {}}})


def test_what_is_no_template_stays_as_it_is() -> None:
    """Numbers, truth values and plain text are kept."""
    value = {"limit": 5, "heal": True, "items": ["$values/base", None]}

    assert fill(value, {}) == value


@pytest.mark.parametrize(
    ("operator", "values", "chosen"),
    [
        ("Exists", [], True),
        ("DoesNotExist", [], False),
        ("In", ["gpu", "cpu"], True),
        ("In", ["cpu"], False),
        ("NotIn", ["cpu"], True),
        ("NotIn", ["gpu"], False),
    ],
)
def test_an_expression_selects_by_its_operator(
    operator: str, values: list[str], *, chosen: bool
) -> None:
    """The four operators of a Kubernetes label selector."""
    rule = {"key": "tier", "operator": operator, "values": values}

    assert selects({"matchExpressions": [rule]}, {"tier": "gpu"}) is chosen


def test_an_absent_label_is_in_no_set() -> None:
    """`NotIn` holds for an object without the label, as in Kubernetes."""
    rule = {"key": "tier", "values": ["gpu"]}

    assert not selects({"matchExpressions": [rule | {"operator": "In"}]}, {})
    assert selects({"matchExpressions": [rule | {"operator": "NotIn"}]}, {})
