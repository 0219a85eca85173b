"""Findings as SARIF, as a page with a map, and explained by code."""

import json
import re
from pathlib import Path

import jsonschema_rs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.conftest import ROOT, Cli

from tidegate.findings import Finding
from tidegate.policy.explain import REFERENCE, examples, explanation, reference, rows
from tidegate.policy.page import page
from tidegate.policy.repository import Inspection
from tidegate.policy.sarif import sarif
from tidegate.policy.scope import Scope
from tidegate.registry import registry

SARIF = jsonschema_rs.Draft4Validator(
    json.loads((ROOT / "tests" / "fixtures" / "sarif-2.1.0.json").read_text()),
    validate_formats=True,
)
FINDING = Finding(
    "overlays/dev/generator/kustomization.yaml", "A<b>", "no fallback", "x", "none", "add it"
)
IN_A_LINE = Finding(".ci/run", "line 7", "action is not pinned", "x", "y", "pin it")


def test_codes_and_words_are_given_once() -> None:
    """A code means one thing for ever, and what is said has one code."""
    checks = registry().values()

    assert len({check.what for check in checks}) == len(checks)
    assert list(registry()) == sorted(registry())


def test_every_known_mistake_has_a_check_or_a_reason() -> None:
    """Facts 1 to 42 and lists A, C, D and G, each caught here or said where else."""
    listed = {row["row"] for row in rows()}
    covered = {row for check in registry().values() for row in check.covers}
    wanted = {f"facts {n}" for n in range(1, 43)} | {f"A{n}" for n in range(1, 17)}
    wanted |= {f"C{n}" for n in range(32, 45)} | {f"D{n}" for n in range(45, 56)} | {"G67", "G68"}

    assert listed == wanted
    assert covered <= listed
    assert {r["row"] for r in rows() if "elsewhere" in r} == listed - covered
    assert {r["row"] for r in rows() if "beyond" in r} <= covered


def test_every_check_that_covers_a_mistake_has_a_bad_fixture() -> None:
    """A row is covered by what was seen to fail."""
    shown = examples(ROOT)

    covering = {code for code, check in registry().items() if check.covers}
    assert covering - shown.keys() == set()


def test_a_code_is_explained_by_its_fixtures() -> None:
    """What it protects from, the sound value, the bad one, and what is then said."""
    text = explanation(ROOT, "TG505") or ""

    assert "### TG505: no fallback" in text
    assert "failureThreshold: 3" in text
    assert "Known mistakes: facts 16." in text
    assert explanation(ROOT, "TG000") is None


def test_the_reference_has_every_code() -> None:
    """docs/reference/checks.md is made of the registry and the fixtures."""
    text = reference(ROOT)

    assert set(re.findall(r"^### (TG\d+):", text, re.MULTILINE)) == set(registry())
    assert (ROOT / REFERENCE).read_text() == text


def test_an_unknown_code_is_refused(cli: Cli, repository: Path) -> None:
    """With those that there are."""
    ran = cli("check", "--explain", "TG000", "--root", repository)

    assert (ran.code, "unknown code; wanted one of TG001," in ran.err) == (1, True)


def test_sarif_has_a_rule_and_a_place_for_each_finding() -> None:
    """The file, the object, and the line where there is one."""
    (run,) = json.loads(sarif([FINDING, IN_A_LINE]))["runs"]
    places = [one["locations"][0] for one in run["results"]]

    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["TG505", "TG712"]
    assert [one["ruleId"] for one in run["results"]] == ["TG505", "TG712"]
    assert [one["message"]["text"] for one in run["results"]] == [str(FINDING), str(IN_A_LINE)]
    assert places[0]["physicalLocation"] == {"artifactLocation": {"uri": FINDING.file}}
    assert places[1]["physicalLocation"]["region"] == {"startLine": 7}
    assert places[0]["logicalLocations"] == [{"fullyQualifiedName": "A<b>"}]


@given(st.lists(st.builds(Finding, *[st.text(max_size=9) | st.just("line 7")] * 6), max_size=3))
@example([])
@example([FINDING, IN_A_LINE])
def test_sarif_is_what_its_schema_says(findings: list[Finding]) -> None:
    """OASIS SARIF 2.1.0, whatever is found; a file's name becomes a URI."""
    report = json.loads(sarif(findings))

    assert [str(error) for error in SARIF.iter_errors(report)] == []
    assert len(report["runs"][0]["results"]) == len(findings)


def test_a_report_that_is_no_sarif_would_be_found_out() -> None:
    """The schema that the reports are held to is strict."""
    report = json.loads(sarif([FINDING]))
    report["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"] = {"startLine": 0}

    assert not SARIF.is_valid(report)
    assert not SARIF.is_valid(report | {"version": "2.0.0"})


@pytest.mark.parametrize("findings", [[], [FINDING, IN_A_LINE, Finding(*"abcdef")]])
def test_the_json_report_has_a_schema(findings: list[Finding]) -> None:
    """Every field is described, and there are no others."""
    schema = json.loads((ROOT / "docs" / "reference" / "findings.schema.json").read_text())
    report = [finding.as_dict() for finding in findings]

    jsonschema_rs.validate(schema, report)
    for finding in report:
        assert set(finding) == set(schema["items"]["properties"])


@pytest.mark.parametrize("findings", [(), (FINDING,)], ids=["clean", "one"])
def test_the_page_stands_alone_and_marks_what_is_wrong(findings: tuple[Finding, ...]) -> None:
    """No outside asset, text escaped, the faulty unit marked in the list and on the map."""
    unit = Scope("dev/generator", FINDING.file, ())

    text = page(ROOT, Inspection((unit,), findings))

    assert not re.search(r'(src|href)="', text)
    assert "A<b>" not in text
    assert text.count('class="bad"') == len(findings)
    assert ('class="node bad t0" data-name="overlays/dev/generator"' in text) is bool(findings)


def test_the_map_leads_from_models_to_clusters() -> None:
    """What is served, how, which and where: from left to right."""
    unit = Scope("dev/generator", FINDING.file, ())

    text = page(ROOT, Inspection((unit,), ()))

    for source, target in [
        ("models/qwen3-8b", "overlays/dev/generator"),
        ("base/engine", "base/services/generator"),
        ("base/services/generator", "overlays/dev/generator"),
        ("overlays/dev/generator", "clusters/dev-west"),
    ]:
        assert f'data-from="{source}" data-to="{target}"' in text


def test_a_report_is_written_to_a_file(cli: Cli, repository: Path, tmp_path: Path) -> None:
    """Beside what is printed."""
    ran = cli("check", "--format", "sarif", "--output", tmp_path / "r", "--root", repository)

    assert (ran.code, ran.out) == (0, "no findings\n")
    assert json.loads((tmp_path / "r").read_text())["version"] == "2.1.0"
