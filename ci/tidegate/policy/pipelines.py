"""What must not stand in the scripts and workflows that build, scan and deploy."""

import re
from collections.abc import Iterator
from pathlib import Path

from tidegate.findings import Finding

_PLACES = (".ci", ".github", "ci/tidegate/pipeline", "ci/images", "scripts")

# (pattern, what is wrong, what is wanted, next step)
_RULES = [
    (
        re.compile(r"kubectl +(apply|patch|rollout|scale|set image|edit)\b"),
        "changes a cluster beside git",
        "a commit that Argo CD syncs",
        "commit it: self-healing takes back what git does not say",
    ),
    (
        re.compile(r"uses: *[\w.-]+/[\w./-]+@(?![0-9a-f]{40}\b)\S+"),
        "action is not pinned",
        "owner/action@<40 hex digits>",
        "pin the commit; tags were moved to malicious ones in March 2026",
    ),
    (
        re.compile(r"--(security-checks|vuln-type|config-policy)\b"),
        "flag that its tool renamed",
        "--scanners, --pkg-types, --config-check",
        "write the flag of Trivy 0.69 and later",
    ),
    (
        re.compile(r"--(output-signature|output-certificate|tlog-upload)\b"),
        "flag that its tool ignores",
        "--bundle, --trusted-root, --signing-config",
        "write the flags of cosign 3",
    ),
]


def check_pipelines(root: Path) -> Iterator[Finding]:
    """Findings of every line in the places that run commands."""
    for place in _PLACES:
        for path in sorted((root / place).rglob("*")):
            if path.is_file() and path.suffix not in {".pyc", ".lock"}:
                yield from _check_file(path.relative_to(root).as_posix(), path)


def _check_file(file: str, path: Path) -> Iterator[Finding]:
    text = path.read_text(encoding="utf-8", errors="replace")
    for number, line in enumerate(text.splitlines(), start=1):
        for pattern, what, wanted, next_step in _RULES:
            if match := pattern.search(line):
                yield Finding(file, f"line {number}", what, wanted, match[0], next_step)
