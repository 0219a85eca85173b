"""Safety sets by name: shipped ones from this package, published ones from a folder or a hub."""

import csv
import hashlib
import io
import os
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx

from tidegate.catalog import corpora
from tidegate.catalog.cases import Assertion, Case
from tidegate.catalog.corpora import HUB, PUBLISHED, SHIPPED, CorpusName, Published
from tidegate.catalog.evals import Cases, Corpus, EvalSet
from tidegate.catalog.reading import read_object
from tidegate.findings import CouldNotCheckError, cannot_check
from tidegate.gates.functional import ask, selected
from tidegate.gates.jobs import Job, Target
from tidegate.oci import write_atomically

GATE = "safety"
_SECONDS = 60.0


def jobs(target: Target) -> Iterator[Job]:
    """One job for each case of each named set.

    Raises:
        CouldNotCheckError: a published set is not there and cannot be fetched, or is another.
    """
    for evals in target.model.evals if target.plan.wants(GATE) else ():
        if isinstance(evals.spec, Corpus):
            found = cases(evals.spec, seed=target.plan.seed, folder=target.plan.corpora)
            for case in selected(found, target.plan.tags):
                yield Job(GATE, evals.metadata.name, case.key, partial(ask, target, case))


def cases(spec: Corpus, *, seed: int, folder: Path) -> list[Case]:
    """The cases of a named set, or the sample of them that the seed draws.

    Args:
        spec: names the set.
        seed: of the sample; one seed, one sample.
        folder: where published sets lie, and where fetched ones are kept.

    Raises:
        CouldNotCheckError: as `jobs`.
    """
    name = spec.corpus
    found = shipped(name) if name in SHIPPED else published(name, PUBLISHED[name], folder)
    if spec.sample and spec.sample < len(found):
        found = random.Random(f"{seed}/{name}").sample(found, spec.sample)  # noqa: S311 - test prompts
    return [case.model_copy(update={"asserts": [*case.asserts, *spec.asserts]}) for case in found]


def shipped(name: CorpusName) -> list[Case]:
    """The cases of a set in this package."""
    path = Path(corpora.__file__).parent / "data" / "safety" / f"{name}.yaml"
    spec = read_object(path, EvalSet, name=f"{name}.yaml").spec
    return spec.cases if isinstance(spec, Cases) else []


def published(name: CorpusName, known: Published, folder: Path) -> list[Case]:
    """The prompts of a published set, each once; raises as `jobs`."""
    path = folder / known.source.rpartition("/")[2]
    content = path.read_bytes() if path.is_file() else _fetched(name, known, path)
    digest = hashlib.sha256(content).hexdigest()
    if digest != known.sha256:
        raise _unusable(name, path, "is another version", known.sha256, digest)
    if not path.is_file():
        write_atomically(path, content)
    rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig")))
    used = [r for r in rows if all(r.get(key) == value for key, value in known.only.items())]
    prompts = dict.fromkeys(row[known.column].strip() for row in used)
    return [Case(prompt=text, asserts=[Assertion(refusal=known.refusal)]) for text in prompts]


def _fetched(name: CorpusName, known: Published, path: Path) -> bytes:
    """The file from where it was published; HF_ENDPOINT and HF_TOKEN mean what they usually do."""
    url, headers = known.source, {}
    if url.startswith(HUB):
        url = os.environ.get("HF_ENDPOINT", HUB).rstrip("/") + url.removeprefix(HUB)
        if token := os.environ.get("HF_TOKEN"):
            headers = {"Authorization": f"Bearer {token}"}
    try:
        answer = httpx.get(url, headers=headers, timeout=_SECONDS, follow_redirects=True)
        answer.raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        found = " ".join(str(error).split()) or type(error).__name__
        raise _unusable(name, path, "cannot be had", url, found) from None
    return answer.content


def _unusable(
    name: CorpusName, path: Path, what: str, wanted: str, found: str
) -> CouldNotCheckError:
    return cannot_check(
        path,
        f"corpus {name}",
        what,
        wanted=wanted,
        found=found,
        next_step="put that version of the file there, or name its folder with --corpora",
    )
