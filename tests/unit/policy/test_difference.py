"""`tidegate diff` and `tidegate explain`: what changes, in words, and where a field comes from."""

import json
from typing import Any

import pytest
from tests.conftest import Cli
from tests.unit.policy.samples import parent, scope, sound

from tidegate.policy.difference import Change, differences, markdown
from tidegate.policy.scope import Scope
from tidegate.promotion.git import Repository

CLUSTERS = {"production": ("west", "east")}


def unit(objects: dict[str, Any]) -> Scope:
    """Objects as those of production/generator."""
    return Scope("production/generator", "x", tuple(objects.values()))


def changed(path: str, value: object) -> list[str]:
    """What is said when one value of the sound objects becomes another."""
    objects = sound()
    place, key = parent(objects, path)
    if value is None:
        del place[key]
    else:
        place[key] = value
    return [one.words for one in differences([unit(sound())], [unit(objects)], CLUSTERS)]


C = "deployment/spec/template/spec/containers/0"


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("deployment/spec/replicas", 3, "replicas added: 3"),
        (f"{C}/resources/limits/memory", "32Gi", "limit of memory 16Gi -> 32Gi"),
        (f"{C}/readinessProbe/periodSeconds", 9, "readiness probe: periodSeconds 5 -> 9"),
        (
            f"{C}/readinessProbe/timeoutSeconds",
            None,
            "readiness probe: timeoutSeconds removed, was 5",
        ),
        (f"{C}/env/3/value", "0", "variable HF_HUB_OFFLINE 1 -> 0"),
        (
            "deployment/spec/template/spec/terminationGracePeriodSeconds",
            60,
            "grace period in seconds 90 -> 60",
        ),
        ("scaledobject/spec/maxReplicaCount", 9, "maximum of replicas 4 -> 9"),
        ("virtualservice/spec/http/0/timeout", "9s", "route primary: timeout 60s -> 9s"),
        ("configmap/data/engine.yaml", "a: 1\n", None),
        ("configmap/metadata/name", "engine-config-aaaaaaaaaa", None),
    ],
)
def test_a_change_is_told_in_words(path: str, value: object, words: str | None) -> None:
    """Replicas, limits, probes, variables, routes have names; a generated name is no change."""
    said = changed(path, value)

    if words is not None:
        assert said == [words]
    elif path.endswith("name"):
        assert said == []
    else:
        assert said[0].startswith("content of engine.yaml: served-model-name: qwen3-8b;")


def test_an_image_is_told_with_its_container() -> None:
    """The release is what changes most often."""
    (said,) = changed(f"{C}/image", "registry.example/engine:v2@sha256:b")

    assert said.startswith("image of engine registry.example/engine:v1@")
    assert said.endswith("-> registry.example/engine:v2@sha256:b")


def test_the_order_of_named_things_is_no_change() -> None:
    """Environment variables that only moved stay as they are."""
    objects = sound()
    objects["deployment"]["spec"]["template"]["spec"]["volumes"].reverse()

    assert differences([unit(sound())], [unit(objects)], CLUSTERS) == []


def test_objects_and_units_that_come_or_go_are_named() -> None:
    """With the clusters on which it happens."""
    objects = sound()
    service = objects.pop("service")

    gone = differences([unit(sound())], [unit(objects)], CLUSTERS)
    come = differences([], [unit({"service": service})], CLUSTERS)

    assert gone == [
        Change("production/generator", ("west", "east"), "Service/generator", "deleted")
    ]
    assert [one.words for one in come] == ["new"]


def test_markdown_has_a_heading_for_each_unit() -> None:
    """As a comment on a pull request."""
    some = [Change("production/generator", ("west",), "Service/generator", "deleted")]

    assert markdown(some) == "### production/generator on west\n\n- `Service/generator`: deleted"
    assert markdown([]) == "Nothing changes in any cluster."


def test_diff_compares_the_files_here_with_a_commit(fork: Repository, cli: Cli) -> None:
    """What is not committed yet counts; a commit that is not there could not be checked."""
    file = fork.path / "base" / "engine" / "deployment.yaml"
    file.write_text(
        file.read_text().replace("progressDeadlineSeconds: 2400", "progressDeadlineSeconds: 2500")
    )

    ran = cli("diff", "--json", "--root", fork.path)
    lost = cli("diff", "nowhere", "--root", fork.path)

    assert {one["words"] for one in json.loads(ran.out)} == {
        "spec.progressDeadlineSeconds 2400 -> 2500"
    }
    assert {tuple(one["clusters"]) for one in json.loads(ran.out)} >= {("production-west",)}
    assert (lost.code, "no such commit" in lost.err) == (2, True)


def test_the_part_of_a_comment_has_the_words_and_the_money(fork: Repository, cli: Cli) -> None:
    """Compared with where the branch left main, whatever main did since."""
    fork.run("checkout", "--quiet", "-b", "change")
    file = fork.path / "base" / "components" / "scaling-keep-warm" / "kustomization.yaml"
    file.write_text(
        file.read_text().replace("maxReplicaCount, value: 4", "maxReplicaCount, value: 6")
    )
    fork.run("commit", "--quiet", "--all", "--message=feat: more")
    fork.run("checkout", "--quiet", "main")
    prices = fork.path / "models" / "prices.yaml"
    prices.write_text(prices.read_text().replace("1.9", "9.1"))
    fork.run("commit", "--quiet", "--all", "--message=feat: dearer")
    fork.run("checkout", "--quiet", "change")

    ran = cli("diff", "main", "--format", "markdown", "--root", fork.path)

    assert ran.code == 0
    assert "- `ScaledObject/generator`: maximum of replicas 4 -> 6\n" in ran.out
    assert "\n## What it costs\n" in ran.out
    assert "| production/generator | 3.80 to 7.60 | 3.80 to 11.40 | 0.00 to 3.80 |" in ran.out


def test_a_state_that_cannot_be_compared_is_told_in_the_comment_too(
    fork: Repository, cli: Cli
) -> None:
    """Silence would look like a change of nothing."""
    ran = cli("diff", "nowhere", "--format", "markdown", "--root", fork.path)

    assert ran.code == 2
    assert ran.out.startswith("## What changes\n\nThis cannot be told:\n\n- ")
    assert "no such commit" in ran.out


def test_explain_names_the_line_that_sets_a_field(repository: Any, cli: Cli) -> None:  # noqa: ANN401 - a path
    """Found by changing it: a value from the model's file reaches the node affinity."""
    rule = "requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms.0.matchExpressions.0"
    field = f"Deployment.spec.template.spec.affinity.nodeAffinity.{rule}.values.0"
    ran = cli("explain", "production/generator", field, "--json", "--root", repository)
    lost = cli("explain", "production/generator", "Deployment.spec.nothing", "--root", repository)

    found = json.loads(ran.out)
    assert found["value"] == "nvidia-l40s"
    assert [place["file"] for place in found["places"]] == ["models/qwen3-8b/model.yaml"]
    assert (lost.code, "no such field" in lost.err) == (1, True)


def test_a_scope_without_a_change_says_nothing() -> None:
    """Two renderings of the same are the same."""
    assert differences([scope(sound())], [scope(sound())], {}) == []
