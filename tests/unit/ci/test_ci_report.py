"""Results as other tools read them."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from tidegate.ci.report import comment, export, junit
from tidegate.ci.run import Outcome, Result


def results(tmp_path: Path) -> list[Result]:
    """One of each outcome."""
    log = tmp_path / "log"
    log.write_bytes(b"first\n\x1b[31mred\x00\n")
    return [
        Result("lint/format", Outcome.PASSED, 0.31, "", log),
        Result("lint/types", Outcome.FAILED, 2.0, "exit 1", log),
        Result("check/repository", Outcome.BROKEN, 1.0, "exit 2", log),
        Result("build/image", Outcome.ABSENT, reason="no Docker"),
        Result("scan/policy", Outcome.UNCHANGED),
    ]


def test_junit_has_a_case_a_command_by_step(tmp_path: Path) -> None:
    """Failures, errors and what did not run are three things, with the log where it helps."""
    root = ET.fromstring(junit(results(tmp_path)))  # noqa: S314 - made here

    suites = {suite.get("name"): suite for suite in root}
    assert list(suites) == ["lint", "check", "build", "scan"]
    counts = {
        name: [suite.get(kind) for kind in ("tests", "failures", "errors", "skipped")]
        for name, suite in suites.items()
    }
    assert counts == {
        "lint": ["2", "1", "0", "0"],
        "check": ["1", "0", "1", "0"],
        "build": ["1", "0", "0", "1"],
        "scan": ["1", "0", "0", "1"],
    }
    failure = root.find("testsuite/testcase/failure")
    assert failure is not None
    assert (failure.get("message"), failure.text) == ("exit 1", "first\n [31mred \n")
    skipped = root.find("testsuite[@name='build']/testcase/skipped")
    assert skipped is not None
    assert skipped.get("message") == "no Docker"


@given(st.text())
def test_junit_is_xml_whatever_a_reason_holds(reason: str) -> None:
    """Tools print control characters, and XML 1.0 has none."""
    assert ET.fromstring(junit([Result("a/b", Outcome.ABSENT, reason=reason)])) is not None  # noqa: S314 - made here


def test_every_form_is_exported(tmp_path: Path) -> None:
    """JSON with every field, JUnit, and the table of a pull request."""
    found = results(tmp_path)

    export(found, tmp_path / "out")

    data = json.loads((tmp_path / "out" / "results.json").read_text())
    assert data[1] == {
        "name": "lint/types",
        "outcome": "failed",
        "seconds": 2.0,
        "reason": "exit 1",
        "log": str(tmp_path / "log"),
    }
    assert (tmp_path / "out" / "junit.xml").read_bytes() == junit(found)
    report = (tmp_path / "out" / "report.md").read_text()
    assert report.startswith("# Tidegate\n\n## Steps\n\n| step | outcome | |\n")
    assert "\n| lint/format | passed | 0.3 s |\n" in report
    assert "\n| build/image | cannot run here | no Docker |\n" in report
    assert "| scan/policy | nothing it reads changed |  |" in report


def test_the_report_has_what_changes_and_the_gates_of_its_own_run(tmp_path: Path) -> None:
    """A table that an earlier run left there says nothing of this one."""
    (tmp_path / "gates.md").write_text("## Gates of x: pass 1/1\n")
    ran = [Result("smoke/gates", Outcome.FAILED, 1.0, "exit 1")]

    export(ran, tmp_path, "## What changes\n\nNothing.")
    told = (tmp_path / "report.md").read_text()
    export([Result("smoke/gates", Outcome.BROKEN)], tmp_path)

    assert told.endswith("\n\n## What changes\n\nNothing.\n\n## Gates of x: pass 1/1\n")
    assert "Gates of" not in (tmp_path / "report.md").read_text()


def test_parts_with_nothing_to_say_leave_no_gap() -> None:
    """One empty line between two parts, and one title."""
    assert comment("a\n", "", "\n", "b") == "# Tidegate\n\na\n\nb\n"
