"""The whole check of a repository: the catalog, the manifests, the policies, the exceptions."""

import functools
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tidegate import cache
from tidegate.findings import Finding
from tidegate.manifests.checks import Manifests, check_manifests, read_manifests
from tidegate.manifests.units import Unit
from tidegate.policy.admission import Policy, check_admission, read_policies
from tidegate.policy.analyses import check_analyses
from tidegate.policy.delivery import check_delivery
from tidegate.policy.engines import check_engines
from tidegate.policy.envoy import check_envoy
from tidegate.policy.exceptions import accept, check_labels, read_exceptions
from tidegate.policy.forms import check_forms
from tidegate.policy.gateways import check_gateways
from tidegate.policy.identity import check_identity
from tidegate.policy.objectives import check_objectives
from tidegate.policy.peers import check_peers
from tidegate.policy.pipelines import check_pipelines
from tidegate.policy.promql import check_queries, shared
from tidegate.policy.queries import find_queries, rules
from tidegate.policy.references import check_references
from tidegate.policy.scaling import check_scaling
from tidegate.policy.schemas import MALFORMED, check_schemas
from tidegate.policy.scope import Scope
from tidegate.policy.scrapes import check_scrapes
from tidegate.policy.traffic import check_traffic
from tidegate.policy.triggers import check_triggers
from tidegate.policy.values import check_values
from tidegate.policy.workloads import check_workloads

# What one scope's objects show on their own, once each has the form of its kind.
CHECKS: list[Callable[[Scope], Iterator[Finding]]] = [
    check_values,
    check_forms,
    check_queries,
    check_scrapes,
    check_workloads,
    check_engines,
    check_scaling,
    check_triggers,
    check_traffic,
    check_identity,
    check_envoy,
    check_delivery,
    check_analyses,
]


# What a verdict on a scope follows from, by the layers: nothing else is imported here.
CODE = ("*.*", "catalog/**/*", "manifests/**/*", "policy/**/*", "supply/**/*")


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was looked at, and everything that is wrong with it."""

    scopes: tuple[Scope, ...]
    findings: tuple[Finding, ...]


def inspect(root: Path) -> Inspection:
    """Check the repository at `root`; findings are sorted by file.

    Where an object has not the form of its kind, that is all that is said: nothing else can be
    asked of it.

    Raises:
        CouldNotCheckError: a tool is missing or a policy does not compile.
    """
    found = read_manifests(root)
    policies = read_policies(root)
    scopes = find_scopes(found)
    judged = [one for scope in scopes for one in check_scope(scope, policies)]
    if malformed := [one for one in judged if one.what == MALFORMED]:
        return Inspection(tuple(scopes), tuple(sorted(malformed)))
    findings = [*check_manifests(found), *judged]
    findings += check_together(scopes)
    findings += [one for model in found.catalog.models.values() for one in check_objectives(model)]
    findings += check_pipelines(root)
    exceptions, today = read_exceptions(root, findings), datetime.now(tz=UTC).date()
    said = _once(findings)
    left = accept(said, exceptions, today=today)
    left += check_labels(scopes, said, exceptions, policies, today=today)
    cache.prune()
    return Inspection(tuple(scopes), tuple(sorted(left)))


def find_scopes(found: Manifests) -> list[Scope]:
    """Every unit and every other folder that renders on its own; what does not is left out."""
    scopes = [of_unit(one.unit, one.objects) for one in found.units]
    return scopes + [Scope(one.unit.folder, one.unit.file, one.objects) for one in found.beside]


def of_unit(unit: Unit, objects: tuple[dict[str, object], ...]) -> Scope:
    """A unit's objects with what they must agree with."""
    return Scope(unit.name, unit.file, objects, unit.environment.spec.namespace, unit.model)


def check_scope(scope: Scope, policies: list[Policy]) -> list[Finding]:
    """What one scope shows on its own; remembered until anything it depends on changes."""
    model = scope.model and (scope.model.name, scope.model.spec.model_dump(), scope.model.engine)
    asked = _digest(tuple(policy.text for policy in policies))
    # Not JSON, in which the key 1 and the key "1" are one.
    seen = scope.name, scope.file, scope.namespace, scope.objects, asked, model
    key = repr((cache.code(*CODE), *seen))
    known = cache.read("verdict", key, list)
    if known is not None:
        return [Finding(*fields) for fields in known]
    found = list(judge(scope, policies))
    cache.write("verdict", key, [list(one.fields()) for one in found])
    return found


@functools.cache
def _digest(texts: tuple[str, ...]) -> str:
    """Of policies: every scope is asked the same ones."""
    return hashlib.sha256(repr(texts).encode()).hexdigest()


def judge(scope: Scope, policies: list[Policy]) -> Iterator[Finding]:
    """The checks themselves: the form of each object first, and the rest if it has one."""
    form = list(check_schemas(scope))
    yield from form
    if not any(one.what == MALFORMED for one in form):
        for check in CHECKS:
            yield from check(scope)
        yield from check_admission(scope, policies)


def check_together(scopes: list[Scope]) -> list[Finding]:
    """What only shows when every scope is seen: references, and metrics that others define."""
    return [
        *check_references(scopes),
        *check_gateways(scopes),
        *check_peers(scopes),
        *_check_shared_metrics(scopes),
    ]


def _check_shared_metrics(scopes: list[Scope]) -> Iterator[Finding]:
    """Recorded series come from a rule, and GPU counters that are off by default from a list."""
    recorded = {
        rule.get("record")
        for scope in scopes
        for one in scope.of("PrometheusRule")
        for rule in rules(one)
    }
    counters = "\n".join(
        str(text)
        for scope in scopes
        for one in scope.of("ConfigMap")
        for text in (one.get("data") or {}).values()
        if str(text).lstrip().startswith(("DCGM_", "#"))
    )
    for scope in scopes:
        for query in find_queries(scope):
            for name in sorted(shared(query)):
                if name not in recorded and name not in counters:
                    yield scope.fault(
                        query.where,
                        "metric that nobody records",
                        wanted="a recording rule, or a DCGM counter that is switched on",
                        found=name,
                        next_step="add the rule or the counter, or correct the name",
                    )


def _once(findings: list[Finding]) -> list[Finding]:
    """One fault, one finding: a policy says nothing that a check has said more exactly."""
    said = {(one.file, one.what, one.object) for one in findings}
    return [
        one
        for one in set(findings)
        if not any(
            file == one.file and what == one.what and other.startswith(f"{one.object}/")
            for file, what, other in said
        )
    ]
