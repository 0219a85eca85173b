"""What must hold of analyses: whoever starts one gives what it asks for, and its answer counts."""

import re
from collections.abc import Iterator
from typing import Any

from tidegate.findings import Finding
from tidegate.manifests.objects import Object, dig, title
from tidegate.policy.scope import Scope

_TEMPLATES = ("AnalysisTemplate", "ClusterAnalysisTemplate")
_USED = re.compile(r"\{\{\s*args\.([\w-]+)\s*\}\}")
_RESULT = re.compile(r"\bresult\b")
_COUNT = re.compile(r"0*[1-9][0-9]*", re.ASCII)
_ALL = 100  # per cent
_HASHES = {"Latest", "Stable"}


def check_analyses(scope: Scope) -> Iterator[Finding]:
    """Findings of a scope's analyses and of the Rollouts that start them."""
    templates = {one["metadata"]["name"]: one for one in scope.of(*_TEMPLATES)}
    for one in templates.values():
        yield from _check_arguments(scope, one)
        yield from _check_conditions(scope, one)
    for one in scope.of("Rollout"):
        for analysis in _analyses(one["spec"]):
            names = [part.get("templateName") for part in analysis["templates"]]
            meant = [templates[name] for name in names if name in templates]
            # One that is named and not there has its own finding.
            if len(meant) == len(names) or None in names:
                yield from _check_given(scope, one, analysis.get("args") or [], meant)
        yield from _check_routes(scope, one)
        yield from _check_steps(scope, one)


def _names(listed: object) -> set[str]:
    return {str(one.get("name")) for one in listed} if isinstance(listed, list) else set()


def _check_arguments(scope: Scope, one: Object) -> Iterator[Finding]:
    used = set(_USED.findall(str(one["spec"].get("metrics"))))
    declared = _names(one["spec"].get("args"))
    if used != declared:
        yield scope.fault(
            title(one),
            "arguments are not those that are used",
            wanted=", ".join(sorted(used)),
            found=", ".join(sorted(declared)),
            next_step="declare each argument that a query names, and no other",
        )


def _check_conditions(scope: Scope, one: Object) -> Iterator[Finding]:
    """A measurement has an address, is taken, and is compared."""
    for metric in dig(one, "spec", "metrics") or []:
        conditions = [metric.get("successCondition"), metric.get("failureCondition")]
        said = [str(condition) for condition in conditions if condition]
        asks = "prometheus" in metric["provider"]
        both = len(said) == len(conditions) and all(map(_RESULT.search, said))
        sound = {
            "success and failure by result": both or not asks,
            "a count above 0": _COUNT.fullmatch(str(metric.get("count", 1))),
            "provider.prometheus.address": dig(metric, "provider", "prometheus", "address")
            or not asks,
        }
        missing = [name for name, held in sound.items() if not held]
        if missing:
            yield scope.fault(
                f"{title(one)}/{metric['name']}",
                "measurement that says nothing",
                wanted=", ".join(missing),
                found=", ".join(said),
                next_step="correct the metric; the rollout would wait, or go on, whatever it is",
            )


def _analyses(value: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - JSON
    """Everything in a Rollout that starts analyses: steps, in the background, before and after."""
    if isinstance(value, dict):
        templates = value.get("templates")
        if isinstance(templates, list) and not any("specRef" in one for one in templates):
            yield value
        else:
            for one in value.values():
                yield from _analyses(one)
    elif isinstance(value, list):
        for one in value:
            yield from _analyses(one)


def _check_given(
    scope: Scope, one: Object, given: list[dict[str, Any]], meant: list[Object]
) -> Iterator[Finding]:
    """What has no value of its own is given, and nothing is given that nobody asks for."""
    arguments = [argument for template in meant for argument in template["spec"].get("args") or []]
    open_ = _names([a for a in arguments if "value" not in a and "valueFrom" not in a])
    filled = _names([a for a in given if a.get("value") or a.get("valueFrom")])
    hashes = {dig(a, "valueFrom", "podTemplateHashValue") for a in given} - {None}
    if not meant or _names(given) - _names(arguments) or open_ - filled or hashes - _HASHES:
        yield scope.fault(
            title(one),
            "analysis is not given what it asks for",
            wanted=f"{', '.join(sorted(open_)) or 'nothing'}, hashes Latest or Stable",
            found=", ".join([*sorted(_names(given)), *sorted(hashes - _HASHES)]),
            next_step="correct args: an analysis without them is an error, and the rollout aborts",
        )


def _check_steps(scope: Scope, one: Object) -> Iterator[Finding]:
    """Each step does one thing, and no count, share or time is below zero."""
    steps = dig(one, "spec", "strategy", "canary", "steps") or []
    wrong = [step for step in steps if len(step) != 1 or step.get("setWeight", 0) > _ALL]
    wrong += [number for number in _numbers(one["spec"]) if number < 0]
    if wrong:
        yield scope.fault(
            title(one),
            "value that Argo Rollouts refuses",
            wanted="steps of one thing each, shares of 0 to 100, and no number below 0",
            found=wrong[0],
            next_step="correct the value",
        )


def _numbers(value: Any) -> Iterator[int]:  # noqa: ANN401 - JSON
    if isinstance(value, int):
        yield value
    for one in value.values() if isinstance(value, dict) else value if _is_list(value) else ():
        yield from _numbers(one)


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _check_routes(scope: Scope, one: Object) -> Iterator[Finding]:
    """The controller writes only routes that it is told to manage."""
    canary = dig(one, "spec", "strategy", "canary") or {}
    managed = _names(dig(canary, "trafficRouting", "managedRoutes"))
    steps = canary.get("steps") or []
    set_ = [step.get(key) for step in steps for key in ("setHeaderRoute", "setMirrorRoute")]
    unknown = _names([route for route in set_ if route]) - managed
    if unknown:
        yield scope.fault(
            title(one),
            "route that is not managed",
            wanted=f"of managedRoutes: {', '.join(sorted(managed))}",
            found=", ".join(sorted(unknown)),
            next_step="list it in trafficRouting.managedRoutes",
        )
