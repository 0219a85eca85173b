"""Results as files for other tools: JSON, JUnit XML and a Markdown table."""

import json
from collections.abc import Sequence
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


def markdown(results: Sequence[Result]) -> str:
    """The table that a pull request shows."""
    rows = [f"| {r.name} | {r.outcome.value} | {r.seconds:.1f} s | {r.reason} |" for r in results]
    return "\n".join(["| step | outcome | time | why |", "|---|---|---|---|", *rows, ""])


def export(results: Sequence[Result], folder: Path) -> None:
    """Write results.json, junit.xml and results.md into `folder`."""
    data = json.dumps([result.as_dict() for result in results], indent=2).encode()
    write_atomically(folder / "results.json", data + b"\n")
    write_atomically(folder / "junit.xml", junit(results))
    write_atomically(folder / "results.md", markdown(results).encode())
