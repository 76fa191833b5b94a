"""The schedules in the tenants' files, and what their intervals mean."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from croniter import CroniterError, croniter

from plugins import wiring

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugins.project import Project

NAMED: dict[str, str | None] = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@manual": None,
    "@once": None,
    "@none": None,
}
"""Meltano's names of intervals, as cron expressions; None: nobody but a person starts it."""

CRON_FIELDS = 5
_TIME = r"(?:\d+|[a-z]{3})"
_PART = rf"(?:\*|{_TIME}(?:-{_TIME})?)(?:/\d+)?"
_FIELD = re.compile(rf"{_PART}(?:,{_PART})*", re.ASCII | re.IGNORECASE)
"""Not `L`, `#` or `?`: those are of some schedulers only, and a crontab with one of them is refused as a whole."""


@dataclass(frozen=True)
class Schedule:
    """One job of one tenant, at certain times."""

    name: str
    tenant: str
    job: str
    interval: str

    @property
    def cron(self) -> str | None:
        """Five fields, in UTC or whatever the machine's clock shows; None for one that only a person starts."""
        return NAMED.get(self.interval, " ".join(self.interval.split()))


def is_valid(interval: str) -> bool:
    """Whether it is one of Meltano's names, or five fields that any cron takes and that come some day."""
    fields = interval.split()
    return interval in NAMED or (
        len(fields) == CRON_FIELDS and all(map(_FIELD.fullmatch, fields)) and _comes(" ".join(fields))
    )


def _comes(cron: str) -> bool:
    """Whether it is understood, and is no 30th of February."""
    try:
        croniter(cron, datetime.now(UTC)).get_next(float)
    except CroniterError:
        return False
    return True


def of(project: Project) -> Iterator[Schedule]:
    """Every schedule that is bound to a tenant, in the order of the files."""
    for document in project.documents:
        for _, entry in wiring.entries(document, "schedules"):
            tenant = str((entry.get("env") or {}).get(wiring.TENANT_VARIABLE))
            yield Schedule(str(entry.get("name")), tenant, str(entry.get("job")), str(entry.get("interval")))
