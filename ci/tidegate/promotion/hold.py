"""Holds: a file beside a unit's kustomization that keeps promotions out until it is removed."""

import io
from datetime import UTC, datetime
from pathlib import Path

from ruamel.yaml import YAML

from tidegate.catalog.load import load_valid
from tidegate.evidence.kinds import utc_text
from tidegate.findings import refuse
from tidegate.manifests.units import Unit, read_unit
from tidegate.promotion.git import Repository
from tidegate.promotion.rules import hold_file
from tidegate.promotion.write import Draft, Written, needed_for, write


def hold(repository: Repository, service: str, environment: str, reason: str) -> Written[str]:
    """Keep every promotion out of a unit, by a commit; nothing to do where the hold is the same.

    Raises:
        FindingsError: it is held for another reason already, or there is no such unit.
    """
    by = repository.run("var", "GIT_AUTHOR_IDENT").partition(" <")[0]

    def compute(tree: Path, tip: str) -> Draft[str]:
        del tip
        unit = read_unit(load_valid(tree), environment, service)
        path = tree / hold_file(unit)
        if not path.exists():
            text = _hold_text(unit, reason, by)
            message = _message("hold", unit, reason)
            return Draft(hold_file(unit), message, {hold_file(unit): text})
        found = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))["spec"]["reason"]
        if found == _line(reason):
            return Draft(hold_file(unit))
        raise refuse(
            hold_file(unit),
            "hold",
            "unit is held",
            wanted="no hold, or the same",
            found=found,
            next_step="end it with `tidegate release-hold` first",
        )

    return write(repository, needed_for(service), compute)


def release_hold(
    repository: Repository, service: str, environment: str, reason: str
) -> Written[str]:
    """End a hold by a commit; nothing to do where there is none.

    Raises:
        FindingsError: there is no such unit.
    """

    def compute(tree: Path, tip: str) -> Draft[str]:
        del tip
        unit = read_unit(load_valid(tree), environment, service)
        file = hold_file(unit)
        if not (tree / file).exists():
            return Draft(file)
        return Draft(file, _message("release-hold", unit, reason), {file: None})

    return write(repository, needed_for(service), compute)


def _line(reason: str) -> str:
    return " ".join(reason.split()) or "not given"


def _hold_text(unit: Unit, reason: str, by: str) -> bytes:
    data = {
        "apiVersion": "tidegate.dev/v1alpha1",
        "kind": "Hold",
        "metadata": {"name": unit.service.metadata.name},
        "spec": {"reason": _line(reason), "by": by, "since": utc_text(datetime.now(UTC))},
    }
    text = io.StringIO()
    YAML().dump(data, text)
    schema = "# yaml-language-server: $schema=../../hold.schema.json\n"
    return (schema + text.getvalue()).encode()


def _message(action: str, unit: Unit, reason: str) -> str:
    environment, service = unit.environment.metadata.name, unit.service.metadata.name
    trailers = f"Tidegate-Hold: {action}\nTidegate-Reason: {_line(reason)}"
    return f"{action}({environment}): {service}\n\n{_line(reason)}\n\n{trailers}"
