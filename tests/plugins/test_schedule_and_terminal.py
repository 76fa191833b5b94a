"""A schedule through plain Meltano; what a terminal shows."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess

import operating
from operating import GROWTHNAV, MELTANO
from stub_project import Project

SCHEDULE = """
schedules:
- name: {0}-daily
  interval: '@daily'
  job: rows
  env: {{MELTANO_ENVIRONMENT: {0}, MELTANO_SYS_DIR_ROOT: .meltano/tenants/{0}}}
"""


def test_row_14_a_schedule_runs_its_own_tenant_in_its_own_directory(project: Project) -> None:
    path = project.add("acme", tap={"rows": 6})
    path.write_text(path.read_text() + SCHEDULE.format("acme"))
    project.add("globex")
    home = {"XDG_STATE_HOME": str(project.root / "home")}
    ended = project.call("--environment=globex", "schedule", "run", "acme-daily", command=MELTANO, **home)
    assert ended.code == 0, ended.err
    assert project.rows("acme") == [{"id": number, "tenant": "acme"} for number in range(6)]
    assert project.rows("globex") == []
    assert (project.bookmark("acme") or {})["replication_key_value"] == 6
    assert (project.root / ".meltano/tenants/acme/meltano.db").exists()


def test_a_terminal_gets_a_live_line_and_no_log(project: Project) -> None:
    project.add("acme", tap={"rows": 40})
    shown = in_terminal(project, "run", "acme")
    assert "\x1b[" in shown  # drawn in place
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert re.search(r"acme .*40 rows", plain)
    assert "acme: success in" in plain
    assert "job rows starts" not in plain
    assert '{"event"' not in plain


def in_terminal(project: Project, *arguments: str) -> str:
    """Everything a command draws on a terminal."""
    screen, terminal = pty.openpty()
    environment = operating.environment(TERM="xterm", COLUMNS="120", LINES="30")
    process = subprocess.Popen(
        [str(GROWTHNAV), *arguments], cwd=project.root, env=environment, stdout=terminal, stderr=terminal
    )
    os.close(terminal)
    shown = b""
    while select.select([screen], [], [], 60)[0]:
        try:
            shown += os.read(screen, 65536)
        except OSError:  # the other side has closed
            break
    os.close(screen)
    assert process.wait(10) == 0, shown.decode()
    return shown.decode()
