"""Hundreds of schedules of commands, faults, kills and other writers on one remote."""

import pytest
from tests.unit.promotion.conftest import Fork
from tests.unit.promotion.machine import run

PARTS, SCHEDULES = 10, 20


@pytest.mark.parametrize("part", range(PARTS))
def test_any_schedule_of_commands_faults_and_kills_is_a_line(forked: Fork, part: int) -> None:
    """Exactly one commit for each change, with the digests that were asked for, and none lost."""
    run(forked, forked.clone(f"other-{part}"), schedules=SCHEDULES, steps=6)
