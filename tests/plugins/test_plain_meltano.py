"""The same files through plain Meltano, and through a schedule: the same rows."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess

from conftest import GROWTHNAV, MELTANO, Project

SCHEDULE = """
schedules:
- name: {0}-daily
  interval: '@daily'
  job: rows
  env: {{MELTANO_ENVIRONMENT: {0}, MELTANO_SYS_DIR_ROOT: .meltano/tenants/{0}}}
"""


def test_plain_meltano_schedule_and_growthnav_agree(project: Project) -> None:
    for name in ("wrapped", "plain", "scheduled"):
        path = project.add(name, tap={"rows": 6})
        path.write_text(path.read_text() + SCHEDULE.format(name))
    home = {"XDG_STATE_HOME": str(project.root / "home")}
    assert project.call("run", "wrapped").code == 0
    assert project.call("--environment=plain", "run", "rows", command=MELTANO, **home).code == 0
    # The schedule's own tenant wins over whatever environment it is started in.
    scheduled = project.call("--environment=plain", "schedule", "run", "scheduled-daily", command=MELTANO, **home)
    assert scheduled.code == 0, scheduled.err

    def rows(tenant: str) -> list[int]:
        assert {row["tenant"] for row in project.rows(tenant)} == {tenant}
        return [row["id"] for row in project.rows(tenant)]

    assert rows("wrapped") == rows("plain") == rows("scheduled") == list(range(6))
    marks = [project.bookmark(name) for name in ("wrapped", "plain", "scheduled")]
    assert [mark and mark["replication_key_value"] for mark in marks] == [6, 6, 6]
    assert (project.root / ".meltano/tenants/scheduled/meltano.db").exists()


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
    environment = project.environment(TERM="xterm", COLUMNS="120", LINES="30")
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
