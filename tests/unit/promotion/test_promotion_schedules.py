"""Whatever is done in whatever order, by whom and on what remote: git stays a provable line."""

from tests.unit.promotion.conftest import Fork
from tests.unit.promotion.machine import run


def test_a_few_schedules_of_commands_faults_and_kills_are_a_line(forked: Fork) -> None:
    """Each outcome is the expected one; scripts/e2e runs hundreds of longer schedules."""
    run(forked, forked.clone("other"), schedules=4, steps=6)
