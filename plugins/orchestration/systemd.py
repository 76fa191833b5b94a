"""Schedules as systemd timers, each with its service."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from croniter import croniter

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from plugins.orchestration.schedules import Schedule

_DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
_EVERY = ["*"]
_ODD = re.compile(r"[^\w.:-]", re.ASCII)
"""What the name of a unit cannot hold, or a shell's word."""

SERVICE = """\
[Unit]
Description=GrowthNav: {name}

[Service]
Type=oneshot
WorkingDirectory={root}
ExecStart={growthnav} run {tenant} {job}
SuccessExitStatus=1
"""

TIMER = """\
[Unit]
Description=GrowthNav: when {name} runs

[Timer]
{times}
Persistent=true

[Install]
WantedBy=timers.target
"""


def units(schedules: Iterable[Schedule], root: Path, growthnav: Path) -> dict[str, str]:
    """File name -> unit; one that only a person starts has a service and no timer.

    `SuccessExitStatus=1`: a run that left some records out has done its work.
    """
    found: dict[str, str] = {}
    for schedule in schedules:
        title = _escaped(" ".join(schedule.name.split()))
        unit = f"growthnav-{_ODD.sub('_', schedule.name)}"
        found[f"{unit}.service"] = SERVICE.format(
            name=title,
            root=_escaped(str(root)),
            growthnav=f'"{_escaped(str(growthnav))}"',
            tenant=schedule.tenant,
            job=_quoted(schedule.job),
        )
        if schedule.cron is not None:
            times = "\n".join(f"OnCalendar={when}" for when in calendar(schedule.cron))
            found[f"{unit}.timer"] = TIMER.format(name=title, times=times)
    return found


def calendar(cron: str) -> list[str]:
    """A cron expression as calendar events.

    Cron takes a day that fits either the day of the month or that of the week, where both are told; systemd wants
    both to fit: then there are two events.
    """
    minutes, hours, days, months, weekdays = (list(field) for field in croniter.expand(cron)[0])
    clock = f"{_listed(hours)}:{_listed(minutes)}:00"
    names = ",".join(_DAYS[int(day) % 7] for day in weekdays) if weekdays != _EVERY else ""
    date = f"*-{_listed(months)}-{{}} {clock}"
    if names and days != _EVERY:
        return [date.format(_listed(days)), f"{names} {date.format('*')}"]
    return [f"{names} {date.format(_listed(days))}".strip()]


def _listed(values: list[object]) -> str:
    return ",".join(f"{value:02d}" if isinstance(value, int) else str(value) for value in values)


def _escaped(text: str) -> str:
    return text.replace("%", "%%")


def _quoted(text: str) -> str:
    """One argument of a command."""
    if not _ODD.search(text):
        return text
    marked = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{_escaped(marked)}"'
