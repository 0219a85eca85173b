"""What a change will do, in words: each unit's objects before and after it, field by field."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from tidegate.manifests.objects import Object
from tidegate.policy.scope import Scope, namespace

# A generated ConfigMap's name ends in a digest of its content: hex digits, some made letters.
_DIGEST = re.compile(r"-[0-9a-hkmt]{10}$")
_WORDS = [
    (re.compile(r"spec\.replicas"), "replicas"),
    (re.compile(r".*ontainers\.([^.]+)\.image"), "image of {0}"),
    (re.compile(r".*volumes\.([^.]+)\.image\.reference"), "artifact of volume {0}"),
    (
        re.compile(r".*ontainers\.([^.]+)\.(startup|readiness|liveness)Probe\.(.+)"),
        "{1} probe: {2}",
    ),
    (re.compile(r".*ontainers\.([^.]+)\.resources\.(limit|request)s\.(.+)"), "{1} of {2}"),
    (re.compile(r".*ontainers\.([^.]+)\.env\.([^.]+)\.value"), "variable {1}"),
    (re.compile(r"spec\.template\.spec\.terminationGracePeriodSeconds"), "grace period in seconds"),
    (re.compile(r"spec\.(min|max)ReplicaCount"), "{0}imum of replicas"),
    (re.compile(r"spec\.http\.([^.]+)\.(.+)"), "route {0}: {1}"),
    (re.compile(r"data\.(.+)"), "content of {0}"),
]


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """One thing that becomes different, where, and on which clusters."""

    unit: str
    clusters: tuple[str, ...]
    object: str
    words: str

    def as_dict(self) -> dict[str, Any]:
        """The change as JSON-ready data."""
        return asdict(self)


def differences(
    before: Sequence[Scope], after: Sequence[Scope], clusters: Mapping[str, tuple[str, ...]]
) -> list[Change]:
    """Every change between two renderings; `clusters` are those of each environment."""
    old, new = ({scope.name: scope for scope in scopes} for scopes in (before, after))
    return [
        Change(name, clusters.get(name.partition("/")[0], ()), what, words)
        for name in sorted(old.keys() | new.keys())
        for what, words in _of_scope(old.get(name), new.get(name))
    ]


def _of_scope(before: Scope | None, after: Scope | None) -> Iterator[tuple[str, str]]:
    old = {_key(one): one for one in (before.objects if before else ())}
    new = {_key(one): one for one in (after.objects if after else ())}
    for key in sorted(old.keys() | new.keys()):
        kind, _, name = key
        if key not in new:
            yield f"{kind}/{name}", "deleted"
        elif key not in old:
            yield f"{kind}/{name}", "new"
        else:
            for words in _of_value("", _plain(old[key]), _plain(new[key])):
                yield f"{kind}/{name}", words


def _key(one: Object) -> tuple[str, str, str]:
    name = one["metadata"]["name"]
    generated = one["kind"] in {"ConfigMap", "Secret"}
    return one["kind"], namespace(one), _DIGEST.sub("", name) if generated else name


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Lists of named things as mappings by name, so that an order or an insertion is no change."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        keys = [one.get("name") if isinstance(one, dict) else None for one in value]
        named = len(set(map(str, keys))) == len(keys) and None not in keys
        return {
            str(k): _plain(one)
            for k, one in zip(keys if named else range(len(value)), value, strict=True)
        }
    return value


def _of_value(path: str, old: Any, new: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    if old == new or path == "metadata.name":
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            below = f"{path}.{key}" if path else key
            yield from _of_value(below, old.get(key), new.get(key))
    elif old is None:
        yield f"{_called(path)} added: {_shown(new)}"
    elif new is None:
        yield f"{_called(path)} removed, was {_shown(old)}"
    elif "\n" in f"{old}{new}":
        yield from _of_lines(path, str(old), str(new))
    else:
        yield f"{_called(path)} {_shown(old)} -> {_shown(new)}"


def _of_lines(path: str, old: str, new: str) -> Iterator[str]:
    gone = [line.strip() for line in old.splitlines() if line not in new.splitlines()]
    come = [line.strip() for line in new.splitlines() if line not in old.splitlines()]
    was, is_now = (_shown("; ".join(lines) or "nothing") for lines in (gone, come))
    yield f"{_called(path)}: {was} -> {is_now}"


def _called(path: str) -> str:
    for pattern, words in _WORDS:
        if match := pattern.fullmatch(path):
            return words.format(*match.groups())
    return path


_LONGEST = 120


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


def markdown(changes: Sequence[Change]) -> str:
    """The changes as a comment on a pull request: a heading a unit, a line a change."""
    if not changes:
        return "Nothing changes in any cluster."
    lines: list[str] = []
    for (unit, clusters), some in groupby(changes, key=lambda one: (one.unit, one.clusters)):
        lines += ["", f"### {unit}" + (f" on {', '.join(clusters)}" if clusters else ""), ""]
        lines += [f"- `{one.object}`: {one.words}" for one in some]
    return "\n".join(lines).strip()
