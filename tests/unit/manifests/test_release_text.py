"""A release is written into a kustomization as its own lines and nothing else."""

import pytest
from ruamel.yaml import YAML
from tests.unit.manifests.samples import release

from tidegate.findings import FindingsError
from tidegate.manifests.release import read_release, with_components, with_release

OLD, NEW = release("a", "v1"), release("b", "v2")

BLOCK = """\
images:
  - name: REPLACE_ME-engine
    newName: registry.example/engine
    newTag: v2
    digest: sha256:{digit}
  - name: REPLACE_ME-model
    newName: registry.example/model
    newTag: v2
    digest: sha256:{digit}
""".format(digit="b" * 64)

HOUSE = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - ../../../base/services/generator
labels:
  - pairs:
      tidegate.dev/environment: dev
    includeTemplates: true
"""
COMMENTED = """\
# what it is

apiVersion: "kustomize.config.k8s.io/v1beta1"   # quoted
kind: 'Kustomization'

# before the resources
resources: # the base
  - ../base   # three spaces

# the end
"""
PATCHED = """\
---
kind: Kustomization
resources:
- one
-   two
patches:
- target: {kind: Deployment,   name: "x"}
  patch: |-
    - {op: replace, path: /metadata/name, value: generator}
labels: [{pairs: {a: "1"}}]
namePrefix: ~
description: folded
  over two lines
"""


@pytest.mark.parametrize("text", [HOUSE, COMMENTED, PATCHED], ids=["house", "comments", "foreign"])
def test_a_first_release_is_appended_and_nothing_else_moves(text: str) -> None:
    """Indentation, flow style, comments, quotes and the document mark all stay."""
    written = with_release(text, NEW)

    assert text + BLOCK == written


@pytest.mark.parametrize("empty", ["images:\n", "images: []\n", "images: {}\n"])
def test_an_empty_list_of_images_is_replaced_where_it_stands(empty: str) -> None:
    """The key does not appear a second time, and what follows keeps its comment."""
    before, after = "kind: Kustomization\n", "\n# the resources\nresources:\n  - a\n"

    written = with_release(before + empty + after, NEW)

    assert before + BLOCK + after == written


@pytest.mark.parametrize("end", ["", "\n...\n"], ids=["no newline", "end mark"])
def test_a_file_that_does_not_end_in_a_newline_is_ended_first(end: str) -> None:
    """The entries never continue the last line, and never follow the end of the document."""
    written = with_release("kind: Kustomization" + end, NEW)

    assert written == "kind: Kustomization\n" + BLOCK


REVERSED = """\
kind: Kustomization
images: # by `tidegate promote`
  # the model
  - digest: "{model_digest}" # of the artifact
    newTag: '{tag}'
    name: REPLACE_ME-model
    newName:   registry.example/model

  # the engine
  - newName: "registry.example/engine"
    name: "REPLACE_ME-engine"
    newTag: {tag}
    digest: {engine_digest}   # of the image
labels:
- pairs: {{a: b}}
"""
FLOW = """\
images: [{{name: REPLACE_ME-engine, newName: registry.example/engine, newTag: {tag},
    digest: {engine_digest}}},
  {{digest: '{model_digest}',newTag: "{tag}", newName: registry.example/model,
    name: REPLACE_ME-model}}]
kind: Kustomization
"""


@pytest.mark.parametrize("form", [REVERSED, FLOW], ids=["model first", "flow"])
def test_a_release_takes_the_place_of_the_old_one_value_by_value(form: str) -> None:
    """Order of entries and keys, comments, spaces and each value's own quotes stay."""
    shown = [
        form.format(tag=r.engine.tag, engine_digest=r.engine.digest, model_digest=r.model.digest)
        for r in (OLD, NEW)
    ]

    written = with_release(shown[0], NEW)

    assert shown[1] == written


def test_the_same_release_again_changes_no_byte() -> None:
    """Promoting what runs is no difference."""
    once = with_release(COMMENTED, NEW)

    assert once == with_release(once, NEW)


@pytest.mark.parametrize(
    "images",
    [
        "  - name: busybox\n    newTag: '1'\n",
        "  - name: REPLACE_ME-model\n    newName: a/b\n    newTag: v1\n",
        "  just text\n",
    ],
    ids=["another image", "half a release", "no list"],
)
def test_what_is_no_release_is_written_over(images: str) -> None:
    """The text then holds the release and no rest of what stood there."""
    written = with_release(f"images:\n{images}kind: Kustomization\n", NEW)

    assert written == BLOCK + "kind: Kustomization\n"


ENTRY = {
    "name": "REPLACE_ME-engine",
    "newName": "registry.example/engine",
    "newTag": "v1",
    "digest": f"sha256:{'a' * 64}",
}
MODEL = ENTRY | {"name": "REPLACE_ME-model", "newName": "registry.example/model"}


@pytest.mark.parametrize(
    ("entries", "found"),
    [
        ([ENTRY], "'REPLACE_ME-model'"),
        ([MODEL], "'REPLACE_ME-engine'"),
        ([ENTRY, ENTRY], "'REPLACE_ME-model'"),
        (
            [ENTRY, ENTRY | {"digest": f"sha256:{'f' * 64}"}, MODEL],
            "REPLACE_ME-engine, REPLACE_ME-engine, REPLACE_ME-model",
        ),
        (
            [
                ENTRY,
                MODEL,
                ENTRY | {"name": "registry.example/engine", "newName": "evil.example/x"},
            ],
            "REPLACE_ME-engine, REPLACE_ME-model, registry.example/engine",
        ),
        ([{k: v for k, v in ENTRY.items() if k != "digest"}, MODEL], "'digest'"),
        ([{k: v for k, v in ENTRY.items() if k != "newTag"}, MODEL], "'newTag'"),
        ([ENTRY, MODEL | {"digest": "sha256:aa"}], "'registry.example/model:v1@sha256:aa' is not"),
        ([ENTRY, MODEL | {"newName": "UPPER/model"}], "'UPPER/model:v1@sha256:aaaaaaaaaa"),
        (["REPLACE_ME-engine"], "string indices must be integers"),
        (7, "object of type 'int' has no len()"),
    ],
)
def test_anything_but_one_pinned_engine_and_one_pinned_model_is_refused(
    entries: object, found: str
) -> None:
    """A third entry counts too: Kustomize applies one after the other, so it would change them."""
    with pytest.raises(FindingsError, match="not a release") as refused:
        read_release({"images": entries}, file="overlays/dev/generator/kustomization.yaml")

    line = str(refused.value)
    assert line.startswith("overlays/dev/generator/kustomization.yaml: images: not a release;")
    assert f", found {found}" in line


@pytest.mark.parametrize("kustomization", [{}, {"images": None}, {"images": []}])
def test_a_unit_that_was_never_promoted_has_no_release(kustomization: dict[str, object]) -> None:
    """Absence is None, never an empty release."""
    assert read_release(kustomization, file="any") is None


def test_components_are_set_where_they_stand() -> None:
    """Only the list changes; the comment of the next key stays with it."""
    text = "kind: Kustomization\ncomponents:\n  - a # old\n  - b\n\n# labels\nlabels: [{a:  b}]\n"
    wanted = "kind: Kustomization\ncomponents:\n  - c\n\n# labels\nlabels: [{a:  b}]\n"

    assert wanted == with_components(text, ["c"])


def test_components_are_added_where_there_were_none() -> None:
    """They are appended, in the order given."""
    written = with_components(HOUSE, ["b", "a"])

    assert written == HOUSE + "components:\n  - b\n  - a\n"
    assert YAML(typ="safe", pure=True).load(written)["components"] == ["b", "a"]
