"""Arguments that every function of the module can be called with."""

from typing import Any

from tests.unit.pipeline.conftest import DIGEST

CHECKOUT = {"git": "git-id", "token": "token-id"}
PUSH = {"username": "ci", "password": "secret-id"}
RELEASE = {
    "service": "generator", "model": "qwen3-8b",
    "model_artifact": f"registry.example/qwen3-8b:1@{DIGEST}", "username": "ci",
    "password": "password-id", "key": "key-id", "key_password": "key-password-id",
    "evidence_key": "evidence-key-id", "registry_config": "config-id", "git": "git-id",
    "store": "store-id", "token": "token-id",
}  # fmt: skip


CALLS: dict[str, dict[str, Any]] = {
    "bench": {"git": "git-id"},
    "build": {},
    "check": {},
    "ci": {"git": "git-id", "base": "main"},
    "docs": {},
    "gate": {"url": "https://llm.example", "model": "tiny-chat", "api_key": "key-id"},
    "lint": {},
    "promote": {"service": "generator", "to": "staging", "store": "store-id", "pull_request": True}
    | {"request": "run-7"}
    | CHECKOUT,
    "publish": PUSH,
    "release": RELEASE,
    "render": {},
    "results": {},
    "rollback": {"service": "generator", "env": "production", "request": "run-7"} | CHECKOUT,
    "sbom": {},
    "scan": {"gpu": True},
    "sign": {"reference": f"x@{DIGEST}", "key": "k", "key_password": "p", "registry_config": "c"},
    "smoke": {},
    "test": {},
    "verify_production": {
        "git": "git-id",
        "url": "https://llm.example",
        "kubeconfig": "config-id",
        "api_key": "key-id",
        "store": "store-id",
    },
}
