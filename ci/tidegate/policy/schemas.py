"""Strict schemas: an object has no field that the API server would drop or refuse.

Native kinds come from the package kubernetes-validate, custom kinds from data/crds, which
`scripts/schemas` makes from the pinned Go modules of each project.
"""

import gzip
import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema_rs

from tidegate.findings import Finding
from tidegate.manifests.objects import Object, title
from tidegate.policy.scope import Scope

KUBERNETES = "1.37.0"
MALFORMED = "invalid field"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_NATIVE = "urn:kubernetes"
_METADATA = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"

# What older guides write; the second column took its place. An API server may still serve some.
SUPERSEDED = {
    ("http.keda.sh/v1alpha1", "HTTPScaledObject"): "an InterceptorRoute and a ScaledObject",
    ("inference.networking.x-k8s.io/v1alpha2", "InferencePool"): "inference.networking.k8s.io/v1",
    ("inference.networking.x-k8s.io/v1alpha2", "InferenceModel"): "llm-d.ai InferenceObjective",
}
SUPERSEDED_VERSIONS = {
    "argoproj.io/v1beta1": "argoproj.io/v1alpha1",
    "autoscaling/v2beta2": "autoscaling/v2",
    "external-secrets.io/v1beta1": "external-secrets.io/v1",
    "karpenter.sh/v1alpha5": "karpenter.sh/v1",
    "karpenter.sh/v1beta1": "karpenter.sh/v1",
    "kueue.x-k8s.io/v1beta1": "kueue.x-k8s.io/v1beta2",
    "kyverno.io/v1": "a ValidatingAdmissionPolicy",
    "networking.istio.io/v1alpha3": "networking.istio.io/v1",
    "networking.istio.io/v1beta1": "networking.istio.io/v1",
    "policy/v1beta1": "policy/v1",
    "security.istio.io/v1beta1": "security.istio.io/v1",
    "telemetry.istio.io/v1alpha1": "telemetry.istio.io/v1",
}
# The only version that these have.
_CURRENT = {"EnvoyFilter", "ProxyConfig"}


def check_schemas(scope: Scope) -> Iterator[Finding]:
    """Findings for outdated versions, kinds without a schema, and fields that are wrong."""
    for one in scope.objects:
        version, kind = one["apiVersion"], one["kind"]
        successor = _successor(version, kind)
        if successor:
            yield scope.fault(
                title(one),
                "outdated API version",
                wanted=successor,
                found=f"{version} {kind}",
                next_step="write the version that the project stores",
            )
            continue
        validator = _validator(version, kind)
        if validator is None:
            yield scope.fault(
                title(one),
                "kind without a schema",
                wanted=f"a kind of Kubernetes {KUBERNETES} or of tools/crds/sources.yaml",
                found=f"{version} {kind}",
                next_step="correct apiVersion and kind, or add its project and run scripts/schemas",
            )
            continue
        if "spec" not in one and kind != "Namespace" and "spec" in _properties(version, kind):
            yield scope.fault(
                title(one),
                MALFORMED,
                wanted="spec",
                found=None,
                next_step="write it: without it the object says nothing",
            )
        yield from _violations(scope, one, validator)


def _successor(version: str, kind: str) -> str | None:
    if kind in _CURRENT:
        return None
    return SUPERSEDED.get((version, kind)) or SUPERSEDED_VERSIONS.get(version)


def _violations(scope: Scope, one: Object, validator: jsonschema_rs.Validator) -> Iterator[Finding]:
    for error in validator.iter_errors(one):
        kind = error.kind
        where = f"{title(one)}: {'.'.join(map(str, error.instance_path)) or 'object'}"
        if isinstance(kind, jsonschema_rs.ValidationErrorKind.AdditionalProperties):
            yield scope.fault(
                where,
                "unknown field",
                wanted=f"a field of {one['apiVersion']} {one['kind']}",
                found=", ".join(map(str, kind.unexpected)),
                next_step="correct its name or its place",
            )
        else:
            yield scope.fault(
                where,
                MALFORMED,
                wanted="what the schema says",
                found=error.message,
                next_step="correct the value",
            )


def _properties(version: str, kind: str) -> dict[str, Any]:
    """The fields of a kind."""
    name = native().get((version, kind))
    known = definitions()[name] if name else _custom(version, kind) or {}
    fields: dict[str, Any] = known.get("properties", {})
    return fields


def _custom(version: str, kind: str) -> dict[str, Any] | None:
    return custom_kinds(version.partition("/")[0]).get(f"{version}/{kind}")


@cache
def _validator(version: str, kind: str) -> jsonschema_rs.Validator | None:
    """A compiled validator; None for a kind that nobody knows."""
    if name := native().get((version, kind)):
        schema: dict[str, Any] = {"$ref": f"{_NATIVE}#/$defs/{name}"}
    elif custom := _custom(version, kind):
        metadata = {"$ref": f"{_NATIVE}#/$defs/{_METADATA}"}
        schema = {"allOf": [custom, {"properties": {"metadata": metadata}}]}
    else:
        return None
    return jsonschema_rs.validator_for(schema | {"$schema": DIALECT}, registry=_registry())


@cache
def _registry() -> jsonschema_rs.Registry:
    return jsonschema_rs.Registry([(_NATIVE, {"$schema": DIALECT, "$defs": definitions()})])


@cache
def definitions() -> dict[str, Any]:
    """What native kinds are made of, by name."""
    folder = files("kubernetes_validate") / "kubernetes-json-schema"
    text = (folder / f"v{KUBERNETES}-local-strict" / "_definitions.json").read_text()
    definitions: dict[str, Any] = json.loads(text.replace("_definitions.json#", "#"))["$defs"]
    return definitions


@cache
def native() -> dict[tuple[str, str], str]:
    """Definition names of native kinds by apiVersion and kind."""
    return {
        (f"{one['group']}/{one['version']}".lstrip("/"), one["kind"]): name
        for name, definition in definitions().items()
        for one in definition.get("x-kubernetes-group-version-kind", [])
        if not one["kind"].endswith("List")
    }


@cache
def custom_kinds(group: str) -> dict[str, Any]:
    """The strict schemas of a group's custom kinds by `<group>/<version>/<kind>`."""
    path = files("tidegate") / "policy" / "data" / "crds" / f"{group}.json.gz"
    if not path.is_file():
        return {}
    kinds: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))["kinds"]
    return kinds
