"""Entries of the list of images: what one may be, and what a verdict on a scan comes to."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from tidegate.findings import Finding, FindingsError
from tidegate.supply.images import Image, fill, parse_images
from tidegate.supply.registry import with_digests
from tidegate.supply.scan import as_json

DIGESTS = st.text("0123456789abcdef", min_size=64, max_size=64).map("sha256:{}".format)
NAMES = st.lists(st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True), min_size=1, unique=True)
FINDING = Finding("a", "b", "c", "d", "e", "f")


def text(*names: str, **change: object) -> str:
    """A list of images of these names, with comments between them."""
    head = "apiVersion: tidegate.dev/v1alpha1\nkind: ImageList\nmetadata: {name: a}\nspec:\n"
    entries = "".join(
        f"    # about {name}\n    - name: {name}\n"
        f"      repository: {json.dumps(change.get('repository', f'r.example/{name}'))}\n"
        f"      tag: {json.dumps(change.get('tag', '1'))}\n"
        f"      digest: {json.dumps(change.get('digest'))}\n      for: tests\n"
        for name in names
    )
    return f"{head}  images:\n{entries}"


@settings(max_examples=30)
@given(names=NAMES, data=st.data())
def test_digests_go_to_the_images_of_their_names(names: list[str], data: st.DataObject) -> None:
    """Any of them, in any order; every other line stays as it is."""
    old = text(*names)
    digests = data.draw(st.dictionaries(st.sampled_from(names), DIGESTS))
    new = with_digests(old, digests)

    entries = YAML(typ="safe").load(new)["spec"]["images"]
    assert {one["name"]: one["digest"] for one in entries} == dict.fromkeys(names) | digests
    pairs = zip(old.splitlines(), new.splitlines(), strict=True)
    assert sum(a != b for a, b in pairs) == len(digests)
    assert with_digests(new, digests) == new


@given(names=NAMES, digest=DIGESTS)
def test_every_placeholder_in_a_word_is_filled(names: list[str], digest: str) -> None:
    """What stands between them stays."""
    images = parse_images(text(*names, digest=digest))
    word = "<" + "|".join(f"{{image:{name}}}" for name in names) + ">"

    assert fill(word, lambda: images) == (
        "<" + "|".join(f"r.example/{name}:1@{digest}" for name in names) + ">"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"repository": "redis"},
        {"repository": "Docker.example/a"},
        {"repository": "r.example/a:1"},
        {"repository": "r.example/"},
        {"tag": ""},
        {"tag": "-1"},
        {"tag": "a b"},
        {"tag": "x" * 129},
        {"digest": "sha256:abc"},
        {"digest": f"sha256:{'A' * 64}"},
        {"digest": f"sha256:{'a' * 65}"},
    ],
    ids=str,
)
def test_an_entry_names_registry_tag_and_a_whole_digest(change: dict[str, Any]) -> None:
    """No default of a container engine decides where an image comes from."""
    with pytest.raises(FindingsError, match=rf"\b{next(iter(change))}\b"):
        parse_images(text("a", **change))


def test_two_images_of_one_name_are_refused() -> None:
    """Which of them is meant would depend on the order."""
    with pytest.raises(FindingsError, match="names of their own, not a twice"):
        parse_images(text("a", "b", "a"))


@pytest.mark.parametrize("digest", [None, f"sha256:{'a' * 64}"])
def test_a_reference_has_a_digest_where_it_is_known(digest: str | None) -> None:
    """Behind the tag, so that people still see the version."""
    image = Image(name="a", repository="r.example:5000/a", tag="1", digest=digest, purpose="x")

    assert image.reference == "r.example:5000/a:1" + (f"@{digest}" if digest else "")


@pytest.mark.parametrize(
    ("refused", "doubts", "outcome"),
    [
        ([], [], "pass"),
        ([], [FINDING], "hold"),
        ([FINDING], [], "fail"),
        ([FINDING], [FINDING], "fail"),
    ],
)
def test_a_refusal_outweighs_a_doubt(
    refused: list[Finding], doubts: list[Finding], outcome: str
) -> None:
    """And a doubt outweighs nothing found; the verdict carries both."""
    verdict = json.loads(as_json(refused, doubts))

    assert verdict["outcome"] == outcome
    assert verdict["refused"] == [one.as_dict() for one in refused]
    assert verdict["doubts"] == [one.as_dict() for one in doubts]
