"""The functions of the module."""

from functools import partial
from typing import Annotated

import dagger
from dagger import Doc, ReturnType, dag, object_type

from tidegate.ci.steps import STEPS
from tidegate.pipeline import containers
from tidegate.pipeline.arguments import (
    BOT,
    CHAT,
    Artifact,
    Author,
    EvidenceKey,
    Git,
    Gpu,
    Key,
    KeyPassword,
    Password,
    Reason,
    RegistryConfig,
    Service,
    Source,
    Store,
    Tag,
    Token,
    Username,
    cached,
    uncached,
)
from tidegate.pipeline.branches import run_all, table
from tidegate.pipeline.containers import TIDEGATE, fresh


@object_type
class Tidegate:
    """Proves a commit of a Tidegate repository, and releases what it proves."""

    source: Source
    registry: Annotated[
        str, Doc("Where the engine image is published, as registry.example/path/name.")
    ] = ""
    images: Annotated[
        dagger.File | None,
        Doc("Outside images to use instead of those of ci/images/images.yaml: mirrors."),
    ] = None
    platform: Annotated[str, Doc("What the engine image is built for.")] = "linux/amd64"

    async def _outside(self, name: str) -> str:
        return await containers.outside(self.source, self.images, name)

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

    @cached
    @dagger.check
    async def check(self) -> str:
        """Render every unit and report everything that is wrong with the repository."""
        return await self._step("check")

    @cached
    @dagger.check
    async def test(self) -> str:
        """Run every test that needs no cluster, the real engines of the lab included."""
        return await self._step("test")

    @cached
    async def render(self) -> dagger.Directory:
        """Every unit as Kustomize's own image renders it: what Argo CD would apply."""
        files = await self.source.glob("overlays/*/*/kustomization.yaml")
        units = [file.removesuffix("/kustomization.yaml") for file in files]
        return containers.rendered(await self._outside("kustomize"), self.source, units)

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
        return containers.trivy(await self._outside("trivy"), image.as_tarball())

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
        model: Annotated[str, Doc("A model of models/; give its weights too.")] = CHAT,
        weights: Annotated[
            dagger.Directory | None, Doc("The model's weights; trained in the lab if left out.")
        ] = None,
    ) -> str:
        """Serve a model from the engine image and run the model's gates on it."""
        config = self.source.file(f"models/{model}/engine.yaml")
        toolbox = await self._toolbox()
        served = weights or containers.trained(toolbox, CHAT)
        service = containers.server(await self.build(gpu=gpu), served, config, gpu=gpu)
        toolbox = toolbox.with_service_binding("engine", service)
        return await fresh(toolbox).with_exec(containers.gates(model)).stdout()

    @uncached
    async def gate(
        self,
        url: Annotated[str, Doc("Base URL of an OpenAI-compatible server.")],
        model: Annotated[str, Doc("The model of models/ that it is meant to serve.")],
        *,
        api_key: Annotated[dagger.Secret | None, Doc("Bearer token.")] = None,
    ) -> str:
        """Run a model's gates on a server that runs somewhere else; JSON with every number."""
        toolbox = fresh(await self._toolbox())
        if api_key:
            toolbox = toolbox.with_secret_variable("TIDEGATE_API_KEY", api_key)
        return await toolbox.with_exec(
            [TIDEGATE, "gate", "run", "--url", url, "--model", model, "--json"]
        ).stdout()

    @uncached
    async def publish(
        self,
        username: Username,
        password: Password,
        *,
        tag: Tag = "main",
        gpu: Gpu = False,
    ) -> str:
        """Push the engine image; returns name:tag@digest once the registry serves that digest."""
        address = containers.address(self.registry, tag)
        image = (await self.build(gpu=gpu)).with_registry_auth(address, username, password)
        pushed = await fresh(image).publish(address)
        served = dag.container().with_registry_auth(address, username, password).from_(address)
        return containers.same(address, pushed, await served.image_ref())

    @uncached
    async def sign(
        self,
        reference: Annotated[str, Doc("What to sign, as name:tag@sha256:<64 hex>.")],
        key: Key,
        key_password: KeyPassword,
        registry_config: RegistryConfig,
    ) -> str:
        """Sign an image by digest with cosign; the signature lies beside it in the registry."""
        image = await self._outside("cosign")
        signing = containers.cosign(image, key, key_password, registry_config)
        command = ["sign", "--yes", "--key", containers.KEY, reference]
        await signing.with_exec(command, use_entrypoint=True).sync()
        return reference

    @uncached
    async def promote(
        self,
        service: Service,
        to: Annotated[str, Doc("The environment to promote to.")],
        git: Git,
        store: Store,
        *,
        token: Token = None,
        reason: Reason = "the gates pass",
        author: Author = BOT,
        pull_request: Annotated[bool, Doc("Push a branch for review instead of main.")] = False,
    ) -> str:
        """Put the release of the environment before it on an environment, by one commit."""
        toolbox = containers.with_git(await self._toolbox(), git, token, author)
        command = [TIDEGATE, "promote", service, "--to", to, "--reason", reason, "--json"]
        command += ["--store", "/store", *(["--pull-request"] if pull_request else [])]
        return await fresh(toolbox).with_directory("/store", store).with_exec(command).stdout()

    @uncached
    async def rollback(
        self,
        service: Service,
        env: Annotated[str, Doc("The environment to roll back.")],
        git: Git,
        *,
        token: Token = None,
        reason: Reason = "rolled back by hand",
        author: Author = BOT,
    ) -> str:
        """Put back what ran before, by one commit forward."""
        toolbox = fresh(containers.with_git(await self._toolbox(), git, token, author))
        command = [TIDEGATE, "rollback", service, "--env", env, "--reason", reason, "--json"]
        return await toolbox.with_exec(command).stdout()

    @uncached
    async def release(
        self,
        service: Service,
        model: Annotated[str, Doc("The model of models/ that it runs.")],
        model_artifact: Artifact,
        *,
        username: Username,
        password: Password,
        key: Key,
        key_password: KeyPassword,
        evidence_key: EvidenceKey,
        registry_config: RegistryConfig,
        git: Git,
        store: Store,
        token: Token = None,
        tag: Tag = "main",
        gpu: Gpu = False,
        author: Author = BOT,
    ) -> str:
        """Publish, sign, gate, and put the release on the first environment, in this order."""
        engine = await self.publish(username, password, tag=tag, gpu=gpu)
        await self.sign(engine, key, key_password, registry_config)
        login = dag.container().with_registry_auth(model_artifact, username, password)
        config = self.source.file(f"models/{model}/engine.yaml")
        weights = login.from_(model_artifact).rootfs()
        server = containers.server(login.from_(engine), weights, config, gpu=gpu)
        pair = ["--engine", engine, "--model-artifact", model_artifact, "--store", "/store"]
        toolbox = containers.with_git(await self._toolbox(), git, token, author)
        signing = containers.with_signer(toolbox, evidence_key)
        bound = signing.with_directory("/store", store).with_service_binding("engine", server)
        proven = fresh(bound).with_exec([*containers.gates(model), *pair])
        return await proven.with_exec([*containers.first(service), *pair]).stdout()

    @uncached
    async def verify_production(self, git: Git) -> str:
        """What runs in every environment, and whether git proves how it came there."""
        toolbox = fresh(containers.with_git(await self._toolbox(), git, None, BOT))
        return await toolbox.with_exec([TIDEGATE, "status", "--log"]).stdout()

    @uncached
    async def bench(
        self,
        git: Git,
        *,
        only: Annotated[str, Doc("A part of tests/bench/measure.py.")] = "check",
    ) -> dagger.File:
        """Measure what is promised about speed; returns docs/reference/benchmarks.md."""
        toolbox = fresh(containers.with_git(await self._toolbox(), git, None, BOT))
        measured = toolbox.with_exec([".venv/bin/python", "tests/bench/measure.py", "--only", only])
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
        steps = [word for name in ("lint", "check", "test") for word in ("--only", name)]
        command = [TIDEGATE, "ci", *steps, "--results", "/results"]
        done = fresh(await self._toolbox()).with_exec(command, expect=ReturnType.ANY)
        return await done.directory("/results").sync()

    @uncached
    async def ci(
        self,
        git: Git,
        *,
        base: Annotated[
            str, Doc("Run only steps that read a file that differs from this branch or commit.")
        ] = "",
    ) -> str:
        """Everything that a pull request needs, side by side; the first failure stops the rest."""
        toolbox = containers.with_git(await self._toolbox(), git, None, BOT)
        needed = await containers.affected(toolbox, base) if base else {s.name for s in STEPS}
        steps = [step.name for step in STEPS if step.name in needed]
        return table(await run_all({name: partial(self._said, name) for name in steps}))

    async def _said(self, name: str) -> str:
        return await containers.said(await getattr(self, name)())
