"""tap-mysql when its connection is cut in the middle of a read."""

from __future__ import annotations

import uuid
from pathlib import Path

from servers.mysql import connected, execute
from sql_runs import assert_lost, cut_off

CHUNK, ROWS = 1_000, 30_000


def test_a_lost_connection_is_told_and_state_is_of_whole_chunks(mysql_url: str, tmp_path: Path) -> None:
    database = f"c{uuid.uuid4().hex[:10]}"
    execute(
        mysql_url,
        f"CREATE DATABASE {database}",
        f"CREATE TABLE {database}.wide (id int PRIMARY KEY, note text)",
        f"INSERT INTO {database}.wide SELECT seq, repeat(seq, 300) FROM mysql.seq_1_to_{ROWS}",
    )

    def cut() -> None:
        with connected(mysql_url) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT id FROM information_schema.processlist WHERE db = %s", [database])
            for (number,) in cursor.fetchall():
                cursor.execute(f"KILL {number}")

    try:
        url = mysql_url.rsplit("/", 1)[0] + f"/{database}"
        done = cut_off("tap-mysql", {"url": url, "chunk_rows": CHUNK}, tmp_path, cut)
    finally:
        execute(mysql_url, f"DROP DATABASE {database}")
    assert_lost(done, f"{database}-wide", ROWS)
