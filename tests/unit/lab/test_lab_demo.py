"""The demo on stub engines: the order of its steps, and that it does not hide a gate that fails.

That the real twin is refused, and that Ctrl-C leaves nothing, tests/lab shows on real engines.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.lab.conftest import Told

from tidegate.catalog.evals import Questions
from tidegate.catalog.load import load_valid
from tidegate.findings import FindingsError
from tidegate.gates.verdict import Outcome
from tidegate.lab.demo import run_demo
from tidegate.lab.paths import Lab
from tidegate.lab.server import read_servers
from tidegate.promotion.git import Repository
from tidegate.promotion.history import records


def answers(lab: Lab) -> dict[str, str]:
    """The right answer to every question that the gates ask of a generator."""
    (evals,) = load_valid(lab.root).models["tiny-chat"].evals
    assert isinstance(evals.spec, Questions)
    return {case.prompt: case.answer for case in evals.spec.cases}


def safe(known: dict[str, str]) -> dict[str, Any]:
    """The same questions as a set of the safety gate, which no generator is promoted without."""
    cases = [{"prompt": asked, "assert": [{"exact": answer}]} for asked, answer in known.items()]
    judged = {"threshold": 0.95, "minSamples": len(cases), "cases": cases}
    head = {"apiVersion": "tidegate.dev/v1alpha1", "kind": "EvalSet", "metadata": {"name": "safe"}}
    return head | {"spec": {"type": "cases", "gate": "safety"} | judged}


@pytest.fixture
def knowing(stubbed: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A lab whose models, the twin among them, know every answer, in any time."""
    for name in ("GLOBAL", "SYSTEM"):
        monkeypatch.setenv(f"GIT_CONFIG_{name}", "/dev/null")
    known = stubbed.root / "answers.json"
    known.write_text(json.dumps(answers(stubbed)))
    monkeypatch.setenv("STUB_ANSWERS", str(known))
    folder = stubbed.root / "models" / "tiny-chat"
    (folder / "evals" / "safe.yaml").write_text(json.dumps(safe(answers(stubbed))))
    spec = folder / "model.yaml"
    spec.write_text(spec.read_text().replace("0.5}", "600}").replace("0.1}", "600}"))
    return stubbed


def test_a_twin_that_the_gates_let_through_fails_the_demo(
    knowing: Lab, left: Callable[[], list[Any]]
) -> None:
    """Everything before it went its way, the failure is a finding, and no server is left."""
    told = Told()
    with pytest.raises(FindingsError) as failed:
        run_demo(knowing, told, reuse=True)

    assert left() == []
    assert read_servers(knowing) == []
    (finding,) = failed.value.findings
    newest, *promoted = records(Repository(knowing.fork))
    assert (finding.object, finding.what) == ("degraded twin", "was promoted")
    assert (finding.found, finding.wanted) == (newest.commit, promoted[0].commit)
    assert told.ends == told.steps[:-1]
    assert told.steps == [
        "Install the engine: vLLM for CPUs, from hashed pins",
        "Train the models: a generator, its degraded twin, a reranker",
        "Pack engine and models as OCI artifacts",
        "Make a git remote and a fork of this repository",
        "Start vLLM: three services and the degraded twin",
        "Gate the generator",
        "Sign what the releases are made of, and the models file by file",
        "Commit the releases to dev",
        "Open and merge the promotions to staging",
        "Gate what staging runs, and approve it for production",
        "Open and merge the promotions to production",
        "Offer the degraded twin as the generator's next release",
    ]
    assert [record.environment for record in promoted] == ["production", "staging", "dev"]
    production, *earlier = [record.evidence for record in promoted]
    assert production not in earlier
    assert len(set(earlier)) == 1
    assert {verdict.outcome for verdict in told.verdicts.values()} == {Outcome.PASS}
    assert told.refusals == []
