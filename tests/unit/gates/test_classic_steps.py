"""The steps of a classic pipeline, each a thin name for a command."""

from pathlib import Path

import pytest
from tests.conftest import ROOT, Cli


def test_models_are_checked_without_rendering(cli: Cli, small: Path) -> None:
    """All, one, or the prompts of one; a finding is exit 1."""
    assert cli("models", "check", "--root", small).out == "2 models, no findings\n"
    (small / "models/qwen3-8b/README.md").unlink()

    assert cli("models", "check", "tiny-chat", "--root", small).code == 0
    assert cli("models", "check", "qwen3-8b", "--prompts", "--root", small).code == 0
    assert cli("models", "check", "--root", small).code == 1
    assert cli("models", "check", "gpt", "--root", small).code == 1


SCRIPTS = {
    "validate_prompts": "models check --prompts",
    "check_model_config": "models check",
    "smoke_test": "gate run --suite smoke",
    "llm_quality_test": "gate run --suite full --only functional",
    "safety_tests": "gate run --only safety",
    "load_test": "gate run --suite full --only load",
    "production_validation": "gate run --suite full",
    "data_validation": "gate data",
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_classic_steps_are_thin_names_for_commands(name: str) -> None:
    """Each is one call of the package, and can be executed."""
    path = ROOT / "scripts" / name
    last = path.read_text().splitlines()[-1]

    assert f'/tidegate" {SCRIPTS[name]}' in last
    assert last.endswith('"$@"')
    assert path.stat().st_mode & 0o111
