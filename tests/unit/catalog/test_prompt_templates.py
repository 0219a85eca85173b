"""Prompt templates are held to what prompts.yaml declares, both ways."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import ROOT

from tidegate.catalog.prompts import check_prompts
from tidegate.findings import Finding

HEAD = "apiVersion: tidegate.dev/v1alpha1\nkind: PromptSet\nmetadata: {name: m}\nspec:\n"
NAMES = st.sets(st.from_regex(r"v_[a-z0-9_]{0,5}", fullmatch=True), max_size=4)


def check(folder: Path, declared: dict[str, str], templates: dict[str, str]) -> list[Finding]:
    """Findings of a folder: variables by declared template, text by template that is there."""
    folder.mkdir(exist_ok=True)
    entries = "".join(
        f"    - {{name: {name}, file: {name}.jinja, variables: [{variables}]}}\n"
        for name, variables in declared.items()
    )
    (folder / "prompts.yaml").write_text(f"{HEAD}  templates:\n{entries}")
    for name, text in templates.items():
        (folder / f"{name}.jinja").write_text(text)
    return check_prompts(folder, name="models/m/prompts")


def test_a_model_without_prompts_has_none_to_check(tmp_path: Path) -> None:
    """Embedding models often have none; an empty folder is another matter."""
    assert check_prompts(tmp_path / "prompts", name="models/m/prompts") == []

    (finding,) = check_prompts(tmp_path, name="models/m/prompts")
    assert (finding.file, finding.what) == ("models/m/prompts/prompts.yaml", "missing file")


@pytest.mark.parametrize("folder", sorted(ROOT.glob("models/*/prompts")), ids=lambda p: p.parts[-2])
def test_the_committed_prompts_say_what_they_need(folder: Path) -> None:
    """Every template of this repository."""
    assert check_prompts(folder, name="p") == []


@settings(max_examples=30, deadline=None)
@given(names=NAMES, more=NAMES)
def test_a_template_uses_exactly_its_declared_variables(
    tmp_path_factory: pytest.TempPathFactory, names: set[str], more: set[str]
) -> None:
    """One too few would be rendered empty, one too many would never be said."""
    folder = tmp_path_factory.getbasetemp() / "variables"
    text = " ".join(f"{{{{ {name} }}}}" for name in sorted(names))

    assert check(folder, {"a": ", ".join(names)}, {"a": text}) == []
    found = check(folder, {"a": ", ".join(names | more)}, {"a": text})

    assert [fault.what for fault in found] == (
        [] if more <= names else ["variables differ from prompts.yaml"]
    )
    if found:
        assert found[0].wanted == ", ".join(sorted(names | more))
        assert found[0].found == (", ".join(sorted(names)) or "none")


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("{% for d in documents %}{{ d.title }} {{ loop.index }}{% endfor %}", "documents"),
        ("{% set n = 3 %}{{ n }} {{ query }}", "query"),
        ("{% if strict %}{{ query | upper }}{% endif %}", "query, strict"),
        ("{# {{ forgotten }} #}{% raw %}{{ shown }}{% endraw %}", ""),
    ],
    ids=["a loop", "a name of its own", "a condition", "a comment and raw text"],
)
def test_only_what_a_caller_must_give_is_a_variable(
    tmp_path: Path, text: str, variables: str
) -> None:
    """What the template makes itself is none."""
    assert check(tmp_path, {"a": variables}, {"a": text}) == []


def test_every_fault_of_the_folder_is_told_at_once(tmp_path: Path) -> None:
    """Declared ones in their order, then those that nobody declared by name."""
    found = check(
        tmp_path,
        {"gone": "", "broken": "query", "other": "query"},
        {"broken": "fine\n{% for %}", "other": "{{ text }}", "z": "", "y": ""},
    )

    assert [(fault.file.rpartition("/")[2], fault.object, fault.what) for fault in found] == [
        ("gone.jinja", "gone", "missing file"),
        ("broken.jinja", "line 2", "does not parse"),
        ("other.jinja", "other", "variables differ from prompts.yaml"),
        ("y.jinja", "template", "not declared"),
        ("z.jinja", "template", "not declared"),
    ]


@pytest.mark.parametrize(
    "entry",
    [
        "{name: a, file: ../a.jinja, variables: []}",
        "{name: a, file: a.txt, variables: []}",
        "{name: a, file: a.jinja, variables: [Query]}",
        "{name: a, file: a.jinja, variables: [1]}",
        "{name: a, file: a.jinja}",
    ],
)
def test_a_declaration_that_means_nothing_hides_no_template(tmp_path: Path, entry: str) -> None:
    """A file elsewhere, one of another kind, a name that Jinja or a caller would spell otherwise.

    Nothing can be said about the templates then, so the declaration's faults are all that is told.
    """
    (tmp_path / "prompts.yaml").write_text(f"{HEAD}  templates: [{entry}]\n")
    (tmp_path / "a.jinja").write_text("{% for %}")

    (finding,) = check_prompts(tmp_path, name="models/m/prompts")

    assert finding.file == "models/m/prompts/prompts.yaml"
    assert finding.object.startswith("spec.templates.0.")
