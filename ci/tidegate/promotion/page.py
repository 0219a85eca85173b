"""The release history as one self-contained page, with a timeline for each service."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tidegate.oci import short
from tidegate.promotion.delivery import Delivery
from tidegate.promotion.history import Record

_LEFT, _RIGHT = 120, 980
_TEMPLATE = Path(__file__).with_name("history.html.jinja")


def history_page(
    found: list[Record],
    numbers: list[Delivery],
    *,
    environments: list[str],
    now: datetime,
    days: int,
) -> str:
    """HTML of all records; what a person wrote in them is escaped.

    Args:
        found: records, newest first.
        numbers: the DORA numbers of the last environment.
        environments: in the order in which releases travel.
        now: when the page is made.
        days: the span of the numbers.
    """
    from jinja2 import Environment  # noqa: PLC0415 - only this command needs it

    environment = Environment(autoescape=True, trim_blocks=True)
    environment.filters |= {"short": short, "hours": _hours, "share": _share}
    start = min((r.time for r in found), default=now)
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        deliveries=numbers,
        services=[
            _service(name, found, environments, start, now)
            for name in sorted({record.service for record in found})
        ],
        environment=environments[-1] if environments else "no environment",
        tip=found[0].commit[:8] if found else "no promotion",
        until=now.strftime("%Y-%m-%d %H:%M %Z"),
        start=start.strftime("%Y-%m-%d"),
        end=now.strftime("%Y-%m-%d"),
        days=days,
    )


def _service(
    name: str, found: list[Record], environments: list[str], start: datetime, now: datetime
) -> dict[str, Any]:
    rows = [record for record in found if record.service == name]
    span = max(now - start, timedelta(seconds=1))
    lanes = [
        {
            "name": environment,
            "marks": [
                {
                    "x": round(_LEFT + (_RIGHT - _LEFT) * ((r.time - start) / span), 1),
                    "action": r.action,
                    "title": f"{r.action} {r.release} {r.time.isoformat()}: {r.reason}",
                }
                for r in rows
                if r.environment == environment
            ],
        }
        for environment in environments
    ]
    return {"name": name, "rows": rows, "lanes": lanes}


def _hours(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} h"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"
