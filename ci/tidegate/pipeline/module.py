"""The module's main object: the proofs of a commit, and what releases it."""

from functools import partial
from typing import Annotated

import dagger
from dagger import Doc, dag, object_type

from tidegate.ci.report import comment
from tidegate.ci.steps import STEPS
from tidegate.pipeline import containers, refusals, signatures
from tidegate.pipeline.arguments import (
    BOT,
    BUILDER,
    ApiKey,
    Artifact,
    Author,
    Builder,
    EvidenceKey,
    Git,
    Gpu,
    Key,
    KeyPassword,
    Password,
    Reason,
    RegistryConfig,
    Request,
    Service,
    Store,
    Tag,
    Token,
    Username,
    uncached,
)
from tidegate.pipeline.branches import Branch, run_all, table
from tidegate.pipeline.containers import TIDEGATE, fresh
from tidegate.pipeline.proofs import Proofs
from tidegate.pipeline.statements import STORE, Candidate, promoted, stated


@object_type
class Tidegate(Proofs):
    """Proves a commit of a Tidegate repository, and releases what it proves."""

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
        await self._locked("vllm" if gpu else "python")
        image = (await self.build(gpu=gpu)).with_registry_auth(address, username, password)
        pushed = await refusals.pushed(image, address)
        pulled = dag.container().with_registry_auth(address, username, password).from_(address)
        return refusals.same(address, pushed, await refusals.served(pulled, address))

    @uncached
    async def sign(
        self,
        reference: Annotated[str, Doc("What to sign, as name:tag@sha256:<64 hex>.")],
        key: Key,
        key_password: KeyPassword,
        registry_config: RegistryConfig,
    ) -> str:
        """Sign an image by digest with cosign; the signature lies beside it in the registry."""
        image = await self._locked("cosign")
        signing = signatures.cosign(image, key, key_password, registry_config)
        await signing.with_exec(signatures.signed(reference), use_entrypoint=True).sync()
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
        request: Request = "",
    ) -> str:
        """Put the release of the environment before it on an environment, by one commit."""
        toolbox = containers.with_git(await self._toolbox(), git, token, author)
        command = [TIDEGATE, "promote", service, "--to", to, "--reason", reason, "--json"]
        command += ["--store", "/store", *(["--pull-request"] if pull_request else [])]
        command += ["--request", request] if request else []
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
        request: Request = "",
    ) -> str:
        """Put back what ran before, by one commit forward."""
        toolbox = fresh(containers.with_git(await self._toolbox(), git, token, author))
        command = [TIDEGATE, "rollback", service, "--env", env, "--reason", reason, "--json"]
        command += ["--request", request] if request else []
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
        builder: Builder = BUILDER,
    ) -> dagger.Directory:
        """Publish, sign, prove and put a release on the first environment, in this order.

        Returns the store with all evidence, for the promotions that follow, and promotion.json.
        """
        login = dag.container().with_registry_auth(model_artifact, username, password)
        weights = login.from_(model_artifact).rootfs()
        await self._require(weights, model_artifact, gpu=gpu)
        engine = await self.publish(username, password, tag=tag, gpu=gpu)
        await self.sign(engine, key, key_password, registry_config)
        base = await self._locked("vllm" if gpu else "python")
        made = Candidate(engine, model_artifact, base, builder)
        image, config = login.from_(engine), self.source.file(f"models/{model}/engine.yaml")
        toolbox = containers.with_git(await self._toolbox(), git, token, author)
        known = containers.with_registry(toolbox, username, password)
        signing = containers.with_signer(known, evidence_key).with_directory(STORE, store)
        proven = stated(signing, await self._reports(image), made)
        server = containers.server(image, weights, config, gpu=gpu)
        return await promoted(proven, server, model, service, made).sync()

    @uncached
    async def verify_production(
        self,
        url: Annotated[str, Doc("Base URL of the live endpoint.")],
        kubeconfig: Annotated[dagger.Secret, Doc("Of somebody who may list the cluster's pods.")],
        git: Git,
        *,
        unit: Annotated[str, Doc("<environment>/<service>.")] = "production/generator",
        api_key: ApiKey = None,
        store: Annotated[
            dagger.Directory | None, Doc("The OCI layout with the evidence of what runs.")
        ] = None,
    ) -> str:
        """Prove that the pods run what was promoted and proven, and that the endpoint passes."""
        toolbox = fresh(containers.with_git(await self._toolbox(), git, None, BOT))
        if api_key:
            toolbox = toolbox.with_secret_variable("TIDEGATE_API_KEY", api_key)
        asked = containers.with_pods(toolbox, kubeconfig)
        command = [TIDEGATE, "verify", unit, "--pods", containers.PODS, "--url", url]
        if store:
            asked, command = asked.with_directory(STORE, store), [*command, "--store", STORE]
        return await asked.with_exec(command).stdout()

    @uncached
    async def ci(
        self,
        git: Git,
        *,
        base: Annotated[
            str, Doc("Run only steps that read a file that differs from this branch or commit.")
        ] = "",
    ) -> str:
        """Everything that a pull request needs, side by side; returns the comment for it.

        The first failure stops the rest and is the one that is shown.
        """
        toolbox = containers.with_git(await self._toolbox(), git, None, BOT)
        needed = await containers.affected(toolbox, base) if base else {s.name for s in STEPS}
        names = [step.name for step in STEPS if step.name in needed]
        branches: dict[str, Branch] = {name: partial(self._said, name) for name in names}
        if base:
            parts = [name for name in names if name in containers.REPOSITORY]
            branches |= {name: partial(containers.step, toolbox, name, base) for name in parts}
            branches["changes"] = partial(containers.changes, toolbox, base)
            if "check" not in parts:  # which looks at what the commits remove, too
                branches["removals"] = partial(containers.removals, toolbox, base)
        said = await run_all(branches)
        return comment(table(said), said.get("changes", ""), said.get("smoke", ""))

    async def _said(self, name: str) -> str:
        return await containers.said(await getattr(self, name)())
