"""Freeze windows follow the wall clock of their place, through daylight saving."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.catalog.policy import Freeze
from tidegate.promotion.freeze import frozen_until

BERLIN = ZoneInfo("Europe/Berlin")


def freeze(zone: str = "Europe/Berlin", **window: Any) -> Freeze:  # noqa: ANN401 - any window
    """A freeze of this window."""
    return Freeze.model_validate_json(json.dumps({"name": "quiet", "timeZone": zone} | window))


def weekly(start: str, end: str, zone: str = "Europe/Berlin") -> Freeze:
    """A freeze from `friday 16:00` to `monday 08:00`, or the like."""
    moments = [dict(zip(("day", "time"), text.split(), strict=True)) for text in (start, end)]
    return freeze(zone, weekly={"start": moments[0], "end": moments[1]})


WEEKEND = weekly("friday 16:00", "monday 08:00")


@pytest.mark.parametrize(
    ("local", "frozen"),
    [
        ("2026-11-20T15:59:59", False),
        ("2026-11-20T16:00:00", True),
        ("2026-11-22T12:00:00", True),
        ("2026-11-23T07:59:59", True),
        ("2026-11-23T08:00:00", False),
        # The same wall clock in summer, an hour earlier in UTC.
        ("2026-07-17T15:59:59", False),
        ("2026-07-17T16:00:00", True),
        ("2026-07-20T08:00:00", False),
        # The two weekends on which clocks change.
        ("2026-03-27T15:59:59", False),
        ("2026-03-30T07:59:59", True),
        ("2026-03-30T08:00:00", False),
        ("2026-10-26T07:59:59", True),
        ("2026-10-26T08:00:00", False),
    ],
)
def test_a_weekly_freeze_holds_between_its_two_moments(local: str, *, frozen: bool) -> None:
    """The start is inside and the end is not, whatever the clocks do in between."""
    now = datetime.fromisoformat(local).replace(tzinfo=BERLIN)

    assert (frozen_until((WEEKEND,), now) is not None) is frozen


def test_a_repeated_hour_is_inside_from_its_first_start_to_its_last_end() -> None:
    """On the day when 02:30 comes twice, a freeze to 02:30 ends at the second."""
    night = weekly("saturday 22:00", "sunday 02:30")
    first = datetime(2026, 10, 25, 2, 29, tzinfo=BERLIN)
    between = datetime(2026, 10, 25, 2, 45, tzinfo=BERLIN)
    second = datetime(2026, 10, 25, 2, 29, tzinfo=BERLIN, fold=1)
    after = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1)

    inside = [frozen_until((night,), now) is not None for now in (first, between, second, after)]

    assert inside == [True, True, True, False]


def test_a_skipped_hour_makes_a_freeze_longer_never_shorter() -> None:
    """On the day when there is no 02:30, a freeze from it or to it covers the jump."""
    jump = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    until = weekly("saturday 22:00", "sunday 02:30")
    since = weekly("sunday 02:30", "sunday 06:00")

    assert frozen_until((until,), jump - timedelta(minutes=1))
    assert frozen_until((until,), jump)
    assert frozen_until((since,), jump)
    assert not frozen_until((until,), jump + timedelta(hours=1))


def test_a_dated_freeze_holds_once() -> None:
    """By the wall clock of its place, not of the server."""
    new_year = freeze(
        "Asia/Tokyo", dated={"start": "2026-12-20T00:00:00", "end": "2027-01-04T08:00:00"}
    )
    start = datetime(2026, 12, 19, 15, tzinfo=UTC)
    end = datetime(2027, 1, 3, 23, tzinfo=UTC)

    held = [
        frozen_until((new_year,), now) is not None
        for now in (start - timedelta(seconds=1), start, end - timedelta(seconds=1), end)
    ]

    assert held == [False, True, True, False]


def test_the_last_of_several_freezes_says_when_it_ends() -> None:
    """A person who waits should wait once."""
    long = freeze(dated={"start": "2026-11-20T00:00:00", "end": "2026-11-25T00:00:00"})
    now = datetime(2026, 11, 21, 12, tzinfo=BERLIN)

    found = frozen_until((WEEKEND, long), now)

    assert found == (long, datetime(2026, 11, 24, 23, tzinfo=UTC))


@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001 - the zone is UTC
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
)
def test_a_weekly_freeze_agrees_with_the_wall_clock(moment: datetime, zone: str) -> None:
    """Away from the hours that clocks change, it is frozen exactly where a reader says so."""
    now = moment.replace(tzinfo=UTC)
    local = now.astimezone(ZoneInfo(zone))
    day, time = local.weekday(), local.time()
    expected = (day == 4 and time.hour >= 16) or day in {5, 6} or (day == 0 and time.hour < 8)

    found = frozen_until((weekly("friday 16:00", "monday 08:00", zone),), now)

    assert (found is not None) is expected


@pytest.mark.parametrize(
    "window",
    [
        {},
        {"weekly": {"start": {"day": "friday", "time": 57600}, "end": {}}},
        {"dated": {"start": "2026-12-20T00:00:00Z", "end": "2027-01-04T08:00:00Z"}},
        {"dated": {"start": "2027-01-04T08:00:00", "end": "2026-12-20T00:00:00"}},
    ],
    ids=["none", "a number of YAML", "with an offset", "backwards"],
)
def test_a_window_that_means_nothing_is_refused(window: dict[str, Any]) -> None:
    """When the file is read, not when somebody waits for it."""
    with pytest.raises(ValueError, match="validation error"):
        freeze(**window)
