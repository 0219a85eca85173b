"""Many writers at once on one bare remote: every promotion lands or is superseded, none is lost."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.unit.promotion.conftest import MODELS, Fork, verdict

from tidegate.manifests.render import build
from tidegate.promotion.git import Repository

WRITERS = 32
SERVICES = ("generator", "retriever", "reranker")

# One writer: its own process and clone, as a pipeline has.
WRITER = """
import sys
from pathlib import Path
from tidegate.findings import FindingsError
from tidegate.manifests.release import Release
from tidegate.oci import Layout, Reference
from tidegate.promotion.git import Repository
from tidegate.promotion.promote import Request, promote

clone, store, service, engine, model, evidence = sys.argv[1:]
release = Release(Reference.parse(engine), Reference.parse(model))
request = Request(service, "dev", release, evidence)
try:
    done = promote(Repository(Path(clone)), Layout(Path(store)), request)
except FindingsError as error:
    print(error.findings[0].what)
else:
    print(done.commit)
"""


def built(number: int) -> int:
    """The minute at which a writer's release was built: in no order of the writers."""
    return number * 7 % WRITERS


def start(forked: Fork, number: int) -> subprocess.Popen[str]:
    """A writer that promotes a release of its own; three of them share each file."""
    service = SERVICES[number % len(SERVICES)]
    release = forked.store.release(f"v{number}")
    gated = verdict(model=MODELS[service])
    started = {"started": f"2024-01-01T00:{built(number):02}:00Z"}
    evidence = forked.store.prove(release, gated.model_copy(update=started))
    clone = forked.clone(f"writer-{number}").git.path
    names = (str(release.engine), str(release.model), evidence)
    store = str(forked.store.layout.root)
    command = [sys.executable, "-c", WRITER, str(clone), store, service, *names]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_writers_of_separate_and_same_files_lose_nothing(forked: Fork) -> None:
    """A line of commits, each of one file, each of which renders; nobody gave up."""
    first = forked.tip()
    writers = [start(forked, number) for number in range(WRITERS)]

    said = [writer.communicate()[0].strip() for writer in writers]

    commits = forked.remote.run("rev-list", "--reverse", f"{first}..main").split()
    assert [writer.returncode for writer in writers] == [0] * WRITERS
    landed = Counter(one for one in said if one != "superseded by a newer one")
    assert landed == Counter(commits)
    for index, service in enumerate(SERVICES):
        newest = max(range(index, WRITERS, len(SERVICES)), key=built)
        record = next(r for r in forked.clone(service).records() if r.service == service)
        assert record.release == forked.store.release(f"v{newest}")
    assert forked.remote.run("rev-list", "--merges", "main") == ""
    assert all(len(forked.changed(commit)) == 1 for commit in commits)
    checkout = forked.clone("reader").git
    assert all(renders(checkout, commit) for commit in commits[:: max(1, len(commits) // 8)])


def renders(checkout: Repository, commit: str) -> bool:
    """Whether every unit that a commit changes renders at it."""
    checkout.run("checkout", "--quiet", "--detach", commit)
    listed = checkout.run("show", "--format=", "--name-only", commit).split()
    return all(build(checkout.path / Path(f).parent, name=f) for f in listed)
