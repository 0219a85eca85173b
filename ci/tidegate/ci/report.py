"""Results as files: JSON, JUnit XML, and a page of Markdown for the pull request."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from tidegate.ci.run import Outcome, Result
from tidegate.oci import write_atomically

_LAST = 20_000
"""Characters of a log that a JUnit file carries."""


def junit(results: Sequence[Result]) -> bytes:
    """One test case for each command, grouped by step; what did not run is skipped, with why."""
    root = ET.Element("testsuites", name="tidegate ci")
    suites: dict[str, ET.Element] = {}
    for result in results:
        step, _, name = result.name.partition("/")
        if step not in suites:
            suites[step] = ET.SubElement(root, "testsuite", name=step)
        case = ET.SubElement(
            suites[step], "testcase", classname=step, name=name, time=f"{result.seconds:.1f}"
        )
        _explain(case, result)
    for suite in suites.values():
        suite.set("tests", str(len(suite)))
        for kind in ("failure", "error", "skipped"):
            suite.set(_PLURAL[kind], str(len(suite.findall(f"testcase/{kind}"))))
    ET.indent(root)
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


_PLURAL = {"failure": "failures", "error": "errors", "skipped": "skipped"}
_KIND = {
    Outcome.FAILED: "failure",
    Outcome.BROKEN: "error",
    Outcome.ABSENT: "skipped",
    Outcome.UNCHANGED: "skipped",
}


def _explain(case: ET.Element, result: Result) -> None:
    if result.outcome is Outcome.PASSED:
        return
    message = result.reason or result.outcome.value
    child = ET.SubElement(case, _KIND[result.outcome], message=_printable(message))
    if result.log and result.outcome in {Outcome.FAILED, Outcome.BROKEN}:
        child.text = _printable(result.log.read_text(errors="replace")[-_LAST:])


def _printable(text: str) -> str:
    """Without what XML 1.0 cannot hold."""
    return "".join(c if c >= " " or c in "\n\t" else " " for c in text)


def steps_table(rows: Iterable[tuple[str, str, str]]) -> str:
    """Names, outcomes and remarks as a part of a comment on a pull request."""
    lines = [f"| {name} | {outcome} | {remark} |" for name, outcome, remark in rows]
    return "\n".join(["## Steps", "", "| step | outcome | |", "|---|---|---|", *lines, ""])


def comment(*parts: str) -> str:
    """One page for a pull request; parts with nothing to say are left out."""
    return "\n\n".join(["# Tidegate", *filter(None, map(str.strip, parts))]) + "\n"


def _row(result: Result) -> tuple[str, str, str]:
    remark = result.reason.replace("|", "\\|") or (f"{result.seconds:.1f} s" if result.log else "")
    return result.name, result.outcome.value, remark


def _gates(results: Sequence[Result], folder: Path) -> str:
    """The table that the gates wrote, if they came to a verdict in this run."""
    judged = {Outcome.PASSED, Outcome.FAILED}
    if any(r.name == "smoke/gates" and r.outcome in judged for r in results):
        file = folder / "gates.md"
        return file.read_text(encoding="utf-8") if file.exists() else ""
    return ""


def export(results: Sequence[Result], folder: Path, changes: str = "") -> None:
    """Write results.json, junit.xml and report.md into `folder`.

    Args:
        results: of one run.
        folder: where the run kept its logs.
        changes: what the change does in the clusters, for the report.
    """
    data = json.dumps([result.as_dict() for result in results], indent=2).encode()
    report = comment(steps_table(map(_row, results)), changes, _gates(results, folder))
    write_atomically(folder / "results.json", data + b"\n")
    write_atomically(folder / "junit.xml", junit(results))
    write_atomically(folder / "report.md", report.encode())
