"""Hundreds of schedules of commands, faults, kills and other writers on one remote."""

from tests.unit.promotion.conftest import Fork
from tests.unit.promotion.machine import run


def test_any_schedule_of_commands_faults_and_kills_is_a_line(forked: Fork) -> None:
    """Exactly one commit for each change, with the digests that were asked for, and none lost."""
    run(forked, forked.clone("other"), schedules=200, steps=8)
