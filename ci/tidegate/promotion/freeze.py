"""Freeze windows: when nothing is promoted, on the wall clock of a named place.

A window is turned into two instants by its time zone, so it is right through daylight saving. An
hour that happens twice is inside from its first start to its last end, and one that is skipped
makes the window longer, never shorter: a freeze errs on the side of frozen.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tidegate.catalog.policy import Freeze, Weekday, WeeklyMoment

_DAYS = list(Weekday)
Window = tuple[datetime, datetime]


def frozen_until(freezes: tuple[Freeze, ...], now: datetime) -> tuple[Freeze, datetime] | None:
    """The freeze that holds at a moment, and when the last one that does ends; None if none does.

    Args:
        freezes: those of a policy.
        now: the moment, with its time zone.
    """
    found = [
        (end, freeze)
        for freeze in freezes
        for start, end in windows(freeze, now)
        if start <= now < end
    ]
    if not found:
        return None
    end, freeze = max(found, key=lambda pair: pair[0])
    return freeze, end


def windows(freeze: Freeze, now: datetime) -> Iterator[Window]:
    """The windows of a freeze that could hold at a moment, as instants in UTC."""
    zone = ZoneInfo(freeze.time_zone)
    if freeze.dated:
        yield _first(freeze.dated.start, zone), _last(freeze.dated.end, zone)
    if freeze.weekly:
        start, end = freeze.weekly.start, freeze.weekly.end
        length = (_minutes(end) - _minutes(start)) % (7 * 24 * 60) or 7 * 24 * 60
        today = now.astimezone(zone).date()
        # The last start lies at most a week back; a day more for the skipped and repeated hours.
        for back in range(-1, 9):
            day = today - timedelta(days=back)
            if day.weekday() == _DAYS.index(start.day):
                begin = datetime.combine(day, start.time)
                yield _first(begin, zone), _last(begin + timedelta(minutes=length), zone)


def _minutes(moment: WeeklyMoment) -> int:
    return (_DAYS.index(moment.day) * 24 + moment.time.hour) * 60 + moment.time.minute


def _instants(wall: datetime, zone: ZoneInfo) -> list[datetime]:
    """Both readings of a wall clock: they differ where an hour is repeated or skipped."""
    return [wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]


def _first(wall: datetime, zone: ZoneInfo) -> datetime:
    return min(_instants(wall, zone))


def _last(wall: datetime, zone: ZoneInfo) -> datetime:
    return max(_instants(wall, zone))
