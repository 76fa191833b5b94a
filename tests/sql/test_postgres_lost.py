"""tap-postgres when its connection is cut in the middle of a read, and when it is not let in."""

from __future__ import annotations

import uuid
from pathlib import Path

import psycopg
import pytest
from servers.postgres import LOCKED_USER, execute
from sql_runs import assert_lost, cut_off, run_tap

CHUNK, ROWS = 1_000, 30_000


def test_a_lost_connection_is_told_and_state_is_of_whole_chunks(postgres_url: str, tmp_path: Path) -> None:
    schema = f"c{uuid.uuid4().hex[:10]}"
    execute(
        postgres_url,
        f"CREATE SCHEMA {schema}",
        f"CREATE TABLE {schema}.wide (id int PRIMARY KEY, note text)",
        f"INSERT INTO {schema}.wide SELECT n, repeat(n::text, 300) FROM generate_series(1, {ROWS}) n",
    )
    try:
        done = cut_off(
            "tap-postgres",
            {"url": postgres_url, "schemas": [schema], "chunk_rows": CHUNK},
            tmp_path,
            lambda: execute(
                postgres_url,
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%{schema}%' "
                "AND application_name = 'growthnav tap-postgres'",
            ),
        )
    finally:
        execute(postgres_url, f"DROP SCHEMA {schema} CASCADE")
    assert_lost(done, f"{schema}-wide", ROWS)


def test_a_wrong_password_is_told(postgres_url: str, tmp_path: Path) -> None:
    execute(
        postgres_url, f"DROP ROLE IF EXISTS {LOCKED_USER}", f"CREATE ROLE {LOCKED_USER} LOGIN PASSWORD 's3cr3t-right'"
    )
    place = psycopg.conninfo.conninfo_to_dict(postgres_url)
    config = {"host": place["host"], "port": int(place["port"]), "database": place["dbname"], "user": LOCKED_USER}
    right = run_tap("taps.postgres.tap", {**config, "password": "s3cr3t-right"}, tmp_path, "--test")
    assert right.code == 0, right.log
    for given in ({"password": "s3cr3t-wrong"}, {}):
        done = run_tap("taps.postgres.tap", {**config, **given}, tmp_path)
        if done.code == 0:
            pytest.skip("the server that TEST_POSTGRES_URL names asks this user for no password")
        assert done.code == 77, done.log
        assert "refused user and password" in done.log
        assert "s3cr3t" not in done.log
        assert done.messages("STATE") == []
