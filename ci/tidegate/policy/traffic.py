"""What must hold of traffic: who may call which route, how long, and by which current field."""

import re
from collections.abc import Iterator
from typing import Any

from tidegate.findings import Finding
from tidegate.manifests.objects import Object, dig, title
from tidegate.policy.scope import Scope, environment, namespace, server_pods

DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?", re.ASCII)
_DEPRECATED = {
    "mirrorPercent": "mirrorPercentage.value",
    "mirror_percent": "mirrorPercentage.value",
    "LEAST_CONN": "LEAST_REQUEST",
}


def check_traffic(scope: Scope) -> Iterator[Finding]:
    """Findings of a scope's routes and of the policies that guard them."""
    for one in scope.of("VirtualService", "DestinationRule"):
        yield from _check_deprecated(scope, one)
    for one in scope.of("VirtualService"):
        for route in dig(one, "spec", "http") or []:
            yield from _check_route(scope, one, route)
    for one in scope.of("AuthorizationPolicy"):
        yield from _check_paths(scope, one)
    yield from _check_authentication(scope)
    yield from _check_key(scope)


def _check_deprecated(scope: Scope, one: Object) -> Iterator[Finding]:
    for name in sorted(set(_words(one["spec"])) & set(_DEPRECATED)):
        yield scope.fault(
            title(one),
            "deprecated Istio field",
            wanted=_DEPRECATED[name],
            found=name,
            next_step="write the field that took its place",
        )


def _words(value: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """Every key and every string in a value."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield key
            yield from _words(one)
    elif isinstance(value, list):
        for one in value:
            yield from _words(one)
    elif isinstance(value, str):
        yield value


def seconds(duration: str) -> float:
    """A duration such as 1m30s in seconds; 0 for one that is none."""
    match = DURATION.fullmatch(duration)
    if match is None:
        return 0.0
    hours, minutes, rest, milli = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + rest + milli / 1000


def _check_route(scope: Scope, one: Object, route: dict[str, Any]) -> Iterator[Finding]:
    where = f"{title(one)}/{route.get('name', 'http')}"
    weights = [part.get("weight") for part in route.get("route") or []]
    total = sum(weight or 0 for weight in weights)
    if any(weight is not None for weight in weights) and total != 100:  # noqa: PLR2004 - per cent
        yield scope.fault(
            where,
            "weights do not add up",
            wanted="100",
            found=total,
            next_step="correct the weights",
        )
    if not route.get("route"):
        return
    timeout = str(route.get("timeout", ""))
    if not seconds(timeout):
        yield scope.fault(
            where,
            "route without a timeout",
            wanted="a timeout",
            found=timeout,
            next_step="set one, so that no caller waits for ever",
        )
    elif scope.model and seconds(timeout) < scope.model.spec.slo.end_to_end.seconds:
        yield scope.fault(
            where,
            "request is cut off before its objective",
            wanted=f"a timeout >= slo.endToEnd, {scope.model.spec.slo.end_to_end.seconds:g} s",
            found=timeout,
            next_step="raise the timeout or tighten the objective",
        )


def _check_paths(scope: Scope, one: Object) -> Iterator[Finding]:
    """A key guards only some routes of vLLM, so the mesh lists those that are allowed."""
    if dig(one, "spec", "action") not in {None, "ALLOW"}:
        return
    for rule in dig(one, "spec", "rules") or []:
        operations = [dig(part, "operation") or {} for part in rule.get("to") or []]
        paths = [operation.get("paths") or [] for operation in operations]
        if not paths or not all(paths) or any("*" in path for some in paths for path in some):
            yield scope.fault(
                title(one),
                "rule allows every route",
                wanted="to.operation.paths: each route in full",
                found=rule,
                next_step="list the routes that callers need; administrative ones have no guard",
            )


def _selector(one: Object) -> dict[str, str]:
    return dig(one, "spec", "selector", "matchLabels") or {}


def _check_authentication(scope: Scope) -> Iterator[Finding]:
    """A RequestAuthentication refuses a bad token and lets a request without one pass."""
    for one in scope.of("RequestAuthentication"):
        needed = [
            policy
            for policy in scope.of("AuthorizationPolicy")
            if namespace(policy) == namespace(one)
            and _selector(policy).items() <= _selector(one).items()
            and dig(policy, "spec", "action") in {None, "ALLOW"}
            and all(map(_demands, dig(policy, "spec", "rules") or []))
        ]
        if not needed:
            yield scope.fault(
                title(one),
                "requests without a token pass",
                wanted="an AuthorizationPolicy of the same pods whose every rule has principals",
                found=None,
                next_step="add requestPrincipals to each rule, as base/components/tokens has them",
            )


def _demands(rule: dict[str, Any]) -> bool:
    """Whether a rule lets in only requests with a token; every source of it has to."""
    sources = [one.get("source") or {} for one in rule.get("from") or []]
    return bool(sources) and all(source.get("requestPrincipals") for source in sources)


def _check_key(scope: Scope) -> Iterator[Finding]:
    guarded = any(scope.of("AuthorizationPolicy"))
    for pod in server_pods(scope):
        names = environment(pod.engine) if pod.engine else {}
        keyed = "VLLM_API_KEY" in names or (scope.model and "api-key" in scope.model.engine)
        if keyed and not guarded:
            yield scope.fault(
                title(pod.owner),
                "a key is the only guard",
                wanted="an AuthorizationPolicy that lists the allowed routes",
                found="an API key alone",
                next_step="add the policy: /invocations, /score and others need no key",
            )
