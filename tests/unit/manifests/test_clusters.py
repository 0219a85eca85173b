"""What a cluster's rendered Argo CD objects promise, beyond what a broken fixture shows."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from ruamel.yaml import YAML
from tests.conftest import ROOT

from tidegate.catalog.load import load_valid
from tidegate.manifests.clusters import generate, unit_folders
from tidegate.manifests.graph import find_links
from tidegate.manifests.projects import of_kind
from tidegate.manifests.render import render
from tidegate.manifests.units import Folder, find_folders

CLUSTERS = sorted(path.name for path in ROOT.glob("clusters/*/"))
PROTECTED = {"Prune=confirm", "Delete=confirm"}
BERLIN = ZoneInfo("Europe/Berlin")


def objects(cluster: str, kind: str) -> dict[str, dict[str, Any]]:
    """The objects of a kind that a cluster renders, by name."""
    rendered = render(Folder(ROOT, f"clusters/{cluster}"))
    return {one["metadata"]["name"]: dict(one) for one in of_kind(rendered.objects, kind)}


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_a_cluster_s_secret_carries_its_labels_and_no_credential(cluster: str) -> None:
    """Environment and region are those of cluster.yaml; the API server is the one inside."""
    spec = load_valid(ROOT).clusters[cluster].spec
    (secret,) = objects(cluster, "Secret").values()

    assert secret["metadata"]["labels"]["tidegate.dev/environment"] == spec.environment
    assert secret["metadata"]["labels"]["tidegate.dev/region"] == spec.region
    assert secret["stringData"] == {
        "name": cluster,
        "server": "https://kubernetes.default.svc",
        "config": '{"tlsClientConfig": {"insecure": false}}',
    }


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_definitions_come_before_controllers_before_policies_before_services(cluster: str) -> None:
    """The order of the sync waves; AppProjects are there first."""
    sets = objects(cluster, "ApplicationSet")
    projects = objects(cluster, "AppProject").values()
    waves = {
        name: int(one["metadata"].get("annotations", {}).get("argocd.argoproj.io/sync-wave", 0))
        for name, one in sets.items()
    }

    assert sorted(waves, key=waves.__getitem__) == [
        "platform-crds",
        "platform-operators",
        "platform",
        "services",
    ]
    assert len(set(waves.values())) == len(waves)
    for project in projects:
        wave = project["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"]
        assert int(wave) < min(waves.values())


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_nothing_of_the_platform_is_deleted_without_a_person(cluster: str) -> None:
    """Pruning a definition would delete every object of its kind."""
    sets = objects(cluster, "ApplicationSet")

    for name in ("platform-crds", "platform-operators", "platform"):
        assert set(sets[name]["spec"]["template"]["spec"]["syncPolicy"]["syncOptions"]) >= PROTECTED
    for one in sets.values():
        assert one["spec"]["syncPolicy"] == {"preserveResourcesOnDeletion": True}


def test_replicas_weights_and_routes_of_a_canary_have_one_writer() -> None:
    """Argo CD leaves alone what a scaler and a rollout write, down to the field."""
    spec = objects("production-west", "ApplicationSet")["services"]["spec"]["template"]["spec"]
    left = {
        one["kind"]: [*one.get("jsonPointers", []), *one.get("jqPathExpressions", [])]
        for one in spec["ignoreDifferences"]
    }

    assert left.pop("Deployment") == left.pop("Rollout") == ["/spec/replicas"]
    assert left.pop("Service") == ["/spec/selector/rollouts-pod-template-hash"]
    assert left.pop("DestinationRule") == ['.spec.subsets[].labels["rollouts-pod-template-hash"]']
    weights, routes = left.pop("VirtualService")
    assert weights == ".spec.http[].route[].weight"
    assert left == {}
    managed = {
        route["name"]
        for name in ("production/generator", "examples/shadow")
        for one in render(Folder(ROOT, f"overlays/{name}")).objects
        if one["kind"] == "Rollout"
        for route in one["spec"]["strategy"]["canary"]["trafficRouting"]["managedRoutes"]
    }
    assert set(re.findall(r'"([\w-]+)"', routes)) == managed


def test_only_production_has_a_change_freeze() -> None:
    """Services of production alone; a person may still sync by hand."""
    windows = {
        cluster: objects(cluster, "AppProject")["services"]["spec"].get("syncWindows")
        for cluster in CLUSTERS
    }
    (window,) = windows.pop("production-west")

    assert set(windows.values()) == {None}
    assert window["manualSync"] is True
    assert window["namespaces"] == ["llm-production"]


def frozen(moment: datetime) -> bool:
    """Whether production's window of `minute hour * * weekday` and whole hours is open then."""
    (window,) = objects("production-west", "AppProject")["services"]["spec"]["syncWindows"]
    minute, hour, _, _, weekday = window["schedule"].split()
    local = moment.astimezone(ZoneInfo(window["timeZone"]))
    back = (local.isoweekday() - int(weekday)) % 7
    start = (local - timedelta(days=back)).replace(hour=int(hour), minute=int(minute))
    if start > local:
        start -= timedelta(days=7)
    length = timedelta(hours=int(window["duration"].removesuffix("h")))
    return local.astimezone(UTC) < start.astimezone(UTC) + length


@pytest.mark.parametrize(
    ("moment", "closed"),
    [
        (datetime(2026, 11, 27, 15, 59, tzinfo=BERLIN), False),
        (datetime(2026, 11, 27, 16, 0, tzinfo=BERLIN), True),
        (datetime(2026, 11, 29, 12, 0, tzinfo=BERLIN), True),
        (datetime(2026, 11, 30, 7, 59, tzinfo=BERLIN), True),
        (datetime(2026, 11, 30, 8, 0, tzinfo=BERLIN), False),
        (datetime(2027, 3, 29, 8, 59, tzinfo=BERLIN), True),  # clocks went forward on Sunday
        (datetime(2027, 3, 29, 9, 0, tzinfo=BERLIN), False),
        (datetime(2026, 10, 26, 6, 59, tzinfo=BERLIN), True),  # clocks went back on Sunday
        (datetime(2026, 10, 26, 7, 0, tzinfo=BERLIN), False),
    ],
    ids=lambda value: value.isoformat() if isinstance(value, datetime) else None,
)
def test_the_freeze_lasts_from_friday_to_monday(moment: datetime, *, closed: bool) -> None:
    """64 hours from Friday 16:00; an hour more or less by the clock when it changes."""
    assert frozen(moment) is closed


def test_no_role_may_do_everything() -> None:
    """Nobody has a role unless a group is given one, and none reaches another project."""
    settings = objects("production-west", "ConfigMap")["argocd-rbac-cm"]["data"]
    rules = [line.split(", ") for line in settings["policy.csv"].splitlines()]

    assert settings["policy.default"] == ""
    for rule in (rule for rule in rules if rule[0] == "p"):
        _, _, resource, action, target, effect = rule
        assert effect == "allow"
        assert "*" not in {resource, action}
        assert target.split("/")[0] in {"services", "platform", "cluster"} or resource == "clusters"


def test_every_values_file_is_of_a_chart() -> None:
    """A file that no ApplicationSet names would set nothing, and nobody would notice."""
    operators = objects("dev-west", "ApplicationSet")["platform-operators"]["spec"]["generators"]
    charts = {
        element["chart"]
        for generator in operators
        for element in generator["matrix"]["generators"][1]["list"]["elements"]
    }

    assert charts >= {path.stem for path in ROOT.glob("base/platform/*.yaml")}


def test_the_table_of_charts_is_that_of_the_applicationsets() -> None:
    """A version that changes must say anew how far it is known."""
    elements = [
        element
        for one in objects("dev-west", "ApplicationSet").values()
        for generator in one["spec"]["generators"]
        for element in generator["matrix"]["generators"][1].get("list", {}).get("elements", [])
        if "version" in element
    ]
    page = (ROOT / "docs" / "reference" / "platform-charts.md").read_text()
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| ")][1:]

    assert {(row[0].removeprefix("| "), row[1]) for row in rows} == {
        (element["chart"] or f"{element['component']} (git)", element["version"])
        for element in elements
    }


def values(chart: str) -> dict[str, Any]:
    """What a chart is told, as data."""
    found: dict[str, Any] = YAML(typ="safe").load(ROOT / "base" / "platform" / f"{chart}.yaml")
    return found


def folder(name: str) -> list[dict[str, Any]]:
    """The objects of a folder of the platform."""
    return [dict(one) for one in render(Folder(ROOT, name)).objects]


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_every_cluster_has_the_policies_and_its_own_accelerators_counters(cluster: str) -> None:
    """Labels decide: where accelerators are simulated, no operator reads a list of counters."""
    (secret,) = objects(cluster, "Secret").values()
    nvidia = secret["metadata"]["labels"]["tidegate.dev/accelerator"] == "nvidia"
    rendered = render(Folder(ROOT, f"clusters/{cluster}"))
    found = generate(rendered, unit_folders(load_valid(ROOT))).applied() or set()

    assert {"policies", "base/observability", f"clusters/{cluster}"} <= found
    assert ("base/gpu-counters" in found) is nvidia


def test_every_policy_is_bound_and_refuses() -> None:
    """A policy without a binding, or with one that only warns, holds nobody up."""
    kinds = [one["kind"] for one in folder("policies")]
    bindings = of_kind(folder("policies"), "ValidatingAdmissionPolicyBinding")
    policies = of_kind(folder("policies"), "ValidatingAdmissionPolicy")

    assert {one["spec"]["policyName"] for one in bindings} == {
        one["metadata"]["name"] for one in policies
    }
    assert len(bindings) == len(policies) == len(kinds) / 2
    assert all("Deny" in one["spec"]["validationActions"] for one in bindings)
    assert all(one["spec"]["failurePolicy"] == "Fail" for one in policies)


def test_policies_hold_in_the_namespaces_that_are_rendered_here() -> None:
    """The label that bindings select is that of every environment's namespace."""
    namespaces = [
        one["metadata"]["labels"]
        for source in find_folders(ROOT, find_links(ROOT))
        if source.name.endswith("/namespace")
        for one in of_kind(render(source).objects, "Namespace")
    ]

    assert len(namespaces) == 4
    for one in of_kind(folder("policies"), "ValidatingAdmissionPolicyBinding"):
        wanted = one["spec"]["matchResources"]["namespaceSelector"]["matchLabels"]
        assert all(wanted.items() <= labels.items() for labels in namespaces)


def test_the_gpu_operator_reads_the_counters_that_are_applied() -> None:
    """It takes a ConfigMap by its name, and a file of it by its path."""
    (counters,) = folder("base/gpu-counters")
    exporter = values("gpu-operator")["dcgmExporter"]
    (variable,) = exporter["env"]

    assert exporter["config"]["name"] == counters["metadata"]["name"]
    assert variable["value"] in {f"/etc/dcgm-exporter/{name}" for name in counters["data"]}


def test_the_gateway_that_is_installed_is_the_one_that_is_meant() -> None:
    """The chart labels its pods by its name; the Gateway and the scrape select that label."""
    label = {"istio": values("gateway")["name"].removeprefix("istio-")}
    (gateway,) = of_kind(render(Folder(ROOT, "overlays/production/namespace")).objects, "Gateway")
    monitors = of_kind(folder("base/observability"), "PodMonitor")

    assert gateway["spec"]["selector"] == label
    assert label in [one["spec"]["selector"]["matchLabels"] for one in monitors]


def test_whatever_an_example_shows_the_services_project_allows() -> None:
    """Or it could not be copied into an environment."""
    project = objects("production-west", "AppProject")["services"]["spec"]
    allowed = {(one["group"], one["kind"]) for one in project["namespaceResourceWhitelist"]}
    kinds = {
        (one["apiVersion"].rpartition("/")[0], one["kind"])
        for source in find_folders(ROOT, find_links(ROOT))
        if source.name.startswith("examples/")
        for one in render(source).objects
        if one["metadata"].get("namespace") == "llm-examples"
    }

    assert kinds <= allowed


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_people_log_in_by_single_sign_on_without_a_secret(cluster: str) -> None:
    """There is no local administrator, and PKCE needs no client secret in git."""
    settings = objects(cluster, "ConfigMap")["argocd-cm"]["data"]
    login = YAML(typ="safe").load(settings["oidc.config"])

    assert settings["admin.enabled"] == "false"
    assert settings["url"] == f"https://argocd.{cluster}.example"
    assert login["enablePKCEAuthentication"] is True
    assert "clientSecret" not in login
    assert "groups" in login["requestedScopes"]  # what policy.csv names


def test_the_policy_on_rights_leaves_charts_alone() -> None:
    """A selector of namespaces does not leave out a ClusterRole, so its binding names kinds."""
    (binding,) = [
        one
        for one in of_kind(folder("policies"), "ValidatingAdmissionPolicyBinding")
        if one["spec"]["policyName"] == "tidegate-rbac"
    ]
    (rule,) = binding["spec"]["matchResources"]["resourceRules"]

    assert sorted(rule["resources"]) == ["rolebindings", "roles"]
