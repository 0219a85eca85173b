"""What the proofs ask of an engine, called as an engine calls them."""

from typing import Any

import pytest
import typer
from dagger.mod._exceptions import FunctionError
from tests.conftest import ROOT
from tests.unit.pipeline.conftest import DIGEST, IMAGES, LOCKED, Caller, Engine, told
from tests.unit.pipeline.samples import CALLS

from tidegate.ci.steps import STEPS
from tidegate.cli.app import app

pytestmark = pytest.mark.anyio
TIDEGATE = ".venv/bin/tidegate"
GOLDEN = ROOT / "tests" / "golden"


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
    assert [TIDEGATE, "ci", "--only", "check", "--base", "main"] in engine.commands()
    assert not any({"trivy", "guard"} & set(command) for command in engine.commands())


async def test_ci_looks_once_at_what_commits_remove(call: Caller, engine: Engine) -> None:
    """Where the commits change no file that a step reads, they may have removed one before."""
    engine.answers["stdout"] = "[]"

    await call("ci", git="git-id", base="main")

    assert [TIDEGATE, "guard", "main..HEAD"] in engine.commands()


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


async def test_mirrors_replace_outside_images(call: Caller, engine: Engine) -> None:
    """`--images` is a file of the same form."""
    call.state["images"] = "images-id"

    await call("render")

    assert {"id": "images-id"} in engine.calls("node")


async def test_units_are_rendered_by_kustomize_itself(call: Caller, engine: Engine) -> None:
    """Each folder with a golden file by its own call, into a file of that name; no component."""
    engine.answers["glob"] = lambda chain: [
        path.relative_to(ROOT).as_posix() for path in ROOT.glob(chain[-1][1]["pattern"])
    ]
    engine.answers["contents"] = lambda chain: (ROOT / chain[-2][1]["path"]).read_text()

    await call("render")

    golden = {path.relative_to(GOLDEN).as_posix() for path in GOLDEN.glob("*/*.yaml")}
    made = {one["path"] for one in engine.calls("withFile")}
    assert made == {path for path in golden if not path.startswith("platform/")}
    assert ["build", "."] in engine.commands()
    assert {"path": "/work/overlays/dev/generator"} in engine.calls("withWorkdir")
    last = {chain[-1][0] for chain in engine.chains}
    assert "sync" in last  # a unit that cannot be rendered fails the function itself


async def test_the_toolbox_has_what_steps_start_and_trusts_what_the_image_trusts(
    call: Caller, engine: Engine
) -> None:
    """The slim image has neither git nor ps nor ssh-keygen."""
    await call("test")

    (packages,) = [command[2] for command in engine.commands() if command[0] == "sh"]
    variables = {one["name"]: one["value"] for one in engine.calls("withEnvVariable")}
    assert packages.split()[-4:] == ["git", "libnuma1", "openssh-client", "procps"]
    assert variables["UV_SYSTEM_CERTS"] == "1"
    assert variables["PIP_CERT"] == "/etc/ssl/certs/ca-certificates.crt"
    assert variables["SSL_CERT_FILE"] == "/etc/ssl/certs/ca-certificates.crt"


async def test_every_layer_that_trivy_gets_is_compressed_alike(
    call: Caller, engine: Engine
) -> None:
    """A base with layers of another form would make it fail on those that the build adds."""
    await call("sbom")

    assert engine.calls("asTarball") == [{"forcedCompression": "Gzip"}]


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


async def test_the_smoke_test_serves_the_model_that_it_judges(call: Caller, engine: Engine) -> None:
    """Whichever of the lab's it is."""
    await call("smoke", model="minilm")

    assert {"path": ".lab/models/minilm"} in engine.calls("directory")
    assert {"path": "models/minilm/engine.yaml"} in engine.calls("file")


async def test_the_smoke_test_asks_for_every_gpu(call: Caller, engine: Engine) -> None:
    """Its driver is asked first."""
    await call("smoke", gpu=True)

    assert engine.calls("experimentalWithAllGPUs") == [{}]
    assert ["nvidia-smi", "--list-gpus"] in engine.commands()


async def test_a_smoke_test_without_a_gpu_or_a_model_measures_nothing(
    call: Caller, engine: Engine
) -> None:
    """One line each, and no server is started."""
    engine.answers["exists"] = False
    with pytest.raises(FunctionError, match=r"--weights: config\.json: no model to serve"):
        await call("smoke", weights="weights-id")

    with pytest.raises(FunctionError, match=r"--weights: no weights; wanted those of qwen3-8b, or"):
        await call("smoke", model="qwen3-8b")

    engine.failing["nvidia-smi"] = told("no such device")
    with pytest.raises(FunctionError, match=r"--gpu: no GPU; .*, found no such device - name one"):
        await call("smoke", gpu=True)

    assert engine.calls("asService") == []


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
