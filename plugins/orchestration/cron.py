"""Schedules as lines of a crontab."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from plugins.orchestration.schedules import Schedule


def lines(schedules: Iterable[Schedule], root: Path, growthnav: Path) -> Iterator[str]:
    """One line a schedule; one that only a person starts is a comment.

    Args:
        schedules: what is to run.
        root: the project.
        growthnav: our command.
    """
    yield "# Tenants of GrowthNav Connectors. A run that is refused because one is under way exits with 2."
    for schedule in schedules:
        call = command(schedule, root, growthnav)
        if schedule.cron is None:
            yield f"# {schedule.name} is started by hand: {call}"
        else:
            yield f"{schedule.cron} {call.replace('%', chr(92) + '%')}"  # cron takes a plain % for a line's end


def command(schedule: Schedule, root: Path, growthnav: Path) -> str:
    """The call of a run, for a shell."""
    return shlex.join([str(growthnav), "--project", str(root), "run", schedule.tenant, schedule.job])
