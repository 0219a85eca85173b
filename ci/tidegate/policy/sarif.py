"""Findings as SARIF 2.1.0, which code review tools show beside the lines of a change."""

import json
import re
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

from tidegate.findings import Finding
from tidegate.policy.explain import REFERENCE
from tidegate.registry import Check, registry

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif(findings: Sequence[Finding]) -> str:
    """One run of the tool `tidegate` with its rules and a result for each finding."""
    codes = sorted({finding.code for finding in findings if finding.code})
    driver = {
        "name": "tidegate",
        "semanticVersion": version("tidegate"),
        "rules": [_rule(registry()[code]) for code in codes],
    }
    run = {"tool": {"driver": driver}, "results": [_result(one) for one in findings]}
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule(check: Check) -> dict[str, Any]:
    anchor = re.sub(r"[^\w-]", "", f"{check.code}-{check.what}".lower().replace(" ", "-"))
    return {
        "id": check.code,
        "shortDescription": {"text": check.what},
        "fullDescription": {"text": check.protects},
        "help": {"text": f"{REFERENCE}#{anchor}"},
    }


def _result(finding: Finding) -> dict[str, Any]:
    line = finding.object.removeprefix("line ")
    numbered = line.isdecimal() and int(line) > 0
    region = {"region": {"startLine": int(line)}} if numbered else {}
    return {
        **({"ruleId": finding.code} if finding.code else {}),
        "level": "error",
        "message": {"text": str(finding)},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": quote(finding.file)}, **region},
                "logicalLocations": [{"fullyQualifiedName": finding.object}],
            }
        ],
    }
