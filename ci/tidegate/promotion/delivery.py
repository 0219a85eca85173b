"""The four numbers of DORA for each service, from git alone.

Deployment frequency, lead time for changes, change failure rate and time to restore service, as
the DORA research defines them; a failure here is a release that a rollback took away.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from tidegate.promotion.history import Record


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a service is delivered to an environment within a span of time; None without data."""

    service: str
    deployments: int
    per_week: float
    lead_time_hours: float | None
    """Median from a release's first commit anywhere to its commit here."""
    failure_rate: float | None
    """Share of deployments that a rollback took away."""
    restore_hours: float | None
    """Median from a failed release's commit here to its rollback."""

    def as_dict(self) -> dict[str, Any]:
        """The numbers as JSON-ready data."""
        return {field: getattr(self, field) for field in self.__slots__}


def deliveries(
    found: list[Record], environment: str, *, now: datetime, days: int = 90
) -> list[Delivery]:
    """The numbers of every service that was ever promoted to an environment, by name.

    Args:
        found: records of all environments, newest first.
        environment: the one that users see.
        now: the end of the span.
        days: its length.
    """
    services = sorted({r.service for r in found if r.environment == environment})
    since = now - timedelta(days=days)
    return [
        _delivery([r for r in found if r.service == service], environment, since, days)
        for service in services
    ]


def _delivery(own: list[Record], environment: str, since: datetime, days: int) -> Delivery:
    here = [r for r in own if r.environment == environment]
    recent = [r for r in here if r.time >= since]
    deployed = [r for r in recent if r.action == "promote"]
    rollbacks = [r for r in recent if r.bad]
    leads = [(r.time - _first(own, r)) / timedelta(hours=1) for r in deployed]
    restores = [
        (back.time - start) / timedelta(hours=1)
        for back in rollbacks
        for start in [_deployed_before(here, back)]
        if start
    ]
    return Delivery(
        service=own[0].service,
        deployments=len(deployed),
        per_week=len(deployed) / days * 7,
        lead_time_hours=median(leads) if leads else None,
        failure_rate=min(len(rollbacks) / len(deployed), 1.0) if deployed else None,
        restore_hours=median(restores) if restores else None,
    )


def _first(own: list[Record], record: Record) -> datetime:
    """When the release was first committed to any environment."""
    return min(r.time for r in own if r.release == record.release)


def _deployed_before(here: list[Record], back: Record) -> datetime | None:
    """When the release that a rollback took away had come."""
    earlier = here[here.index(back) + 1 :]
    return next((r.time for r in earlier if r.release == back.bad), None)
