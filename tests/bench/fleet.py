"""A fork of thousands of units and tens of thousands of promotions, to measure on."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.unit.evidence.samples import IDENTITY, SIGNER
from tests.unit.promotion.conftest import ENVIRONMENTS, MODELS, Fork, verdict
from tests.unit.promotion.files import policy_file, policy_text, signers_text

from tidegate.evidence.statement import store
from tidegate.manifests.release import Release
from tidegate.promotion.history import trailer_lines
from tidegate.promotion.promote import Request

ROOT = Path(__file__).parents[2]
PARTS = ("models", "base", "overlays", "clusters")


def make_fleet(folder: Path, *, units: int, commits: int) -> tuple[Fork, Request]:
    """The fork, and a request that promotes one unit more to staging.

    Each service stands in every environment; its promotions are spread over all of history.
    """
    forked = Fork.at(folder)
    services = _write_services(forked.git.path, units // len(ENVIRONMENTS))
    remote = forked.remote.path
    forked.git.run("init", "--quiet", "--initial-branch=main")
    for key, value in {"user.name": "Bench", "user.email": "bench@tidegate.invalid"}.items():
        forked.git.run("config", key, value)
    forked.git.run("init", "--quiet", "--bare", "--initial-branch=main", str(remote))
    forked.git.run("remote", "add", "origin", str(remote))
    forked.git.run("add", "--all")
    forked.git.run("commit", "--quiet", "--message=feat: fork")
    release = forked.store.release()
    evidence = store(forked.store.layout, release, verdict(), SIGNER).digest
    stream = "".join(_commits(services, release, evidence, commits))
    forked.git.run("fast-import", "--quiet", given=stream)
    forked.git.run("reset", "--quiet", "--hard", "main")
    forked.git.run("push", "--quiet", "--set-upstream", "origin", "main")
    for tag in ("v1", "v2"):
        forked.to_dev(tag)
    return forked, Request("generator", "staging")


def _write_services(root: Path, number: int) -> list[str]:
    """Copies of the generator, in every environment, beside the three services there are."""
    root.mkdir(parents=True)
    for part in PARTS:
        shutil.copytree(ROOT / part, root / part)
    for name in ENVIRONMENTS:
        (root / policy_file(name)).write_text(policy_text(name))
    (root / "overlays" / "signers.yaml").write_text(signers_text(pipeline=[IDENTITY]))
    services = [f"generator-{index}" for index in range(number - len(MODELS))]
    for service in services:
        pairs = [(root / "base/services/generator", root / "base/services" / service)]
        pairs += [
            (root / f"overlays/{e}/generator", root / f"overlays/{e}/{service}")
            for e in ENVIRONMENTS
        ]
        for source, target in pairs:
            shutil.copytree(source, target)
            for path in target.glob("*.yaml"):
                path.write_text(path.read_text().replace("generator", service))
    return services


def _commits(services: list[str], release: Release, evidence: str, commits: int) -> Iterator[str]:
    """A stream for `git fast-import`: every commit records a promotion and changes its file."""
    for index in range(commits):
        service = services[index % len(services)]
        environment = ENVIRONMENTS[index // len(services) % len(ENVIRONMENTS)]
        block = trailer_lines(
            {
                "Environment": environment,
                "Service": service,
                "Release": release.to_line(),
                "Evidence": evidence,
                "Gates": "pass 1/1",
                "Action": "promote",
                "Reason": "measured",
            }
        )
        message = f"promote({environment}): {service} {release}\n\nmeasured\n\n{block}\n"
        text = f"round {index}\n"
        who = f"Bench <bench@tidegate.invalid> {1700000000 + index} +0000"
        yield f"commit refs/heads/main\ncommitter {who}\ndata {len(message)}\n{message}"
        yield "from refs/heads/main^0\n" if index == 0 else ""
        yield f"M 100644 inline tests/{environment}/{service}.txt\ndata {len(text)}\n{text}"
