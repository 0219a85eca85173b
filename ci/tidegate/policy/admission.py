"""Evaluates the ValidatingAdmissionPolicies of policies/ here, by the expressions a cluster runs.

An API server sees one object at a time and so does this. Neither a namespaceSelector nor a match
condition is looked at: what a commit brings is held to the policies wherever it goes, and only an
exception accepts a finding. An expression that fails is a refusal, as `failurePolicy: Fail` says.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cel_expr_python import cel
from cel_expr_python.ext import ext_optional, ext_strings
from yaml import YAMLError

from tidegate.findings import CouldNotCheckError, Finding, cannot_check
from tidegate.machine_yaml import read_all
from tidegate.manifests.objects import Object, title
from tidegate.policy.scope import Scope

FOLDER = "policies"
TITLE = "tidegate.dev/finding"
# What was never promoted has such names; its images are judged when it has a release.
_UNRELEASED = re.compile(r'"REPLACE_ME[\w.-]+"')
_RELEASED = f'"registry.example/released@sha256:{"0" * 64}"'
_PLURALS = {"NetworkPolicy": "networkpolicies"}


@dataclass(frozen=True, slots=True)
class Rule:
    """One validation: its compiled expression and what it wants."""

    expression: cel.Expression
    message: str


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy, compiled: what it is for, its variables in their order, its validations."""

    file: str
    text: str
    finding: str
    conditions: tuple[cel.Expression, ...]
    resources: frozenset[tuple[str, str]]
    variables: tuple[tuple[str, cel.Expression], ...]
    rules: tuple[Rule, ...]

    def matches(self, one: Object) -> bool:
        """Whether the API server would ask this policy about an object."""
        group = one["apiVersion"].rpartition("/")[0]
        plural = _PLURALS.get(one["kind"], f"{one['kind'].lower()}s")
        return (group, plural) in self.resources

    def leaves_out(self, one: Object) -> bool:
        """Whether the API server would let an object pass that it matches, by a match condition."""
        return any(_value(condition, one, {}) is not True for condition in self.conditions)

    def refusals(self, one: Object) -> Iterator[tuple[str, str]]:
        """What is wanted and not so, with what the expression gave instead of true."""
        variables: dict[str, Any] = {}
        for name, expression in self.variables:
            variables[name] = _value(expression, one, variables)
        for rule in self.rules:
            found = _value(rule.expression, one, variables)
            if found is not True:
                yield rule.message, "something else" if found is False else str(found)


def _value(expression: cel.Expression, one: Object, variables: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    return expression.eval(data={"object": one, "variables": variables}).plain_value()


@cache
def _environment() -> cel.Env:
    names = ("object", "variables")
    return cel.NewEnv(
        variables=dict.fromkeys(names, cel.Type.DYN),
        extensions=[ext_optional.ExtOptional(), ext_strings.ExtStrings()],
    )


def read_policies(root: Path) -> list[Policy]:
    """The policies of a repository, compiled.

    Raises:
        CouldNotCheckError: an expression does not compile.
    """
    return [
        _compiled(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))
        for path in sorted((root / FOLDER).glob("*.yaml"))
        if path.name != "kustomization.yaml"
    ]


@cache
def _compiled(file: str, text: str) -> Policy:
    try:
        (data,) = read_all(text)
        spec = data["spec"]
        return Policy(
            file,
            text,
            data["metadata"]["annotations"][TITLE],
            tuple(_compile(file, one) for one in spec.get("matchConditions") or []),
            frozenset(
                (group, resource)
                for rule in spec["matchConstraints"]["resourceRules"]
                for group in rule["apiGroups"]
                for resource in rule["resources"]
            ),
            tuple((one["name"], _compile(file, one)) for one in spec.get("variables") or []),
            tuple(Rule(_compile(file, one), one["message"]) for one in spec["validations"]),
        )
    except (AttributeError, KeyError, TypeError, ValueError, YAMLError) as error:
        found = f"{type(error).__name__} {' '.join(str(error).split())}"
        raise _unusable(file, "policy", "a ValidatingAdmissionPolicy", found) from None


def _compile(file: str, part: dict[str, str]) -> cel.Expression:
    try:
        return _environment().compile(part["expression"])
    except RuntimeError as error:
        where = part.get("name") or part.get("message") or "expression"
        raise _unusable(file, where, "CEL", " ".join(str(error).split())) from None


def _unusable(file: str, where: str, wanted: str, found: str) -> CouldNotCheckError:
    return cannot_check(
        file,
        where,
        "policy does not compile",
        wanted=wanted,
        found=found,
        next_step="correct the policy",
    )


def check_admission(scope: Scope, policies: list[Policy]) -> Iterator[Finding]:
    """Findings of every object that a policy refuses."""
    for one in scope.objects:
        asked = [policy for policy in policies if policy.matches(one)]
        released = _released(one) if asked else one
        for policy in asked:
            for wanted, found in policy.refusals(released):
                yield scope.fault(
                    title(one),
                    policy.finding,
                    wanted=wanted,
                    found=found,
                    next_step=f"see {policy.file}, or write an exception",
                )


def _released(one: Object) -> Object:
    released: Object = json.loads(_UNRELEASED.sub(_RELEASED, json.dumps(one)))
    return released
