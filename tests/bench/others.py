"""What the tools take that people run one after the other: kubectl, kubeconform and promtool.

kubectl renders every folder that is rendered on its own, kubeconform holds the result to the same
schemas as `tidegate check` does, promtool reads its rules. They say less: nothing about references,
policies, metrics or the catalog. To make the schemas and the rule files is not counted.
"""

import json
import re
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from tests.conftest import ROOT

from tidegate.manifests.checks import read_manifests
from tidegate.policy import schemas
from tidegate.policy.repository import find_scopes
from tidegate.policy.scope import Scope

KUBECTL = str(ROOT / ".venv" / "bin" / "kubectl")
NAMED = "{{.Group}}_{{.ResourceAPIVersion}}_{{.ResourceKind}}.json"


def tool(family: str, name: str) -> str:
    """Where a Go tool is, built if it never was."""
    command = [str(ROOT / "scripts" / "tool"), family, name]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def everything() -> list[Scope]:
    """All that the repository renders, which must be sound."""
    found = read_manifests(ROOT)
    assert not found.unread + found.unrendered
    return find_scopes(found)


def processor() -> float:
    """Seconds that processors have worked for the commands that ended, however busy they were."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(*command: str | Path, output: Path | None = None) -> None:
    """A command that must succeed."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    if output:
        output.write_bytes(done.stdout)


def in_turn(scopes: list[Scope], folder: Path) -> Iterator[tuple[str, float]]:
    """Each tool with its processor seconds; what they read is put into `folder`."""
    rendered, known, rules = (folder / name for name in ("rendered", "schemas", "rules"))
    for place in (rendered, known, rules):
        place.mkdir(parents=True)
    write_schemas(scopes, known)
    write_rules(scopes, rules)
    kubeconform, promtool = tool("kubeconform", "kubeconform"), tool("prometheus", "promtool")

    started = processor()
    for number, scope in enumerate(scopes):
        run(KUBECTL, "kustomize", Path(scope.file).parent, output=rendered / f"{number}.yaml")
    yield "kubectl kustomize", processor() - started

    started = processor()
    run(kubeconform, "-strict", "-schema-location", f"{known}/{NAMED}", rendered)
    yield "kubeconform", processor() - started

    started = processor()
    run(promtool, "check", "rules", *sorted(rules.iterdir()))
    yield "promtool", processor() - started


def write_schemas(scopes: list[Scope], folder: Path) -> None:
    """The schema of every kind that is rendered, whole in one file, as kubeconform looks for it."""
    for version, kind in {(one["apiVersion"], one["kind"]) for s in scopes for one in s.objects}:
        name = f"{version.split('/')[0]}_{version.split('/')[-1]}_{kind.lower()}.json"
        (folder / name).write_text(json.dumps(schema(version, kind)))


def schema(version: str, kind: str) -> dict[str, Any]:
    """What the check itself holds a kind to, with the definitions that it needs and no others."""
    native = schemas.native().get((version, kind))
    custom = schemas.custom_kinds(version.partition("/")[0]).get(f"{version}/{kind}")
    whole = {"$ref": f"#/$defs/{native}"} if native else custom
    assert whole, f"{version} {kind} has no schema"
    needed: dict[str, Any] = {}
    waiting = [whole]
    while waiting:
        for name in re.findall(r'"#/\$defs/([^"]+)"', json.dumps(waiting.pop())):
            if name not in needed:
                needed[name] = schemas.definitions()[name]
                waiting.append(needed[name])
    return {"$schema": schemas.DIALECT, **whole, "$defs": needed}


def write_rules(scopes: list[Scope], folder: Path) -> None:
    """Each PrometheusRule in the form that promtool reads."""
    rules = [one for scope in scopes for one in scope.of("PrometheusRule")]
    for number, one in enumerate(rules):
        (folder / f"{number}.yaml").write_text(yaml.safe_dump({"groups": one["spec"]["groups"]}))
