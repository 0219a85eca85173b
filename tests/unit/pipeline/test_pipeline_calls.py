"""What the functions ask of an engine, called as an engine calls them."""

from typing import Any

import pytest
import typer
from dagger.mod._exceptions import FunctionError
from tests.unit.pipeline.conftest import DIGEST, IMAGES, LOCKED, Caller, Engine

from tidegate.ci.steps import STEPS
from tidegate.cli.app import app

pytestmark = pytest.mark.anyio
TIDEGATE = ".venv/bin/tidegate"
CHECKOUT = {"git": "git-id", "token": "token-id"}
PUSH = {"username": "ci", "password": "secret-id"}
RELEASE = {
    "service": "generator", "model": "qwen3-8b",
    "model_artifact": f"registry.example/qwen3-8b:1@{DIGEST}", "username": "ci",
    "password": "password-id", "key": "key-id", "key_password": "key-password-id",
    "registry_config": "config-id", "git": "git-id", "store": "store-id", "token": "token-id",
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
    | CHECKOUT,
    "publish": PUSH,
    "release": RELEASE,
    "render": {},
    "results": {},
    "rollback": {"service": "generator", "env": "production"} | CHECKOUT,
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
    },
}


@pytest.mark.parametrize("name", ["lint", "check", "test"])
async def test_a_step_is_the_same_command_as_on_a_laptop(
    name: str, call: Caller, engine: Engine
) -> None:
    """The toolbox runs `tidegate ci`, so that name and meaning are the same everywhere."""
    assert await call(name) == "done"

    assert engine.commands()[-3:] == [
        ["scripts/setup"],
        ["git", "init", "--quiet"],
        [TIDEGATE, "ci", "--only", name],
    ]
    assert engine.calls("from") == [
        {"address": f"docker.io/library/python:3.11-slim-bookworm@{DIGEST}"}
    ]


async def test_ci_runs_every_step_and_ends_with_one_table(call: Caller, engine: Engine) -> None:
    """One line a step, in the order of `tidegate ci`, and the gates' own table."""
    engine.answers["contents"] = LOCKED

    said = await call("ci", git="git-id")

    rows = [line.split(" | ")[0].strip("| ") for line in said.splitlines() if "| passed |" in line]
    assert rows == [step.name for step in STEPS]
    assert said.endswith(f"{LOCKED.strip()}\n")  # what the file of the gates holds, here


async def test_ci_leaves_out_what_reads_no_changed_file(call: Caller, engine: Engine) -> None:
    """The plan comes from the checkout itself, so a change of documents costs seconds."""
    engine.answers["stdout"] = (
        '[{"name": "lint/format", "needed": false}, {"name": "check/repository", "needed": true}]'
    )

    said = await call("ci", git="git-id", base="main")

    assert "| check | passed |" in said
    assert "| scan | nothing it reads changed |" in said
    assert [TIDEGATE, "ci", "--plan", "--base", "main", "--json"] in engine.commands()
    assert [TIDEGATE, "diff", "main", "--format", "markdown"] in engine.commands()
    assert not any("trivy" in command for command in engine.commands())


async def test_the_first_failure_of_ci_is_the_one_that_is_shown(
    call: Caller, engine: Engine
) -> None:
    """Not a group of errors, and not a cancelled neighbour."""
    engine.failing["scan.json"] = RuntimeError("the image has a vulnerability")

    with pytest.raises(FunctionError, match=r"^the image has a vulnerability$"):
        await call("ci", git="git-id")


@pytest.mark.parametrize(
    ("gpu", "target", "argument"),
    [(False, "cpu", "BASE"), (True, "gpu", "GPU_BASE")],
    ids=["cpu", "gpu"],
)
async def test_the_image_is_built_from_a_base_by_digest(
    call: Caller, engine: Engine, *, gpu: bool, target: str, argument: str
) -> None:
    """And from the files that its Dockerfile copies, so that no other change builds it anew."""
    await call("build", gpu=gpu)

    (built,) = engine.calls("dockerBuild")
    (base,) = built["buildArgs"]
    assert built["target"] == target
    assert base["name"] == argument
    assert base["value"].endswith(f"@{DIGEST}")
    assert {
        "include": ["ci/images/engine/*", "requirements/engine.txt", "requirements/uv.txt"]
    } in (engine.calls("filter"))


async def test_an_image_without_digest_is_resolved_once_and_used_by_digest(
    call: Caller, engine: Engine
) -> None:
    """So that a clean clone proves itself before somebody locked the list."""
    engine.answers["contents"] = IMAGES
    engine.answers["imageRef"] = f"docker.io/library/python:3.11-slim-bookworm@{DIGEST}"

    await call("lint")

    assert [one["address"] for one in engine.calls("from")] == [
        "docker.io/library/python:3.11-slim-bookworm",
        f"docker.io/library/python:3.11-slim-bookworm@{DIGEST}",
    ]


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


async def test_mirrors_replace_outside_images(call: Caller, engine: Engine) -> None:
    """`--images` is a file of the same form."""
    call.state["images"] = "images-id"

    await call("render")

    assert {"id": "images-id"} in engine.calls("node")


async def test_units_are_rendered_by_kustomize_itself(call: Caller, engine: Engine) -> None:
    """Each folder by its own call, into a file of the unit's name."""
    engine.answers["glob"] = ["overlays/dev/generator/kustomization.yaml"]

    await call("render")

    assert ["build", "."] in engine.commands()
    assert {"path": "/work/overlays/dev/generator"} in engine.calls("withWorkdir")
    assert {one["path"] for one in engine.calls("withFile")} == {"dev/generator.yaml"}
    assert {one["pattern"] for one in engine.calls("glob")} == {
        "overlays/*/*/kustomization.yaml",
        "clusters/*/kustomization.yaml",
    }


@pytest.mark.parametrize("name", ["scan", "smoke"])
async def test_a_measurement_is_never_a_cached_command(
    name: str, call: Caller, engine: Engine
) -> None:
    """The function is not cached, and neither are the commands that it runs."""
    await call(name)
    await call(name)

    runs = [
        one["value"] for one in engine.calls("withEnvVariable") if one["name"] == "TIDEGATE_RUN"
    ]
    assert len(runs) >= 2
    assert len(set(runs)) == len(runs)


async def test_the_smoke_test_serves_the_image_without_a_gpu(call: Caller, engine: Engine) -> None:
    """The model is mounted, not baked in, and its gates judge it."""
    await call("smoke")

    (service,) = engine.calls("asService")
    assert service["args"][:4] == ["--config", "/etc/vllm/engine.yaml", "--model", "/model"]
    assert service["useEntrypoint"] is True
    (model,) = engine.calls("withMountedDirectory")
    assert (model["path"], model["owner"]) == ("/model", "10001:10001")  # weights are 0600
    assert engine.calls("experimentalWithAllGPUs") == []
    gates = [TIDEGATE, "gate", "run", "--url", "http://engine:8000", "--model", "tiny-chat"]
    assert [*gates, "--markdown", "/gates.md"] in engine.commands()
    variables = {one["name"] for one in engine.calls("withEnvVariable")}
    assert variables >= {"VLLM_TARGET_DEVICE", "VLLM_ENABLE_V1_MULTIPROCESSING"}


async def test_the_smoke_test_asks_for_every_gpu(call: Caller, engine: Engine) -> None:
    """An engine whose host has none refuses in its own words, before anything is measured."""
    engine.answers["contents"] = engine.answers["contents"]

    await call("smoke", gpu=True)

    assert engine.calls("experimentalWithAllGPUs") == [{}]


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
    sign, gate, promote = [c for c in engine.commands() if reference in c]
    assert sign == ["sign", "--yes", "--key", "/keys/cosign.key", reference]
    assert gate[:3] == [TIDEGATE, "gate", "run"]
    assert promote[:5] == [TIDEGATE, "promote", "generator", "--to", "dev"]
    assert {tuple(c[-6:]) for c in (gate, promote)} == {
        (
            *("--engine", reference, "--model-artifact", RELEASE["model_artifact"]),
            *("--store", "/store"),
        )
    }


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

    (chain,) = [chain for chain in engine.chains if "promote" in str(chain)]
    words = [args["args"][1] for field, args in chain if field == "withExec" and args["args"][1:]]
    assert words[-2:] == ["gate", "promote"]


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
    assert fields[fields.index("withoutMount") :] == ["withoutMount", "withExec", "stdout"]


async def test_results_are_exported_whatever_the_outcome(call: Caller, engine: Engine) -> None:
    """Logs of a failure are what somebody needs."""
    await call("results")

    (ran,) = [one for one in engine.calls("withExec") if "--results" in one["args"]]
    assert ran["expect"] == "ANY"
    assert {"path": "/results"} in engine.calls("directory")


@pytest.mark.parametrize("name", sorted(CALLS))
async def test_every_command_of_ours_is_one_that_the_command_line_knows(
    name: str, call: Caller, engine: Engine
) -> None:
    """Every function can be called, and every `tidegate` of it parses; nothing is run."""
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)

    engine.answers["stdout"] = '[{"name": "smoke/gates", "needed": true}]'  # the plan of `ci`

    await call(name, **CALLS[name])

    assert engine.chains
    for program, *words in engine.commands():
        if program == TIDEGATE:
            assert parsed(group, words)


def parsed(group: Any, words: list[str]) -> Any:  # noqa: ANN401 - typer's own copy of click
    """The values of the command that the words name."""
    command = group.commands[words[0]]
    if hasattr(command, "commands"):
        return parsed(command, words[1:])
    return command.make_context(words[0], words[1:]).params
