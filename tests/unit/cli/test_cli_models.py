"""What is served, listed, shown and weighed."""

import json
from pathlib import Path

import pytest
from tests.conftest import ROOT, Cli

NAMES = sorted(path.parent.name for path in ROOT.glob("models/*/model.yaml"))
QWEN = "models/qwen3-8b/model.yaml"


def test_every_model_is_listed_on_a_line(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name, task, sizes, accelerator and licence, on a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")

    ran = cli("models", "list", "--root", ROOT)

    _, _, *rows = [line.split() for line in ran.out.splitlines()]
    assert (ran.code, ran.err) == (0, "")
    assert [row[0] for row in rows] == NAMES
    (row,) = [row for row in rows if row[0] == "qwen3-8b"]
    assert row[1:4] == ["generate", "16,384", "8,190,735,360"]
    assert row[4:] == ["1", "x", "nvidia-l40s", "Apache-2.0"]


def test_the_list_is_json_for_machines(cli: Cli) -> None:
    """Names and everything of model.yaml, in its own spelling."""
    ran = cli("models", "list", "--json", "--root", ROOT)

    models = {model["name"]: model for model in json.loads(ran.out)}
    assert sorted(models) == NAMES
    assert models["qwen3-8b"]["accelerator"] == {
        "kind": "nvidia-l40s",
        "count": 1,
        "memoryGiB": 48.0,
    }


def test_a_list_with_a_hole_is_no_list(repository: Path, cli: Cli) -> None:
    """Exit 2 where a model cannot be read: it must not look as if it were not there."""
    (repository / QWEN).write_text("kind: [")

    ran = cli("models", "list", "--root", repository)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"{QWEN}: file: unreadable;")


def test_a_model_is_shown_by_its_card(cli: Cli) -> None:
    """The README.md beside it, as a terminal shows Markdown."""
    ran = cli("models", "show", "qwen3-8b", "--root", ROOT)

    title = (ROOT / "models/qwen3-8b/README.md").read_text().splitlines()[0].lstrip("# ")
    assert ran.code == 0
    assert title in ran.out
    assert "# " not in ran.out.splitlines()[0]


def test_a_model_is_shown_to_machines_with_its_engine_file(cli: Cli) -> None:
    """model.yaml and engine.yaml in one document."""
    model = json.loads(cli("models", "show", "qwen3-8b", "--json", "--root", ROOT).out)

    assert (model["name"], model["contextLength"]) == ("qwen3-8b", 16384)
    assert model["engine"]["max-model-len"] == 16384


@pytest.mark.parametrize("verb", ["show", "fit"])
def test_a_model_that_is_not_there_is_told_with_those_that_are(verb: str, cli: Cli) -> None:
    """A misspelt name is corrected by reading the line."""
    ran = cli("models", verb, "qwen", "--root", ROOT)

    assert (ran.code, ran.out) == (1, "")
    assert ran.err == (
        "models/qwen/model.yaml: model: unknown model; "
        f"wanted one of {', '.join(NAMES)}, found qwen - "
        "add the model or correct the name [TG012]\n"
    )


@pytest.mark.parametrize(("asked", "code"), [("qwen3-8b", 2), ("bge-m3", 0)])
def test_a_broken_model_disturbs_no_other(
    asked: str, code: int, repository: Path, cli: Cli
) -> None:
    """Its own faults are told and exit 2; another model is shown all the same."""
    (repository / QWEN).write_text("kind: [")

    ran = cli("models", "show", asked, "--root", repository)

    assert code == ran.code
    assert (code == 2) == (QWEN in ran.err)


def test_the_memory_of_a_model_is_told_as_a_sum(cli: Cli) -> None:
    """Weights 8190735360 x 2 bytes; 8 x 16384 tokens of 2 x 36 x 8 x 128 x 2 bytes; 48 GiB x 0.92.

    By hand: 15.26, 18.00 and 44.16 GiB.
    """
    ran = cli("models", "fit", "qwen3-8b", "--root", ROOT)

    assert (ran.code, ran.err) == (0, "")
    assert [line.split() for line in ran.out.splitlines()] == [
        ["weights", "15.26", "GiB"],
        ["key-value", "cache", "18.00", "GiB"],
        ["needed", "33.26", "GiB"],
        ["available", "44.16", "GiB"],
        ["fits"],
    ]


@pytest.mark.parametrize(("memory", "fits"), [("36.15", True), ("36.14", False)])
def test_a_model_that_does_not_fit_exits_1_and_still_tells_the_sum(
    *, memory: str, fits: bool, repository: Path, cli: Cli
) -> None:
    """33.26 GiB are needed, of which 36.14 x 0.92 is just short; JSON stays on standard output."""
    path = repository / QWEN
    path.write_text(path.read_text().replace("memoryGiB: 48", f"memoryGiB: {memory}"))

    ran = cli("models", "fit", "qwen3-8b", "--json", "--root", repository)

    told = json.loads(ran.out)
    assert (ran.code, told["fits"]) == ((0, True) if fits else (1, False))
    assert told["bytes"]["needed"] == 8190735360 * 2 + 8 * 16384 * 2 * 36 * 8 * 128 * 2
    assert (f"{QWEN}: spec.accelerator: model does not fit;" in ran.err) != fits
