"""Makes the schemas of what an object holds unread: KEDA's triggers, and Envoy's messages.

A trigger's settings come from the list that KEDA's module brings; Envoy's messages
from a package that is needed here alone, see scripts/envoy_messages.py.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from scripts.schemas import ROOT, SOURCES, module

from tidegate.machine_yaml import read_all

TARGET = ROOT / "ci" / "tidegate" / "policy" / "data" / "triggers.json"
LIST = Path("schema", "generated", "scalers-schema.json")


def settings(trigger: dict[str, Any]) -> dict[str, list[str]]:
    """What a trigger's metadata must and may hold; the rest may come from an authentication."""
    written = [one for one in trigger["parameters"] if one.get("metadataVariableReadable")]
    elsewhere = (
        "optional",
        "default",
        "envVariableReadable",
        "triggerAuthenticationVariableReadable",
    )
    environment = [one["name"] for one in trigger["parameters"] if one.get("envVariableReadable")]
    names = [one["name"] for one in written if "deprecated" not in one]
    return {
        "needed": [one["name"] for one in written if not any(one.get(key) for key in elsewhere)],
        "known": sorted({*names, *(f"{name}FromEnv" for name in environment)}),
    }


def main() -> int:
    """Write both files."""
    (sources,) = read_all(SOURCES.read_text())
    keda = next(source for source in sources if source["project"] == "keda")
    folder, checksum = module(keda)
    listed = json.loads((folder / LIST).read_text())["scalers"]
    triggers = {one["type"]: settings(one) for one in listed}
    data = {"version": keda["version"], "sum": checksum, "triggers": triggers}
    TARGET.write_text(json.dumps(data, indent=1) + "\n")
    sys.stdout.write(f"{len(triggers)} triggers of KEDA\n")
    (envoy,) = read_all((ROOT / "tools" / "envoy" / "messages.yaml").read_text())
    with_envoy = ["--with", f"{envoy['package']}=={envoy['version']}"]
    command = [".venv/bin/uv", "run", "--quiet", "--no-project", *with_envoy, "python"]
    script = "scripts/envoy_messages.py"
    subprocess.run([*command, script], cwd=ROOT, check=True, input=json.dumps(envoy), text=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
