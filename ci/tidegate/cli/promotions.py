"""How promotions, and what runs where, look on a terminal."""

from datetime import datetime

from rich.table import Table
from rich.text import Text

from tidegate.cli.output import Listing, columns
from tidegate.oci import short
from tidegate.promotion.delivery import Delivery
from tidegate.promotion.history import Record, Standing

STATE_STYLE = {"proven": "green", "never promoted": "dim", "unproven": "red"}


def local_time(moment: datetime) -> str:
    """A moment in the reader's own time zone, to the minute."""
    return moment.astimezone().strftime("%m-%d %H:%M")


def standing_table(standings: list[Standing]) -> Listing:
    """What runs where, since when and on which evidence."""
    names = ("environment", "service", "model", "release", "since", "evidence")
    table = Listing("What runs where", *names)
    for standing in standings:
        unit, record = standing.unit, standing.record
        release = Text(str(unit.release or standing.state), style=STATE_STYLE[standing.state])
        table.add_row(
            unit.environment.metadata.name,
            unit.service.metadata.name,
            unit.model.name,
            release,
            local_time(record.time) if record else "-",
            f"{short(record.evidence)} {record.gates.removeprefix('pass ')}" if record else "-",
        )
    return table


def history_table(records: list[Record]) -> Listing:
    """The promotions, newest first."""
    names = ("commit", "when", "action", "environment", "service", "release", "version", "evidence")
    table = Listing("Promotion log", *names, "by")
    for r in records:
        row = (r.commit[:8], local_time(r.time), r.action, r.environment, r.service)
        table.add_row(*row, str(r.release), r.version or "-", short(r.evidence), r.author)
    return table


def delivery_table(numbers: list[Delivery], environment: str, days: int) -> Table:
    """The four numbers of each service."""
    names = ("service", "deployments", "a week", "lead time", "failed", "restored in")
    title = f"Delivery to {environment} in {days} days"
    table = columns(*names, title=title, right=set(names[1:]))
    for d in numbers:
        hours = [
            "-" if value is None else f"{value:.1f} h"
            for value in (d.lead_time_hours, d.restore_hours)
        ]
        failed = "-" if d.failure_rate is None else f"{d.failure_rate:.0%}"
        row = (d.service, str(d.deployments), f"{d.per_week:.1f}", hours[0], failed, hours[1])
        table.add_row(*row)
    return table
