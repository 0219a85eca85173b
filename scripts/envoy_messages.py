"""Makes policy/data/envoy.json.gz; scripts/triggers.py runs it with the package of the messages.

Each becomes a strict schema: its fields in both spellings of protobuf's JSON, and its own rules.
"""

import gzip
import importlib
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

VALIDATE: Any = importlib.import_module("validate.validate_pb2")
TARGET = Path(__file__).parents[1] / "ci" / "tidegate" / "policy" / "data" / "envoy.json.gz"
LEAST = {"minLength", "minItems", "exclusiveMinimum"}
BOUNDS = {"gt": "exclusiveMinimum", "gte": "minimum", "lt": "exclusiveMaximum", "lte": "maximum"}
INPUT: Any = json.load(sys.stdin)


def bounds(field: Any) -> dict[str, Any]:  # noqa: ANN401 - protobuf
    """What Envoy demands of a number or a text."""
    rules = field.GetOptions().Extensions[VALIDATE.rules]
    number = rules.uint32 if field.type in {7, 11, 13} else rules.int32
    found = {key: getattr(number, name) for name, key in BOUNDS.items() if number.HasField(name)}
    return found | ({"minLength": rules.string.min_len} if rules.string.min_len else {})


def one(field: Any, defs: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - protobuf
    """The schema of one value of a field."""
    if field.type == 14:  # noqa: PLR2004 - an enumeration
        names = [value.name for value in field.enum_type.values]
        return {"enum": names + [value.number for value in field.enum_type.values]}
    if field.message_type is None:
        return {**INPUT["scalars"][field.type], **bounds(field)}
    name = field.message_type.full_name
    if (known := INPUT["known"].get(name.removeprefix("google.protobuf."))) is not None:
        return {**known, **bounds(field)}
    message(field.message_type, defs)
    return {"$ref": f"#/$defs/{name}"}


def many(field: Any, defs: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - protobuf
    """The schema of a field: of its one value, of a list or of a map."""
    if field.message_type and field.message_type.GetOptions().map_entry:
        value = one(field.message_type.fields_by_name["value"], defs)
        return {"type": "object", "additionalProperties": value}
    if not field.is_repeated:
        return one(field, defs)
    least = field.GetOptions().Extensions[VALIDATE.rules].repeated.min_items
    return {"type": "array", "items": one(field, defs)} | ({"minItems": least} if least else {})


def some(fields: Iterable[Any]) -> dict[str, Any]:
    """That one of these fields is there, in either spelling."""
    names = sorted({name for field in fields for name in (field.name, field.json_name)})
    return {"anyOf": [{"required": [name]} for name in names]}


def message(kind: Any, defs: dict[str, Any]) -> None:  # noqa: ANN401 - protobuf
    """Add the schema of a message and of all that it is made of."""
    if kind.full_name in defs:
        return
    defs[kind.full_name], properties = {}, dict[str, Any]()  # it may hold itself
    needed = [some(o.fields) for o in kind.oneofs if o.GetOptions().Extensions[VALIDATE.required]]
    for field in kind.fields:
        found = many(field, defs)
        properties |= dict.fromkeys((field.name, field.json_name), found)
        # What has a least size and is left out is empty, and so too small.
        rules = field.GetOptions().Extensions[VALIDATE.rules]
        sized = not field.has_presence and not LEAST.isdisjoint(found)
        if sized or rules.message.required or rules.duration.required or rules.any.required:
            needed.append(some([field]))
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    defs[kind.full_name] = schema | ({"allOf": needed} if needed else {})


def filters(place: str) -> list[str]:
    """The names under which filters stand in a chain."""
    package = importlib.import_module(f"envoy.extensions.filters.{place}")
    paths = Path(package.__path__[0]).glob("*/v3")
    return sorted(f"envoy.filters.{place}.{path.parent.name}" for path in paths)


def main() -> None:
    """Write the schemas of the messages that are named."""
    names, defs = INPUT["messages"], dict[str, Any]()
    for package, _, name in (name.rpartition(".") for name in names):
        for file in Path(importlib.import_module(package).__path__[0]).glob("*_pb2.py"):
            if kind := getattr(importlib.import_module(f"{package}.{file.stem}"), name, None):
                message(kind.DESCRIPTOR, defs)
    data = {"messages": names, "filters": [*filters("http"), *filters("network")], "defs": defs}
    data["version"] = f"{INPUT['package']} {INPUT['version']}"
    text = json.dumps(data, separators=(",", ":"), sort_keys=True)
    TARGET.write_bytes(gzip.compress(text.encode(), mtime=0))
    sys.stdout.write(f"{len(names)} messages of Envoy, {len(defs)} with their parts\n")


if __name__ == "__main__":
    main()
