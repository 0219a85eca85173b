"""What must hold of an EnvoyFilter: Envoy takes it, and a limit in it limits whom it should.

Istio passes an EnvoyFilter on unread, and an Envoy that refuses it keeps its old configuration.
"""

import gzip
import json
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema_rs

from tidegate.findings import Finding
from tidegate.manifests.objects import Object, dig, title
from tidegate.policy.identity import check_written
from tidegate.policy.schemas import DIALECT
from tidegate.policy.scope import Scope

_TYPE, _PREFIX = "@type", "type.googleapis.com/"
_FILTERS = "envoy.extensions.filters.http"
_LOCAL = f"{_FILTERS}.local_ratelimit.v3.LocalRateLimit"
_GLOBAL = f"{_FILTERS}.ratelimit.v3.RateLimit"
_CAPITAL = re.compile("[A-Z]")
_ALL = {"numerator": 100, "denominator": "HUNDRED"}


def check_envoy(scope: Scope) -> Iterator[Finding]:
    """Findings of every EnvoyFilter of a scope."""
    for one in scope.of("EnvoyFilter"):
        for patch in dig(one, "spec", "configPatches") or []:
            yield from _check_place(scope, one, patch)
            for config in _typed(dig(patch, "patch", "value")):
                yield from _check_config(scope, one, config)


def _typed(value: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - JSON
    """Every message that says its own type; what is inside it belongs to it."""
    if isinstance(value, dict):
        if _TYPE in value:
            yield value
        else:
            for one in value.values():
                yield from _typed(one)
    elif isinstance(value, list):
        for one in value:
            yield from _typed(one)


def _check_place(scope: Scope, one: Object, patch: dict[str, Any]) -> Iterator[Finding]:
    """A filter is put before another one, which has to be named and to exist."""
    adds = dig(patch, "patch", "operation") in {"INSERT_BEFORE", "INSERT_AFTER"}
    typed = dig(patch, "patch", "value", "typed_config", _TYPE)
    if "applyTo" not in patch or (adds and not typed):
        yield scope.fault(
            title(one),
            "type that Envoy does not have",
            wanted=f"applyTo, and a value with typed_config and its {_TYPE}",
            found=f"{patch.get('applyTo', 'no applyTo')}, {typed}",
            next_step="say what the patch applies to and what it adds",
        )
    if patch.get("applyTo") != "HTTP_FILTER":
        return
    place = dig(patch, "match", "listener", "filterChain", "filter") or {}
    names = [place.get("name"), dig(place, "subFilter", "name")]
    if not adds:
        names = [name for name in names if name]
    for name in names:
        if name not in _schemas()["filters"] and not str(name).startswith("istio."):
            yield scope.fault(
                title(one),
                "filter that Envoy does not have",
                wanted="match.listener.filterChain.filter with the names of filters of Envoy",
                found=name,
                next_step="correct the name; the patch applies to nothing",
            )


def _check_config(scope: Scope, one: Object, config: dict[str, Any]) -> Iterator[Finding]:
    name = str(config[_TYPE]).removeprefix(_PREFIX)
    if name not in _schemas()["messages"] or not str(config[_TYPE]).startswith(_PREFIX):
        yield scope.fault(
            title(one),
            "type that Envoy does not have",
            wanted=f"{_PREFIX} and a message that tools/envoy/messages.yaml names",
            found=config[_TYPE],
            next_step="correct the type, or add the message and run scripts/schemas",
        )
        return
    errors = list(_validator(name).iter_errors({k: v for k, v in config.items() if k != _TYPE}))
    for error in errors:
        yield scope.fault(
            f"{title(one)}: {'.'.join(map(str, error.instance_path)) or 'typed_config'}",
            "value that Envoy refuses",
            wanted=f"what {name} of Envoy {_schemas()['version']} has",
            found=error.message,
            next_step="correct the field: Envoy keeps its old configuration without a word here",
        )
    if not errors and name == _LOCAL:
        yield from _check_limit(scope, one, _spelt(config))
    if not errors and name == _GLOBAL and "failure_mode_deny" not in config:
        yield scope.fault(
            title(one),
            "limit without a word on failure",
            wanted="failure_mode_deny: true or false",
            found=None,
            next_step="decide whether callers wait or overload while the limiter is away",
        )


def _spelt(value: Any) -> Any:  # noqa: ANN401 - JSON
    """The same with every field as in the message; protobuf's JSON also takes fillInterval."""
    if isinstance(value, dict):
        return {_CAPITAL.sub(r"_\g<0>", key).lower(): _spelt(one) for key, one in value.items()}
    return [_spelt(one) for one in value] if isinstance(value, list) else value


def _check_limit(scope: Scope, one: Object, config: dict[str, Any]) -> Iterator[Finding]:
    """A descriptor is used if an action makes its keys; its bucket refills with the common one."""
    common = config.get("token_bucket") or {}
    actions = [act for limit in config.get("rate_limits") or [] for act in limit["actions"]]
    callers = [act["request_headers"] for act in actions if "request_headers" in act]
    for header in callers:
        yield from check_written(scope, one, str(header["header_name"]))
    made = {header["descriptor_key"] for header in callers}
    made |= {key for act in actions for key in _keys(act)}
    faults = [
        f"{key}: {config.get(key, {}).get('default_value')}"
        for key in ("filter_enabled", "filter_enforced")
        if config.get(key, {}).get("default_value") != _ALL
    ]
    kept = set[str]()
    for descriptor in config.get("descriptors") or []:
        bucket, keys = descriptor["token_bucket"], {e["key"] for e in descriptor["entries"]}
        kept |= keys
        if bucket["max_tokens"] > common.get("max_tokens", 0):
            faults.append(f"{bucket['max_tokens']} for one of {common.get('max_tokens')} for all")
        if _seconds(bucket) % _seconds(common):
            faults.append(f"{bucket['fill_interval']} beside {common.get('fill_interval')}")
    faults += sorted(f"descriptor {key}" for key in made ^ kept)
    if faults:
        yield scope.fault(
            title(one),
            "limit that does not limit",
            wanted="100 per cent enforced, a descriptor for each action, and buckets that fit",
            found="; ".join(faults),
            next_step="correct it as base/components/rate-limit has it",
        )


def _keys(action: dict[str, Any]) -> Iterator[str]:
    """The keys that actions other than headers make."""
    for name, value in action.items():
        if name != "request_headers":
            yield str(value.get("descriptor_key", name)) if isinstance(value, dict) else name


def _seconds(bucket: dict[str, Any]) -> float:
    return float(str(bucket.get("fill_interval", "1s")).removesuffix("s"))


@cache
def _schemas() -> dict[str, Any]:
    """`messages` and `filters` by name, what they are made of, and the version they are of."""
    text = gzip.decompress((files("tidegate") / "policy" / "data" / "envoy.json.gz").read_bytes())
    schemas: dict[str, Any] = json.loads(text)
    return schemas


@cache
def _validator(name: str) -> jsonschema_rs.Validator:
    schema = {"$schema": DIALECT, "$ref": f"#/$defs/{name}", "$defs": _schemas()["defs"]}
    return jsonschema_rs.validator_for(schema)
