"""What a release says about itself, signed, and the promotion that rests on it."""

from dataclasses import dataclass

import dagger

from tidegate.pipeline import containers
from tidegate.pipeline.containers import EVIDENCE_KEY, TIDEGATE, fresh

RELEASE = "/release"
STORE = f"{RELEASE}/store"


@dataclass(frozen=True, slots=True)
class Candidate:
    """What was published: both artifacts by digest, and what the engine was built on, by whom."""

    engine: str
    model_artifact: str
    base: str
    builder: str

    @property
    def words(self) -> list[str]:
        """The release and its store, as commands take them."""
        named = ["--engine", self.engine, "--model-artifact", self.model_artifact]
        return [*named, "--store", STORE]

    def statements(self) -> list[list[str]]:
        """The commands that sign what the promotion policies ask for beside a verdict."""
        report = ["/reports/scan.json", "--database", "/reports/database.json"]
        digest = self.model_artifact.rpartition("@")[2]
        signed = [
            ["add", "sbom", "/reports/sbom.cyclonedx.json", *self.words],
            ["add", "scan", "/reports/vulns.json", *self.words],
            ["provenance", "--base", self.base, "--builder", self.builder, *self.words],
            ["sign-model", digest, "--key", EVIDENCE_KEY, "--store", STORE],
        ]
        scan = [TIDEGATE, "scan", *report, "--statement", "/reports/vulns.json"]
        return [scan, *([TIDEGATE, "evidence", *words] for words in signed)]


def stated(
    toolbox: dagger.Container,
    reports: dagger.Directory,
    candidate: Candidate,
) -> dagger.Container:
    """The toolbox once every statement is signed; a scan that is refused or in doubt ends it.

    What evidence is about has to be in the store: the registries are asked for it first.
    """
    stating = fresh(toolbox).with_directory("/reports", reports)
    pull = [TIDEGATE, "evidence", "pull", *candidate.words]
    for command in (pull, *candidate.statements()):
        stating = stating.with_exec(command)
    return stating


def promoted(
    stated: dagger.Container,
    server: dagger.Service,
    model: str,
    service: str,
    candidate: Candidate,
) -> dagger.Directory:
    """The store and the promotion, once the gates passed, the evidence is pushed and it is done."""
    gates = [*containers.gates(model), "--suite", "full", *candidate.words]
    push = [TIDEGATE, "evidence", "push", *candidate.words]
    promote = [*containers.first(service), *candidate.words]
    return (
        stated.with_service_binding("engine", server)
        .with_exec(gates)
        .with_exec(push)
        .with_exec(promote, redirect_stdout=f"{RELEASE}/promotion.json")
        .directory(RELEASE)
    )
