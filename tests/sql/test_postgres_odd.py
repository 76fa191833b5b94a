"""tap-postgres on tables that are odd and real: domains, half-made indexes, short types, partitions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from servers.postgres import execute
from sql_runs import run_here, with_state
from support import Finished

Tap = Callable[..., Finished]


@pytest.fixture
def tap(postgres_url: str, schema: str, tmp_path: Path) -> Tap:
    """Runs the tap over that schema."""

    def call(*more: str, **settings: Any) -> Finished:
        return run_here("taps.postgres.tap", {"url": postgres_url, "schemas": [schema], **settings}, tmp_path, *more)

    return call


def test_a_domain_is_the_type_it_is_made_of(postgres_url: str, schema: str, tap: Tap) -> None:
    execute(
        postgres_url,
        f"CREATE DOMAIN {schema}.positive AS integer CHECK (VALUE > 0)",
        f"CREATE DOMAIN {schema}.number AS {schema}.positive",
        f"CREATE DOMAIN {schema}.price AS numeric(12,2)",
        f"CREATE DOMAIN {schema}.moment AS timestamptz",
        f"CREATE TABLE {schema}.d (id {schema}.number PRIMARY KEY, price {schema}.price, at {schema}.moment)",
        f"INSERT INTO {schema}.d VALUES (1, 12.5, '2024-05-01 09:30+02'), (2, 'NaN', 'infinity')",
    )
    wanted = [
        {"id": 1, "price": "12.50", "at": "2024-05-01T07:30:00.000000Z"},
        {"id": 2, "price": None, "at": None},
    ]
    done = tap(streams={"d": {"replication_key": "id"}})
    assert done.code == 0, done.log
    assert done.records(f"{schema}-d") == wanted
    asked = tap(tables=["none"], queries={"q": {"sql": f"SELECT * FROM {schema}.d ORDER BY id"}})
    assert asked.records("q") == wanted


def test_types_with_few_digits(postgres_url: str, schema: str, tap: Tap) -> None:
    execute(
        postgres_url,
        f"CREATE TABLE {schema}.s (tiny numeric(2,5), rough numeric(5,-2), clock time(3))",
        f"INSERT INTO {schema}.s VALUES (0.00012, 12345, '10:11:12.345')",
    )
    (row,) = tap().records(f"{schema}-s")
    assert (float(row["tiny"]), row["rough"], row["clock"]) == (0.00012, "12300", "10:11:12.345000")


def test_an_index_that_could_not_be_made_is_no_key(postgres_url: str, schema: str, tap: Tap) -> None:
    execute(
        postgres_url,
        f"CREATE TABLE {schema}.u (a int NOT NULL, b int)",
        f"INSERT INTO {schema}.u VALUES (1, 1), (1, 2)",
    )
    with pytest.raises(psycopg.errors.UniqueViolation):
        execute(postgres_url, f"CREATE UNIQUE INDEX CONCURRENTLY half_made ON {schema}.u (a)")
    done = tap()
    assert done.messages("SCHEMA")[0]["key_properties"] == []
    assert len(done.records(f"{schema}-u")) == 2


def test_a_key_of_arrays(postgres_url: str, schema: str, tap: Tap) -> None:
    execute(
        postgres_url,
        f"CREATE TABLE {schema}.a (tags text[] PRIMARY KEY)",
        f"INSERT INTO {schema}.a SELECT ARRAY[n::text, 'x,\"'] FROM generate_series(1, 40) n",
    )
    done = tap(chunk_rows=2)
    assert done.code == 0, done.log
    assert {row["tags"][0] for row in done.records(f"{schema}-a")} == {str(n) for n in range(1, 41)}


def test_a_partition_of_a_table_that_may_be_read_is_not_told(postgres_url: str, schema: str, tap: Tap) -> None:
    role = f"reader_{schema}"
    execute(
        postgres_url,
        f"CREATE TABLE {schema}.whole (id int PRIMARY KEY) PARTITION BY RANGE (id)",
        f"CREATE TABLE {schema}.part PARTITION OF {schema}.whole FOR VALUES FROM (0) TO (10)",
        f"CREATE TABLE {schema}.secret (id int)",
        f"INSERT INTO {schema}.whole VALUES (1)",
        f"CREATE ROLE {role} LOGIN",
        f"GRANT USAGE ON SCHEMA {schema} TO {role}",
        f"GRANT SELECT ON {schema}.whole TO {role}",
    )
    try:
        told = b"\n".join(tap("--test", user=role).lines).decode()
        assert f"{schema}-secret: this user may not read it" in told
        assert f"{schema}-part" not in told
        assert tap(user=role).records(f"{schema}-whole") == [{"id": 1}]
    finally:
        execute(postgres_url, f"DROP OWNED BY {role}", f"DROP ROLE {role}")


@pytest.mark.parametrize("end", [";", " ; \n", " -- and no more", "\n-- so far;"])
def test_sql_as_people_write_it(schema: str, postgres_url: str, tap: Tap, end: str) -> None:
    execute(postgres_url, f"CREATE TABLE {schema}.t AS SELECT 1 AS id UNION ALL SELECT 2")
    asked = tap(tables=["none"], queries={"q": {"sql": f"SELECT id FROM {schema}.t WHERE '%' = '%'{end}"}})
    assert [row["id"] for row in asked.records("q")] == [1, 2], asked.log
    found = tap(streams={"t": {"where": f"id = 2{end}"}})
    assert found.records(f"{schema}-t") == [{"id": 2}], found.log


def test_a_key_whose_type_was_changed(postgres_url: str, schema: str, tap: Tap, tmp_path: Path) -> None:
    execute(
        postgres_url, f"CREATE TABLE {schema}.k (id int PRIMARY KEY, at int)", f"INSERT INTO {schema}.k VALUES (1, 2)"
    )
    streams = {"k": {"replication_key": "at"}}
    state = with_state(tmp_path, tap(streams=streams).messages("STATE")[-1]["value"])
    execute(postgres_url, f"ALTER TABLE {schema}.k ALTER at TYPE timestamptz USING now()")
    done = tap(*state, streams=streams)
    assert done.code == 65
    assert "run once without state (--full-refresh)" in done.log


def test_letters_of_no_known_encoding(postgres_url: str, schema: str, tap: Tap) -> None:
    database = f"{postgres_url.rsplit('/', 1)[0]}/{schema}"
    execute(
        postgres_url, f"CREATE DATABASE {schema} ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
    )
    try:
        with psycopg.connect(database, autocommit=True, client_encoding="latin1") as connection:
            connection.execute("CREATE TABLE public.t AS SELECT E'caf\\351' AS name")
        done = tap(url=database, schemas=["public"])
        assert (done.code, done.messages("STATE")) == (65, []), done.log
        assert "stream 'public-t': it has texts that cannot be had in UTF-8" in done.log
    finally:
        execute(postgres_url, f"DROP DATABASE {schema}")
