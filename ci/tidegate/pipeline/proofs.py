"""The functions that prove a commit, and change nothing anywhere."""

from dataclasses import dataclass
from typing import Annotated

import dagger
from dagger import Doc, ReturnType, dag

from tidegate.lab.training_runs import CHAT
from tidegate.pipeline import containers, refusals
from tidegate.pipeline.arguments import BOT, ApiKey, Git, Gpu, Source, cached, uncached
from tidegate.pipeline.containers import TIDEGATE, fresh
from tidegate.supply.images import Image, named, pinned


@dataclass(kw_only=True)
class Proofs:
    """What proves a commit: everything that `ci` runs, alone."""

    source: Source
    registry: Annotated[
        str, Doc("Where the engine image is published, as registry.example/path/name.")
    ] = ""
    images: Annotated[
        dagger.File | None,
        Doc("Outside images to use instead of those of ci/images/images.yaml: mirrors."),
    ] = None
    platform: Annotated[str, Doc("What the engine image is built for.")] = "linux/amd64"

    async def _images(self) -> dict[str, Image]:
        return await containers.images(self.source, self.images)

    async def _outside(self, name: str) -> str:
        return await containers.resolved(named(await self._images(), name))

    async def _locked(self, name: str) -> str:
        """As `_outside`, for what is published or signs: refused without a digest in git."""
        return pinned(await self._images(), name)

    async def _toolbox(self) -> dagger.Container:
        return containers.toolbox(await self._outside("python"), self.source)

    async def _step(self, name: str) -> str:
        """A step as `tidegate ci` runs it."""
        command = [TIDEGATE, "ci", "--only", name]
        return await (await self._toolbox()).with_exec(command).stdout()

    @cached
    @dagger.check
    async def lint(self) -> str:
        """Run every linter, and hold the pins to what they were compiled from."""
        return await self._step("lint")

    @uncached
    @dagger.check
    async def check(self) -> str:
        """Render every unit and report what is wrong; never cached, as exceptions expire."""
        command = [TIDEGATE, "ci", "--only", "check"]
        return await fresh(await self._toolbox()).with_exec(command).stdout()

    @cached
    @dagger.check
    async def test(self) -> str:
        """Run every test that needs no cluster, the real engines of the lab included."""
        return await self._step("test")

    @cached
    async def render(self) -> dagger.Directory:
        """Every unit as Kustomize's own image renders it: what Argo CD would apply."""
        units = await containers.units(self.source)
        made = containers.rendered(await self._outside("kustomize"), self.source, units)
        return await made.sync()

    @cached
    async def build(self, *, gpu: Gpu = False) -> dagger.Container:
        """The engine image: vLLM as user 10001, from hashed pins or from its public image."""
        argument, base = ("GPU_BASE", "vllm") if gpu else ("BASE", "python")
        return self.source.filter(include=containers.IMAGE_INPUTS).docker_build(
            dockerfile="ci/images/engine/Dockerfile",
            platform=dagger.Platform(self.platform),
            target="gpu" if gpu else "cpu",
            build_args=[dagger.BuildArg(argument, await self._outside(base))],
        )

    async def _trivy(self, *, gpu: bool) -> dagger.Container:
        image = await self.build(gpu=gpu)
        return containers.trivy(await self._outside("trivy"), image)

    async def _reports(self, image: dagger.Container) -> dagger.Directory:
        """What a published image is made of, and what scanners know of it."""
        held = containers.trivy(await self._outside("trivy"), image)
        return containers.scanned(held).with_directory("/", containers.listed(held))

    async def _require(self, weights: dagger.Directory, name: str, *, gpu: bool) -> None:
        """Refuse what could not be served, before anything is built or published."""
        if gpu:
            await refusals.require_gpus(fresh(dag.container().from_(await self._outside("vllm"))))
        await refusals.require_model(weights, name)

    @uncached
    async def sbom(self, *, gpu: Gpu = False) -> dagger.Directory:
        """What the engine image is made of, in CycloneDX and in SPDX."""
        return await containers.listed(await self._trivy(gpu=gpu)).sync()

    @uncached
    async def scan(self, *, gpu: Gpu = False) -> dagger.Directory:
        """Judge what scanners know of the engine image by ci/images/scan-policy.yaml."""
        scanned = containers.scanned(await self._trivy(gpu=gpu))
        toolbox = (await self._toolbox()).with_directory("/scan", scanned)
        judged = toolbox.with_exec(
            [
                *(TIDEGATE, "scan", "/scan/scan.json", "--database", "/scan/database.json"),
                *("--output", "/scan/verdict.json"),
            ]
        )
        return await judged.directory("/scan").sync()

    @uncached
    async def smoke(
        self,
        *,
        gpu: Gpu = False,
        model: Annotated[str, Doc("A model of models/.")] = CHAT,
        weights: Annotated[
            dagger.Directory | None, Doc("Its weights; left out for a model that the lab trains.")
        ] = None,
    ) -> str:
        """Serve a model from the engine image and judge it by its gates; a table in Markdown."""
        config = self.source.file(f"models/{model}/engine.yaml")
        toolbox = await self._toolbox()
        served = weights or containers.trained(toolbox, refusals.trainable(model))
        await self._require(served, "--weights", gpu=gpu)
        service = containers.server(await self.build(gpu=gpu), served, config, gpu=gpu)
        toolbox = fresh(toolbox.with_service_binding("engine", service))
        command = [*containers.gates(model), "--markdown", "/gates.md"]
        return await toolbox.with_exec(command).file("/gates.md").contents()

    @uncached
    async def gate(
        self,
        url: Annotated[str, Doc("Base URL of an OpenAI-compatible server.")],
        model: Annotated[str, Doc("The model of models/ that it is meant to serve.")],
        *,
        api_key: ApiKey = None,
    ) -> str:
        """Run a model's gates on a server that runs somewhere else; JSON with every number."""
        toolbox = fresh(await self._toolbox())
        if api_key:
            toolbox = toolbox.with_secret_variable("TIDEGATE_API_KEY", api_key)
        return await toolbox.with_exec(
            [TIDEGATE, "gate", "run", "--url", url, "--model", model, "--json"]
        ).stdout()

    @uncached
    async def bench(
        self,
        git: Git,
        *,
        only: Annotated[str, Doc("A part of tests/bench/measure.py.")] = "check",
    ) -> dagger.File:
        """Measure what is promised about speed; returns docs/reference/benchmarks.md."""
        toolbox = fresh(containers.with_git(await self._toolbox(), git, None, BOT))
        measured = toolbox.with_exec(
            [".venv/bin/python", "-m", "tests.bench.measure", "--only", only]
        )
        return await measured.file("docs/reference/benchmarks.md").sync()

    @cached
    async def docs(self) -> dagger.Directory:
        """The documentation, once every link in it leads somewhere."""
        toolbox = await self._toolbox()
        links = [TIDEGATE, "ci", "--only", "test/documents"]
        return await toolbox.with_exec(links).directory("docs").sync()

    @uncached
    async def results(self) -> dagger.Directory:
        """Logs, JUnit files and tables of the steps that need no image, whatever their outcome."""
        steps = [word for name in containers.REPOSITORY for word in ("--only", name)]
        command = [TIDEGATE, "ci", *steps, "--results", "/results"]
        done = fresh(await self._toolbox()).with_exec(command, expect=ReturnType.ANY)
        return await done.directory("/results").sync()
