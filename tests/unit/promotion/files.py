"""Files of a fork as tests write them."""

import json
from pathlib import Path
from typing import Any

from tidegate.catalog.policy import SignerIdentity


def policy_file(environment: str) -> str:
    """Where the policy of an environment stands."""
    return f"overlays/{environment}/policy.yaml"


def policy_text(
    environment: str,
    *evidence: dict[str, Any],
    **spec: Any,  # noqa: ANN401 - any YAML
) -> str:
    """A policy that asks for a verdict, or for this evidence; JSON is YAML."""
    wanted = list(evidence) or [{"kind": "verdict", "signers": "pipeline"}]
    return json.dumps(
        {
            "apiVersion": "tidegate.dev/v1alpha1",
            "kind": "PromotionPolicy",
            "metadata": {"name": environment},
            "spec": {"evidence": wanted, **spec},
        },
        indent=1,
    )


def signers_text(**roles: list[SignerIdentity]) -> str:
    """A fork's overlays/signers.yaml."""
    named = {
        role: [one.model_dump(mode="json", by_alias=True, exclude_none=True) for one in signers]
        for role, signers in roles.items()
    }
    return json.dumps(
        {
            "apiVersion": "tidegate.dev/v1alpha1",
            "kind": "Signers",
            "metadata": {"name": "signers"},
            "spec": {"roles": named},
        },
        indent=1,
    )


def write_hook(path: Path, script: str) -> None:
    """A git hook of a few shell commands."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
