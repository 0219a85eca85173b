"""A scanner's report as evidence: in-toto's vulnerability predicate, version 0.2.

What an exception of the scan policy lets pass is in it all the same: a promotion policy counts it.
"""

from datetime import UTC
from typing import Any

from tidegate.findings import cannot_check
from tidegate.supply.scan import Report, ScannerVersion, Vulnerability


def predicate(report: Report, scanner: ScannerVersion) -> dict[str, Any]:
    """Who looked, with what, when, and each vulnerability with the scanner's severity.

    Raises:
        CouldNotCheckError: nobody says when it was, or how old the database is.
    """
    if report.created_at is None or scanner.vulnerability_db is None:
        raise cannot_check(
            report.artifact_name,
            "report",
            "does not say when it was made",
            wanted="the time of the scan and of its database",
            found="one without the other",
            next_step="scan again with the scanner of ci/images/images.yaml",
        )
    when = report.created_at.astimezone(UTC).isoformat(timespec="seconds")
    updated = scanner.vulnerability_db.updated_at.astimezone(UTC).isoformat(timespec="seconds")
    return {
        "scanner": {
            "uri": "pkg:github/aquasecurity/trivy",
            "version": scanner.version,
            "db": {"uri": "pkg:github/aquasecurity/trivy-db", "lastUpdate": updated},
            "result": [_result(one) for found in report.results for one in found.vulnerabilities],
        },
        "metadata": {"scanStartedOn": when, "scanFinishedOn": when},
    }


def _result(found: Vulnerability) -> dict[str, Any]:
    package = {"package": found.pkg_name, "installed": found.installed_version}
    return {
        "id": found.vulnerability_id,
        "severity": [{"method": "trivy", "score": found.severity.lower()}],
        "annotations": [package | {"fixed": found.fixed_version}],
    }
