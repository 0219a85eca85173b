"""Any release survives being written and read, in any layout, and Kustomize reads the same."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from tests.unit.manifests.samples import release

from tidegate.manifests.release import Release, read_release, with_release
from tidegate.manifests.render import build
from tidegate.oci import Reference, short

AMBIGUOUS = ["5", "012", "1.10", "1e3", "0x1f", "1_000", "2026-01-01", "y", "NO", "on", "true"]

tags = st.sampled_from(AMBIGUOUS) | st.from_regex(
    r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,30}", fullmatch=True
)
names = st.from_regex(
    r"[a-z0-9][a-z0-9._-]{0,12}(:[0-9]{1,5})?(/[a-z0-9][a-z0-9._-]{0,8}){1,3}", fullmatch=True
)
digests = st.binary(min_size=32, max_size=32).map(lambda found: f"sha256:{found.hex()}")
references = st.builds(Reference, names, tags, digests)
releases = st.builds(Release, references, references)

comments = st.sampled_from(["", " # note", "   # newTag: v9"])
quotes = st.sampled_from(['"', "'"])


def unquoted(value: str) -> bool:
    """Whether a value may stand without quotes."""
    return value not in AMBIGUOUS and not value[0].isdigit()


@st.composite
def entry(draw: st.DrawFn, name: str, reference: Reference) -> str:
    """One entry with its keys in any order, with or without quotes and comments."""
    keys = {"name": name, "newName": reference.name}
    keys |= {"newTag": reference.tag, "digest": reference.digest}
    lines = []
    for key in draw(st.permutations(list(keys))):
        quote = "" if unquoted(keys[key]) and draw(st.booleans()) else draw(quotes)
        lines.append(f"{key}: {quote}{keys[key]}{quote}{draw(comments)}")
    return "  - " + "\n    ".join(lines) + "\n"


@st.composite
def kustomizations(draw: st.DrawFn) -> str:
    """A kustomization that holds a release, as a person or another tool may have written it."""
    old = draw(releases)
    entries = [
        draw(entry("REPLACE_ME-engine", old.engine)),
        draw(entry("REPLACE_ME-model", old.model)),
    ]
    parts = [
        "kind: Kustomization\n",
        "# resources\nresources:\n- a\n",
        "images:" + draw(comments) + "\n" + "".join(draw(st.permutations(entries))),
        "labels: [{pairs: {a:   b}}]\n\n",
    ]
    return draw(st.sampled_from(["", "---\n", "# top\n"])) + "".join(draw(st.permutations(parts)))


def rest(text: str) -> list[str]:
    """The lines that are no part of a release."""
    keys = ("newName:", "newTag:", "digest:")
    return [line for line in text.splitlines() if not line.lstrip("- ").startswith(keys)]


@settings(deadline=None, max_examples=100)
@given(text=kustomizations(), wanted=releases)
def test_a_release_is_read_as_it_was_written(text: str, wanted: Release) -> None:
    """Only the six lines of its values differ, and their number does not."""
    written = with_release(text, wanted)

    assert wanted == read_release(YAML(typ="safe", pure=True).load(written), file="any")
    assert rest(text) == rest(written)
    assert len(text.splitlines()) == len(written.splitlines())


@settings(deadline=None, max_examples=100)
@given(wanted=releases)
def test_a_release_survives_a_commit_trailer(wanted: Release) -> None:
    """It is one line of JSON there, and comes back equal."""
    line = wanted.to_line()

    assert "\n" not in line
    assert wanted == Release.from_dict(json.loads(line))


@pytest.mark.parametrize("data", [{}, {"engine": "a/b:c"}, {"engine": "a/b:c", "model": "d"}])
def test_a_trailer_without_both_digests_is_no_release(data: dict[str, str]) -> None:
    """A promotion log that lost one names nothing."""
    with pytest.raises((KeyError, ValueError)):
        Release.from_dict(data)


def test_people_compare_releases_by_the_first_digits_of_both_digests() -> None:
    """The engine comes first."""
    both = Release(release("a").engine, release("b").model)

    assert f"{short(both.engine.digest)}+{short(both.model.digest)}" == str(both)


@pytest.mark.parametrize("tag", [*AMBIGUOUS, "null", "v1", "0.32.0", "latest", "_"])
def test_kustomize_reads_the_tag_that_was_written(tag: str, tmp_path: Path) -> None:
    """What YAML 1.1, as Kustomize reads it, takes for a number or a truth value is quoted."""
    (tmp_path / "pod.yaml").write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"
        "spec: {containers: [{name: a, image: REPLACE_ME-engine}]}\n"
    )
    text = "resources:\n  - pod.yaml\n"
    (tmp_path / "kustomization.yaml").write_text(with_release(text, release("a", tag)))

    built = YAML(typ="safe", pure=True).load(build(tmp_path, name="pod"))

    assert str(release("a", tag).engine) == built["spec"]["containers"][0]["image"]
