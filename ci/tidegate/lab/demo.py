"""The main job on a laptop: from model folders to a promoted digest, and a bad release refused."""

from contextlib import ExitStack
from dataclasses import dataclass

from tidegate.catalog.load import Catalog, ModelFolder, load_valid
from tidegate.catalog.objects import Environment
from tidegate.evidence.statement import Evidence, store
from tidegate.findings import FindingsError, refuse
from tidegate.gates.client import Endpoint
from tidegate.gates.run import run_gates
from tidegate.lab.environment import engine_contents, install, pack_engine
from tidegate.lab.fork import lab_model, make_fork
from tidegate.lab.paths import Lab
from tidegate.lab.process import end_left
from tidegate.lab.proof import LabKeys, approve, attach_build_evidence, lab_keys
from tidegate.lab.reporter import Reporter
from tidegate.lab.server import Server, read_servers, serving, stop
from tidegate.lab.training_runs import CHAT, DEGRADED, MODELS, pack_model, train
from tidegate.manifests.release import Release
from tidegate.manifests.units import find_units
from tidegate.oci import Layout, Reference, short
from tidegate.promotion.git import Repository
from tidegate.promotion.history import records, standing
from tidegate.promotion.promote import Request, merge, promote

# Server names of the demo, apart from those of `tidegate lab up`.
PREFIX = "demo-"
TWIN = f"{PREFIX}degraded"
# A new engine compiles for its first answers, on a busy machine for more than half a minute.
FIRST_ANSWER_SECONDS = 150.0


@dataclass(frozen=True, slots=True)
class Artifacts:
    """What the lab packed: its engine and its models by name."""

    engine: Reference
    models: dict[str, Reference]

    def release(self, model: str) -> Release:
        """The release of a model on the lab's engine."""
        return Release(self.engine, self.models[model])


def prepare(lab: Lab, reporter: Reporter, *, reuse: bool) -> Artifacts:
    """Install the engine, train the models and pack all of it."""
    end_left(lab.logs)
    with reporter.step("Install the engine: vLLM for CPUs, from hashed pins"):
        install(lab)
    with reporter.step("Train the models: a generator, its degraded twin, a reranker"):
        trained = train(lab, reporter, reuse=reuse)
        if not trained:
            reporter.line("reused: recipes and pins are unchanged")
    with reporter.step("Pack engine and models as OCI artifacts"):
        engine = pack_engine(lab)
        listed = len(engine_contents(lab, engine.digest)["distributions"])
        reporter.line(f"engine {engine}")
        reporter.line(f"  {listed} distributions, each with its hash")
        models = {}
        for name in MODELS:
            models[name] = pack_model(lab, name)
            reporter.line(f"model {models[name]}")
    return Artifacts(engine, models)


def run_demo(lab: Lab, reporter: Reporter, *, reuse: bool) -> None:
    """The whole way, told to `reporter`.

    Raises:
        TidegateError: a part of it did not do what it must; no process is left.
    """
    with lab.locked(), ExitStack() as stack:
        left = [one.name for one in read_servers(lab) if one.name.startswith(PREFIX)]
        stop(lab, *left)  # by a run that was killed
        catalog = load_valid(lab.root)
        artifacts = prepare(lab, reporter, reuse=reuse)
        with reporter.step("Make a git remote and a fork of this repository"):
            repository = make_fork(lab)
            reporter.line(f"remote {lab.remote.relative_to(lab.root)}")
        with reporter.step("Start vLLM: three services and the degraded twin"):
            servers = stack.enter_context(serving(lab, _wanted(catalog, artifacts)))
            for server in servers.values():
                reporter.line(f"{server.name} serves {server.model}@{short(server.digest)}")
        demo = _Demo(lab, reporter, catalog, artifacts, repository, lab_keys(lab))
        demo.promote_all(servers)
        demo.refuse_twin(servers[TWIN])
        demo.show()


def _wanted(catalog: Catalog, artifacts: Artifacts) -> dict[str, tuple[ModelFolder, str]]:
    wanted = {}
    for service in sorted(catalog.services):
        model = lab_model(catalog, service)
        digest = artifacts.models[model].digest
        wanted[PREFIX + service] = (catalog.models[model], digest)
    wanted[TWIN] = (catalog.models[CHAT], artifacts.models[DEGRADED].digest)
    return wanted


@dataclass(frozen=True, slots=True)
class _Demo:
    lab: Lab
    reporter: Reporter
    catalog: Catalog
    artifacts: Artifacts
    repository: Repository
    keys: LabKeys

    @property
    def layout(self) -> Layout:
        return Layout(self.lab.layout)

    def prove(
        self, title: str, server: Server, release: Release, environment: str | None = None
    ) -> Evidence:
        """Run the gates on a server, sign what they say about its release, and store it."""
        model = self.catalog.models[server.model]
        limit = max(model.spec.limits.output_tokens, 1)
        with Endpoint(
            server.url, model.name, max_tokens=limit, timeout=FIRST_ANSWER_SECONDS
        ) as endpoint:
            verdict = run_gates(endpoint, model, progress=self.reporter.progress)
        verdict = verdict.model_copy(update={"environment": environment})
        self.reporter.verdict(title, verdict)
        return store(self.layout, release, verdict, self.keys.pipeline)

    def promote_all(self, servers: dict[str, Server]) -> None:
        """Prove every service, then take it through the environments in order."""
        proven: dict[str, Evidence] = {}
        for service in sorted(self.catalog.services):
            server = servers[PREFIX + service]
            release = self.artifacts.release(server.model)
            with self.reporter.step(f"Gate the {service}"):
                proven[service] = self.prove(service, server, release)
                self.reporter.line(f"evidence {proven[service].digest}")
        with self.reporter.step("Sign what the releases are made of, and the models file by file"):
            for evidence in proven.values():
                for line in attach_build_evidence(self.lab, evidence.release, self.keys):
                    self.reporter.line(line)
        first, *following = self.catalog.ordered_environments()
        with self.reporter.step(f"Commit the releases to {first.metadata.name}"):
            for service, evidence in proven.items():
                self._promote(first, service, evidence)
        for environment in following:
            name = environment.metadata.name
            if environment is following[-1]:
                self._prove_again(servers, proven, name)
            with self.reporter.step(f"Open and merge the promotions to {name}"):
                for service in proven:
                    self._promote(environment, service, None)

    def _prove_again(
        self, servers: dict[str, Server], proven: dict[str, Evidence], name: str
    ) -> None:
        """What the last environment asks for: staging's own endpoint, and a person's yes."""
        before = self.catalog.environments[name].spec.promotes_from
        with self.reporter.step(f"Gate what {before} runs, and approve it for {name}"):
            for service, evidence in proven.items():
                server = servers[PREFIX + service]
                self.prove(f"{service} on {before}", server, evidence.release, before)
                yes = approve(self.lab, evidence.release, name, "shown in the demo", self.keys)
                self.reporter.line(f"approval   {yes}")

    def _promote(self, environment: Environment, service: str, evidence: Evidence | None) -> None:
        done = promote(
            self.repository,
            self.layout,
            Request(
                service,
                environment.metadata.name,
                release=evidence.release if evidence else None,
                evidence=evidence.digest if evidence else None,
                reason="the gates pass",
                pull_request=evidence is None,
            ),
        )
        if evidence is None:
            self.reporter.line(f"open   {done.branch}")
            merge(self.repository, done)
        self.reporter.line(f"commit {(done.commit or '')[:8]} {service} {done.release}")

    def refuse_twin(self, server: Server) -> None:
        """Offer the degraded twin as the next release; the gates must keep it out."""
        with self.reporter.step("Offer the degraded twin as the generator's next release"):
            release = self.artifacts.release(DEGRADED)
            evidence = self.prove("degraded twin", server, release)
            before = self.repository.fetch()
            first = self.catalog.ordered_environments()[0].metadata.name
            request = Request("generator", first, release=release, evidence=evidence.digest)
            try:
                promote(self.repository, self.layout, request)
            except FindingsError as error:
                self.reporter.refusal(error)
            after = self.repository.fetch()
            if after != before:
                raise refuse(
                    server.log,
                    "degraded twin",
                    "was promoted",
                    wanted=before,
                    found=after,
                    next_step="mend the gates: they let a bad release pass",
                )
            self.reporter.line(f"nothing was committed: main is still {before[:8]}")

    def show(self) -> None:
        """What runs where, how it came there, and what the last promotion changed."""
        found = records(self.repository)
        units, _ = find_units(load_valid(self.lab.fork))
        self.reporter.standings(standing(units, found))
        self.reporter.history(found)
        self.reporter.diff(self.repository.run("show", "--format=", "--stat", "--patch", "HEAD"))
