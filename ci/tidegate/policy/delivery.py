"""What must hold of delivery: Argo CD, Argo Rollouts, External Secrets and nodes."""

import re
from collections.abc import Iterator

from tidegate.findings import Finding
from tidegate.manifests.objects import Object, dig, title
from tidegate.policy.queries import no_json
from tidegate.policy.scope import Scope

_KEPT = {"CustomResourceDefinition", "Namespace", "PersistentVolumeClaim"}
_KEPT |= {"ClusterSecretStore", "ExternalSecret", "SecretStore"}
_OPTIONS = "argocd.argoproj.io/sync-options"
_OLD_SPAN_NAMES = {
    "gen_ai.system": "gen_ai.provider.name",
    "gen_ai.usage.prompt_tokens": "gen_ai.usage.input_tokens",
    "gen_ai.usage.completion_tokens": "gen_ai.usage.output_tokens",
}


def check_delivery(scope: Scope) -> Iterator[Finding]:
    """Findings of how a scope's objects are brought to a cluster and kept there."""
    checks = {
        "AnalysisTemplate": _check_analysis,
        "AppProject": _check_project,
        "ClusterAnalysisTemplate": _check_analysis,
        "ConfigMap": _check_configuration,
        "EC2NodeClass": _check_nodes,
        "ExternalSecret": _check_external_secret,
        "Rollout": _check_rollout,
        "Secret": _check_secret,
    }
    for one in scope.objects:
        if one["kind"] in checks:
            yield from checks[one["kind"]](scope, one)
        if one["kind"] in _KEPT:
            yield from _check_kept(scope, one)


def _check_kept(scope: Scope, one: Object) -> Iterator[Finding]:
    """What holds data or secrets is not deleted because a commit no longer names it."""
    found = dig(one, "metadata", "annotations", _OPTIONS) or ""
    options = {part.strip().lower() for part in found.split(",")}
    if not all({f"{act}=false", f"{act}=confirm"} & options for act in ("prune", "delete")):
        yield scope.fault(
            title(one),
            "may be pruned",
            wanted=f"{_OPTIONS}: Prune=confirm,Delete=confirm, or false",
            found=found,
            next_step="add the annotation: a removed line must not remove data",
        )


def _check_project(scope: Scope, one: Object) -> Iterator[Finding]:
    spec = one["spec"]
    policies = dig(spec, "sourceIntegrity", "git", "policies") or []
    keys = [key for policy in policies for key in dig(policy, "gpg", "keys") or []]
    strict = policies and all(dig(policy, "gpg", "mode") == "strict" for policy in policies)
    if policies and not (
        strict and keys and all(re.fullmatch("[0-9A-F]{40}", key) for key in keys)
    ):
        yield scope.fault(
            title(one),
            "commits are not verified",
            wanted="sourceIntegrity mode strict with full fingerprints",
            found=", ".join(keys),
            next_step="list the 40 hex digits of each key that may sign",
        )
    yield from _check_windows(scope, one)


def _check_windows(scope: Scope, one: Object) -> Iterator[Finding]:
    """Production has hours in which nothing moves."""
    spaces = {str(d.get("namespace")) for d in one["spec"].get("destinations") or []}
    kinds = {window.get("kind") for window in one["spec"].get("syncWindows") or []}
    if any("production" in space for space in spaces) and "deny" not in kinds:
        yield scope.fault(
            title(one),
            "production can be synced at any hour",
            wanted="a syncWindow of kind deny",
            found=", ".join(map(str, kinds)),
            next_step="add the hours in which nobody could answer",
        )


def _check_configuration(scope: Scope, one: Object) -> Iterator[Finding]:
    data = one.get("data") or {}
    if one["metadata"]["name"] == "argocd-rbac-cm":
        yield from _check_rbac(scope, one, data)
    for file, content in data.items():
        if file.endswith(".json") and (fault := no_json(content)):
            yield scope.fault(
                f"{title(one)}/{file}",
                "file is no JSON",
                wanted="JSON, as its name says",
                found=fault,
                next_step="correct it; whoever reads it, such as Grafana, leaves it out",
            )
    text = "\n".join(map(str, data.values()))
    for old, new in _OLD_SPAN_NAMES.items():
        if re.search(rf"{re.escape(old)}\b", text) and new not in text:
            yield scope.fault(
                title(one),
                "renamed span attribute",
                wanted=new,
                found=old,
                next_step="map the old name, which vLLM still sends, to the new one",
            )


def _check_rbac(scope: Scope, one: Object, data: dict[str, str]) -> Iterator[Finding]:
    wide = [
        line.strip()
        for line in str(data.get("policy.csv", "")).splitlines()
        if re.fullmatch(r"p,[^,]+,\s*\*,\s*\*,.*allow", line.strip())
    ]
    default = data.get("policy.default", "")
    if default not in {"", "role:none"} or wide:
        yield scope.fault(
            title(one),
            "Argo CD allows by default",
            wanted='policy.default "" and no role with *, *',
            found=", ".join([f"policy.default {default}", *wide]),
            next_step="name what each role may do",
        )


def _check_secret(scope: Scope, one: Object) -> Iterator[Finding]:
    values = {**(one.get("data") or {}), **(one.get("stringData") or {})}
    kind = dig(one, "metadata", "labels", "argocd.argoproj.io/secret-type")
    address = kind == "cluster" and not re.search("token|password|keydata", str(values).lower())
    if values and not address:
        yield scope.fault(
            title(one),
            "secret in git",
            wanted="an ExternalSecret",
            found=", ".join(values),
            next_step="rotate it now, and keep the new one in a secret store",
        )


def _check_external_secret(scope: Scope, one: Object) -> Iterator[Finding]:
    spec = one["spec"]
    found = {
        "secretStoreRef": dig(spec, "secretStoreRef", "name"),
        "refreshInterval": spec.get("refreshInterval"),
        "target.deletionPolicy Retain": dig(spec, "target", "deletionPolicy") == "Retain",
    }
    missing = [name for name, value in found.items() if not value]
    if missing:
        yield scope.fault(
            title(one),
            "external secret is incomplete",
            wanted=", ".join(found),
            found=f"no {', '.join(missing)}",
            next_step="add it: a store that does not answer must not delete a secret",
        )


def _check_nodes(scope: Scope, one: Object) -> Iterator[Finding]:
    for term in dig(one, "spec", "amiSelectorTerms") or []:
        if str(term.get("alias", "")).startswith("al2@"):
            yield scope.fault(
                title(one),
                "retired node image",
                wanted="al2023@ or bottlerocket@",
                found=term["alias"],
                next_step="move: there are no GPU images of Amazon Linux 2 any more",
            )


def _check_rollout(scope: Scope, one: Object) -> Iterator[Finding]:
    """Each share of traffic is measured before the next: time alone proves nothing."""
    canary = dig(one, "spec", "strategy", "canary")
    if not isinstance(canary, dict) or canary.get("analysis"):
        return
    measured = True
    for step in canary.get("steps") or []:
        weight = step.get("setWeight")
        if "analysis" in step or "experiment" in step:
            measured = True
        elif weight is not None:
            if not measured:
                break
            measured = weight == 0
    if not measured:
        yield scope.fault(
            title(one),
            "canary that measures nothing",
            wanted="an analysis after each setWeight",
            found="a pause",
            next_step="add an analysis step, or one in the background",
        )


def _check_analysis(scope: Scope, one: Object) -> Iterator[Finding]:
    for metric in dig(one, "spec", "metrics") or []:
        conditions = f"{metric.get('successCondition', '')}{metric.get('failureCondition', '')}"
        prometheus = dig(metric, "provider", "prometheus")
        if prometheus is not None and (
            "len(result)" not in conditions and "isNaN" not in conditions
        ):
            yield scope.fault(
                f"{title(one)}/{metric['name']}",
                "analysis does not expect an empty result",
                wanted="a condition that asks len(result) or isNaN(result[0])",
                found=conditions,
                next_step="say what no data means: it is never a success",
            )
