"""What publishes, signs, promotes and verifies, called as an engine calls it."""

import json
from typing import Any

import pytest
from dagger import QueryError
from dagger.mod._exceptions import FunctionError
from tests.conftest import ROOT
from tests.unit.pipeline.conftest import DIGEST, IMAGES, Caller, Engine, told
from tests.unit.pipeline.samples import CALLS, CHECKOUT, PUSH, RELEASE

from tidegate.catalog.load import load_valid

pytestmark = pytest.mark.anyio
TIDEGATE = ".venv/bin/tidegate"


def promoting(engine: Engine) -> list[tuple[str, dict[str, Any]]]:
    """The one chain of a release that promotes."""
    (chain,) = [c for c in engine.chains if c[-1][0] == "sync" and "promote" in str(c)]
    return chain


@pytest.mark.parametrize("name", ["publish", "sign"])
async def test_nothing_is_published_or_signed_by_an_image_without_digest(
    name: str, call: Caller, engine: Engine
) -> None:
    """One line says which, and how to get its digest."""
    engine.answers["contents"] = IMAGES

    with pytest.raises(FunctionError, match="digest is not known; wanted sha256:<64 hex>, found "):
        await call(name, **CALLS[name])

    assert engine.calls("publish") == []
    assert engine.commands() == []


async def test_publishing_returns_the_digest_that_the_registry_serves(
    call: Caller, engine: Engine
) -> None:
    """Read again from the registry, not believed."""
    said = await call("publish", **PUSH)

    assert said == f"registry.example/engine:main@{DIGEST}"
    assert [one["address"] for one in engine.calls("publish")] == ["registry.example/engine:main"]
    assert engine.calls("withEnvVariable") == []  # nothing of a run is in what is published


async def test_a_digest_that_differs_after_the_push_is_refused(
    call: Caller, engine: Engine
) -> None:
    """Somebody else pushed the same tag."""
    engine.answers["imageRef"] = f"registry.example/engine@sha256:{'b' * 64}"

    with pytest.raises(FunctionError, match="digest: differs after the push; wanted sha256:aaaa"):
        await call("publish", **PUSH)


async def test_nothing_is_built_without_a_registry_to_publish_to(
    call: Caller, engine: Engine
) -> None:
    """The line says how to name one."""
    call.state["registry"] = ""

    with pytest.raises(FunctionError, match=r"no registry; wanted registry\.example/path/name"):
        await call("publish", **PUSH)

    assert engine.calls("publish") == []


async def test_a_release_is_published_signed_gated_and_promoted_in_this_order(
    call: Caller, engine: Engine
) -> None:
    """What is signed, gated and promoted is the digest that was published."""
    await call("release", **RELEASE)

    reference = f"registry.example/engine:main@{DIGEST}"
    sign, *stated, gate, push, promote = [c for c in engine.commands() if reference in c]
    assert sign == [
        *("sign", "--yes", "--key", "/keys/cosign.key"),
        *("--signing-config", "/services.json", reference),
    ]
    assert gate[:3] == [TIDEGATE, "gate", "run"]
    assert gate[gate.index("--suite") + 1] == "full"
    assert promote[:5] == [TIDEGATE, "promote", "generator", "--to", "dev"]
    assert {tuple(c[-6:]) for c in (*stated, gate, push, promote)} == {
        (
            *("--engine", reference, "--model-artifact", RELEASE["model_artifact"]),
            *("--store", "/release/store"),
        )
    }


async def test_an_image_is_signed_by_no_service_of_anybody(call: Caller, engine: Engine) -> None:
    """Neither Sigstore's public log nor its clock: not reached in a closed network, read by all."""
    await call("sign", **CALLS["sign"])

    (services,) = engine.calls("withNewFile")
    said = json.loads(services["contents"])
    assert services["path"] == "/services.json"
    assert said.pop("mediaType") == "application/vnd.dev.sigstore.signingconfig.v0.2+json"
    assert said == {"rekorTlogConfig": {}, "tsaConfig": {}}


async def test_a_release_has_all_the_evidence_that_policies_ask_for(
    call: Caller, engine: Engine
) -> None:
    """Signed about the digest that was published, by the container that promotes, before it does.

    The registries are asked for what evidence is about, and keep it next to that.
    """
    await call("release", **RELEASE)

    chain = promoting(engine)
    lines = [args["args"] for field, args in chain if field == "withExec"]
    made = [" ".join(line[1:4]) for line in lines if line[0] == TIDEGATE][-9:]
    assert made == [
        "evidence pull --engine",
        "scan /reports/scan.json --database",
        "evidence add sbom",
        "evidence add scan",
        "evidence provenance --base",
        f"evidence sign-model {DIGEST}",
        "gate run --url",
        "evidence push --engine",
        "promote generator --to",
    ]
    asked = {
        wanted.kind for name in load_valid(ROOT).policies.values() for wanted in name.spec.evidence
    }
    assert asked - {"approval"} == {"verdict", "provenance", "sbom", "scan", "model"}


async def test_a_release_gives_its_evidence_back(call: Caller, engine: Engine) -> None:
    """The next promotion takes the store; what the first one said lies beside it."""
    await call("release", **RELEASE)

    chain = promoting(engine)
    assert [field for field, _ in chain[-3:]] == ["withExec", "directory", "sync"]
    assert chain[-3][1]["redirectStdout"] == "/release/promotion.json"
    assert chain[-2][1] == {"path": "/release"}


async def test_an_image_that_the_scan_does_not_pass_is_not_promoted(
    call: Caller, engine: Engine
) -> None:
    """Refused, or in doubt as where no database can be had: the command ends the chain."""
    engine.failing["/reports/scan.json"] = told("exit code: 2")

    with pytest.raises(QueryError, match="exit code: 2"):
        await call("release", **RELEASE)

    chain = promoting(engine)
    words = str(chain)
    assert words.index("/reports/scan.json") < words.index("'promote'")


async def test_the_gates_of_a_release_sign_their_verdict_with_the_given_key(
    call: Caller, engine: Engine
) -> None:
    """The key is a mounted secret, named by a variable and on no command line."""
    await call("release", **RELEASE)

    path = "/keys/evidence.pem"
    mounted = [one["path"] for one in engine.calls("withMountedSecret")]
    named = {one["name"]: one["value"] for one in engine.calls("withEnvVariable")}
    assert path in mounted
    assert named["TIDEGATE_SIGNER"] == f"file:{path}"


async def test_what_cannot_be_signed_is_neither_gated_nor_promoted(
    call: Caller, engine: Engine
) -> None:
    """The release ends with the first failure."""
    engine.failing['"sign"'] = RuntimeError("no such key")

    with pytest.raises(FunctionError, match="no such key"):
        await call("release", **RELEASE)

    assert not any({"gate", "promote"} & set(command) for command in engine.commands())


async def test_a_release_is_promoted_by_the_container_that_proved_it(
    call: Caller, engine: Engine
) -> None:
    """One chain of commands: where the gates fail, the engine never comes to the promotion."""
    await call("release", **RELEASE)

    chain = promoting(engine)
    words = [args["args"][1] for field, args in chain if field == "withExec" and args["args"][1:]]
    assert words[-3:] == ["gate", "evidence", "promote"]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("publish", {"username": "ci", "password": "secret-id"}),
        ("sign", {"reference": "r", "key": "k", "key_password": "p", "registry_config": "c"}),
        ("promote", {"service": "s", "to": "dev", "git": "g", "store": "o", "token": "t"}),
        ("rollback", {"service": "s", "env": "dev", "git": "g", "token": "t"}),
        ("gate", {"url": "u", "model": "m", "api_key": "a"}),
        ("verify_production", {"url": "u", "kubeconfig": "k", "git": "g", "api_key": "a"}),
        ("release", RELEASE),
    ],
)
async def test_no_secret_is_ever_read(
    name: str, arguments: dict[str, str], call: Caller, engine: Engine
) -> None:
    """The module never asks for a plaintext, so none can reach a log, a cache key or a commit.

    A canary that the engine would give is asked for nowhere and appears in no call.
    """
    canary = "canary-5f2c"
    engine.answers["plaintext"] = canary

    await call(name, **arguments)

    fields = {field for chain in engine.chains for field, _ in chain}
    assert "plaintext" not in fields
    assert canary not in str(engine.chains)


async def test_a_token_reaches_git_by_a_variable_alone(call: Caller, engine: Engine) -> None:
    """Neither a command line nor a file holds it; the helper names the variable."""
    await call("rollback", service="generator", env="production", **CHECKOUT)

    assert [one["name"] for one in engine.calls("withSecretVariable")] == ["TIDEGATE_GIT_TOKEN"]
    helper = [one["value"] for one in engine.calls("withEnvVariable") if "!f()" in one["value"]]
    assert helper == ['!f() { echo username=tidegate; echo "password=$TIDEGATE_GIT_TOKEN"; }; f']
    assert not any("token-id" in word for command in engine.commands() for word in command)


async def test_a_cluster_is_asked_and_its_credentials_go_no_further(
    call: Caller, engine: Engine
) -> None:
    """The list of pods is a file; what reads it has no way to the cluster."""
    await call("verify_production", **CALLS["verify_production"])

    (chain,) = [chain for chain in engine.chains if "verify" in str(chain[-2])]
    fields = [field for field, _ in chain]
    assert fields.index("withoutMount") == fields.index("withMountedSecret") + 3
    assert fields[fields.index("withoutMount") :] == [
        *("withoutMount", "withDirectory", "withExec", "stdout"),
    ]
