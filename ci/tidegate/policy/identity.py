"""Who may call what: tokens, scopes, methods, and headers that only the mesh may write.

Sources: Istio's reference of AuthorizationPolicy conditions and of JWTRule.
"""

import re
from collections.abc import Iterator
from typing import Any

from tidegate.findings import Finding
from tidegate.manifests.objects import Object, dig, fields, title
from tidegate.policy.scope import Scope, namespace

METHODS = {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}
# What a condition may ask about.
_KEYS = re.compile(
    r"request\.(headers|auth\.claims)(\[[^\[\]]+\])+"
    r"|request\.auth\.(principal|audiences|presenter)"
    r"|source\.(ip|namespace|principal|serviceAccount)|remote\.ip"
    r"|destination\.(ip|port)|connection\.sni|experimental\.envoy\.filters\.[\w.\[\]-]+"
)
_CLAIM = re.compile(r"request\.auth\.claims\[")
_HEADER = re.compile(r"request\.headers\[([^\]]+)\]")
# What callers of an engine ask it to do; every other route of vLLM is for whoever runs it.
_ROUTES = {
    *("/v1/audio/transcriptions", "/v1/audio/translations", "/v1/chat/completions"),
    *("/v1/completions", "/v1/decisions", "/v1/embeddings", "/v1/messages", "/v1/models"),
    *("/v1/rerank", "/v1/responses", "/v1/score", "/v2/embed", "/v2/rerank"),
}


def check_identity(scope: Scope) -> Iterator[Finding]:
    """Findings of a scope's tokens and of what is allowed to whom."""
    for one in scope.of("AuthorizationPolicy"):
        for rule in dig(one, "spec", "rules") or []:
            yield from _check_conditions(scope, one, rule)
            for method in _named(rule, "methods", "notMethods"):
                yield from _check_method(scope, one, method)
            if dig(one, "spec", "action") in {None, "ALLOW"}:
                yield from _check_operations(scope, one, rule)
                yield from _check_scopes(scope, one, rule)
                yield from _check_principals(scope, one, rule)
                yield from _check_headers(scope, one, rule)
    for one in scope.of("RequestAuthentication"):
        for rule in dig(one, "spec", "jwtRules") or []:
            yield from _check_token(scope, one, rule)
    for one in scope.of("Rollout", "VirtualService"):
        for word in _methods(one["spec"]):
            yield from _check_method(scope, one, word)


def _conditions(rule: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    for one in rule.get("when") or []:
        yield str(one.get("key", "")), [*(one.get("values") or []), *(one.get("notValues") or [])]


def _check_conditions(scope: Scope, one: Object, rule: dict[str, Any]) -> Iterator[Finding]:
    for key, values in _conditions(rule):
        if not _KEYS.fullmatch(key) or not values:
            yield scope.fault(
                title(one),
                "condition that Istio does not know",
                wanted="an attribute such as request.auth.claims[scope], and values",
                found=f"{key} {', '.join(values)}",
                next_step="correct the key; Istio drops the rule, or the whole policy",
            )


def _check_operations(scope: Scope, one: Object, rule: dict[str, Any]) -> Iterator[Finding]:
    """A rule says with which methods, and lets callers do what callers do."""
    if any(not dig(part, "operation", "methods") for part in rule.get("to") or []):
        yield from _check_method(scope, one, None)
    for path in _named(rule, "paths") if scope.model and _of_callers(rule) else []:
        if path not in _ROUTES and "*" not in path:  # which has its own finding
            yield scope.fault(
                title(one),
                "route that is not for callers",
                wanted=f"of {', '.join(sorted(_ROUTES))}",
                found=path,
                next_step="correct the path; vLLM's other routes are for whoever runs it",
            )


def _named(rule: dict[str, Any], *keys: str) -> list[str]:
    """What the operations of a rule have under these keys."""
    operations = [part.get("operation") or {} for part in rule.get("to") or []]
    return [value for one in operations for key in keys for value in one.get(key) or []]


def _of_callers(rule: dict[str, Any]) -> bool:
    """Whether who is meant has a token, as callers have and a scraper has not."""
    return any(dig(part, "source", "requestPrincipals") for part in rule.get("from") or [])


def _methods(value: Any) -> Iterator[object]:  # noqa: ANN401 - JSON
    """The methods that matches of routes name, as `method: {exact: POST}`."""
    for _, key, one in fields(value, ""):
        if key == "method" and isinstance(one, dict) and "exact" in one:
            yield one["exact"]


def _check_method(scope: Scope, one: Object, method: object) -> Iterator[Finding]:
    if method not in METHODS:
        yield scope.fault(
            title(one),
            "no HTTP method",
            wanted=f"of {', '.join(sorted(METHODS))}",
            found=method,
            next_step="write the method in capitals; nothing else ever matches",
        )


def _check_scopes(scope: Scope, one: Object, rule: dict[str, Any]) -> Iterator[Finding]:
    """A token says what it is for. `chat*` would also let `chat-admin` through."""
    claims = [values for key, values in _conditions(rule) if _CLAIM.match(key)]
    parts = [value for values in claims for value in values if "*" in value]
    if (_of_callers(rule) and not claims) or parts:
        yield scope.fault(
            title(one),
            "scope is not compared as a whole",
            wanted="when: key request.auth.claims[scope] with values in full",
            found=", ".join(parts),
            next_step="name each scope that may use these routes",
        )


def _check_principals(scope: Scope, one: Object, rule: dict[str, Any]) -> Iterator[Finding]:
    known = {
        str(token.get("issuer"))
        for other in scope.of("RequestAuthentication")
        if namespace(other) == namespace(one)
        for token in dig(other, "spec", "jwtRules") or []
    }
    for part in rule.get("from") or []:
        for principal in dig(part, "source", "requestPrincipals") or []:
            if principal != "*" and principal.rpartition("/")[0] not in known:
                yield scope.fault(
                    title(one),
                    "caller of an unknown issuer",
                    wanted=f"of {', '.join(f'{issuer}/*' for issuer in sorted(known))}",
                    found=principal,
                    next_step="correct it, or add a RequestAuthentication of that issuer",
                )


def _token_rules(scope: Scope, one: Object) -> Iterator[dict[str, Any]]:
    """The token rules that hold on the pods of a policy or a filter."""
    labels = dig(one, "spec", "selector", "matchLabels") or {}
    labels = labels or dig(one, "spec", "workloadSelector", "labels") or {}
    for other in scope.of("RequestAuthentication"):
        selector = dig(other, "spec", "selector", "matchLabels") or {}
        if namespace(other) == namespace(one) and selector.items() <= labels.items():
            yield from dig(other, "spec", "jwtRules") or []


def _written(scope: Scope, one: Object) -> set[str]:
    """Headers that the mesh writes from the token of a request, whatever a caller sent in them."""
    return {
        str(output.get("header", "")).lower()
        for rule in _token_rules(scope, one)
        for output in rule.get("outputClaimToHeaders") or []
    }


def check_written(scope: Scope, one: Object, header: str) -> Iterator[Finding]:
    """Who a caller is comes from the token, never from a header that callers send."""
    if header.lower() not in _written(scope, one):
        yield scope.fault(
            title(one),
            "header that callers write themselves",
            wanted="a header of outputClaimToHeaders in a RequestAuthentication of the same pods",
            found=header,
            next_step="take it from the token, as base/components/tokens does",
        )


def _check_headers(scope: Scope, one: Object, rule: dict[str, Any]) -> Iterator[Finding]:
    for key, _ in _conditions(rule):
        if match := _HEADER.fullmatch(key):
            yield from check_written(scope, one, match[1])


def _check_token(scope: Scope, one: Object, rule: dict[str, Any]) -> Iterator[Finding]:
    issuer, keys = str(rule.get("issuer", "")), rule.get("jwksUri")
    secure = issuer.startswith("https://") and (keys is None or str(keys).startswith("https://"))
    if not secure or not rule.get("audiences"):
        yield scope.fault(
            title(one),
            "token of anybody is taken",
            wanted="an https issuer, audiences, and keys over https",
            found=f"issuer {issuer}, audiences {rule.get('audiences')}, keys {keys or 'found'}",
            next_step="say whose tokens these are and for whom they were made",
        )
    if "jwks" in rule:
        yield scope.fault(
            title(one),
            "keys that cannot be changed",
            wanted="jwksUri, or nothing and so the issuer's own discovery",
            found="jwks in the manifest",
            next_step="name where the keys are: a key that was stolen is changed there",
        )
