"""tap-postgres by the log of changes, against a real server."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from servers.postgres import execute
from sql_runs import unpacked, with_state
from support import Finished, run

Tap = Callable[..., Finished]
LOG = {"replication_method": "LOG_BASED"}
TABLE = """
CREATE TABLE {0}.people (id bigint PRIMARY KEY, name text, price numeric(12,2), at timestamptz, doc jsonb, big text);
ALTER TABLE {0}.people ALTER big SET STORAGE EXTERNAL;
INSERT INTO {0}.people SELECT n, 'p' || n, n + 0.50, '2024-05-01 09:30+02', '{{"a": 1}}', repeat(n::text, 5000)
FROM generate_series(1, 5) n
"""


@pytest.fixture
def schema(postgres_url: str) -> Iterator[str]:
    """A schema, a publication and a slot of the test's own, all of one name."""
    name = f"l{uuid.uuid4().hex[:10]}"
    execute(postgres_url, f"CREATE SCHEMA {name}", *TABLE.format(name).split(";\n"))
    yield name
    execute(
        postgres_url,
        f"SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '{name}'",
        f"DROP PUBLICATION IF EXISTS {name}",
        f"DROP SCHEMA {name} CASCADE",
    )


@pytest.fixture
def tap(postgres_url: str, schema: str, tmp_path: Path) -> Tap:
    """Runs the tap over that schema; `state` is what the last run said."""

    def call(*more: str, state: Any = None, **settings: Any) -> Finished:
        config = {
            "url": postgres_url,
            "schemas": [schema],
            "replication_publication": schema,
            "replication_slot": schema,
            "streams": {"people": LOG},
            **settings,
        }
        return run("tap-postgres", config, [], tmp_path, *(with_state(tmp_path, state) if state else ()), *more)

    return call


def state_of(done: Finished) -> Any:
    """What the run's last STATE says."""
    assert done.code == 0, done.log
    return done.messages("STATE")[-1]["value"]


def applied(table: dict[int, Any], done: Finished, stream: str) -> dict[int, Any]:
    """The table as a target that merges by key has it after the run."""
    assert done.code == 0, done.log
    for record in unpacked(done, stream):
        if record["_sdc_deleted_at"]:
            table.pop(record["id"], None)
        else:
            table[record["id"]] = record
    return table


def copied(tap: Tap, schema: str) -> dict[int, Any]:
    """The table as a full read gives it."""
    done = tap(streams={})
    assert done.code == 0, done.log
    return {record["id"]: {**record, "_sdc_deleted_at": None} for record in done.records(f"{schema}-people")}


@pytest.mark.parametrize("files", [False, True])
def test_changes_follow_the_snapshot(postgres_url: str, schema: str, tap: Tap, tmp_path: Path, files: bool) -> None:
    more = {"batch_config": {"storage": {"root": str(tmp_path / "b")}}} if files else {}
    stream = f"{schema}-people"
    first = tap(**more)
    table = applied({}, first, stream)
    assert table == copied(tap, schema)
    execute(
        postgres_url,
        f"INSERT INTO {schema}.people VALUES (6, E'Zoë \"x\", y\n', 1.10, now(), '[1]', ''), (7, NULL, NULL, NULL, NULL, NULL)",
        f"UPDATE {schema}.people SET name = 'changed' WHERE id = 1",
        f"UPDATE {schema}.people SET id = 20 WHERE id = 2",
        f"DELETE FROM {schema}.people WHERE id = 3",
    )
    second = tap(state=state_of(first), **more)
    rows = unpacked(second, stream)
    assert [row["id"] for row in rows] == [6, 7, 1, 2, 20, 3]
    assert rows[-1]["_sdc_deleted_at"].endswith("Z")
    assert rows[-1]["name"] is None
    assert len(rows[2]["big"]) == 5000, "a TOASTed value that did not change is in the record"
    assert applied(table, second, stream) == copied(tap, schema)
    third = tap(state=state_of(second), **more)
    assert unpacked(third, stream) == []


def test_nothing_is_lost_when_the_state_of_a_run_is(postgres_url: str, schema: str, tap: Tap) -> None:
    stream = f"{schema}-people"
    state = state_of(tap())
    execute(postgres_url, f"DELETE FROM {schema}.people WHERE id = 1")
    lost = tap(state=state)
    assert [row["id"] for row in lost.records(stream)] == [1]
    again = tap(state=state)
    assert again.records(stream) == lost.records(stream)
    tap(state=state_of(again))  # now it is proven, and the server may let go of it
    late = tap(state=state)
    assert late.code == 65
    assert all(message["value"] == state for message in late.messages("STATE"))
    assert "no longer has the changes" in late.log


def test_transactions_are_whole_and_in_order_of_commit(postgres_url: str, schema: str, tap: Tap) -> None:
    stream = f"{schema}-people"
    first = tap()
    with psycopg.connect(postgres_url) as slow, psycopg.connect(postgres_url) as quick:
        slow.execute(f"UPDATE {schema}.people SET name = 'slow' WHERE id = 1".encode())
        quick.execute(f"UPDATE {schema}.people SET name = 'quick' WHERE id = 2".encode())
        quick.commit()
        second = tap(state=state_of(first))
        slow.commit()
    assert [row["name"] for row in second.records(stream)] == ["quick"]
    third = tap(state=state_of(second))
    assert [row["name"] for row in third.records(stream)] == ["slow"]


def test_a_snapshot_that_was_cut_goes_on(postgres_url: str, schema: str, tap: Tap) -> None:
    stream = f"{schema}-people"
    first = tap(max_rows=2, chunk_rows=2)
    table = applied({}, first, stream)
    assert set(table) == {1, 2}
    execute(postgres_url, f"DELETE FROM {schema}.people WHERE id = 1", f"DELETE FROM {schema}.people WHERE id = 4")
    second = tap(state=state_of(first))
    third = tap(state=state_of(second))
    assert applied(applied(table, second, stream), third, stream) == copied(tap, schema)


def test_truncate_ends_a_version(postgres_url: str, schema: str, tap: Tap) -> None:
    first = tap()
    execute(postgres_url, f"TRUNCATE {schema}.people", f"INSERT INTO {schema}.people (id) VALUES (9)")
    second = tap(state=state_of(first))
    (activate,) = second.messages("ACTIVATE_VERSION")
    (record,) = second.messages("RECORD")
    assert activate["version"] == record["version"] > first.messages("ACTIVATE_VERSION")[0]["version"]


def test_columns_come_and_go(postgres_url: str, schema: str, tap: Tap) -> None:
    stream = f"{schema}-people"
    first = tap()
    execute(
        postgres_url,
        f"UPDATE {schema}.people SET name = 'before' WHERE id = 1",
        f"ALTER TABLE {schema}.people ADD COLUMN more int DEFAULT 7, DROP COLUMN doc",
        f"UPDATE {schema}.people SET more = 8 WHERE id = 2",
    )
    second = tap(state=state_of(first))
    assert {row["id"]: row["more"] for row in second.records(stream)} == {1: 7, 2: 8}


def test_with_full_identity_any_columns_are_the_key(postgres_url: str, schema: str, tap: Tap) -> None:
    execute(postgres_url, f"CREATE TABLE {schema}.bare (id int, x text)", f"INSERT INTO {schema}.bare VALUES (1, 'a')")
    options = {"bare": {**LOG, "key_properties": ["id"]}}
    refused = tap(streams=options)
    assert (refused.code, refused.messages("STATE")) == (78, [])
    assert "REPLICA IDENTITY" in refused.log
    execute(postgres_url, f"ALTER TABLE {schema}.bare REPLICA IDENTITY FULL")
    first = tap(streams=options, tables=["bare"])
    execute(postgres_url, f"DELETE FROM {schema}.bare")
    (row,) = tap(streams=options, tables=["bare"], state=state_of(first)).records(f"{schema}-bare")
    assert row["x"] == "a"
    assert row["_sdc_deleted_at"]


def test_a_table_that_joins_later_has_a_snapshot_of_its_own(postgres_url: str, schema: str, tap: Tap) -> None:
    first = tap(tables=["people"])
    execute(postgres_url, f"CREATE TABLE {schema}.pets (id int PRIMARY KEY)", f"INSERT INTO {schema}.pets VALUES (1)")
    both: dict[str, Any] = {"streams": {"people": LOG, "pets": LOG}}
    second = tap(state=state_of(first), **both)
    assert [row["id"] for row in second.records(f"{schema}-pets")] == [1]
    execute(postgres_url, f"INSERT INTO {schema}.pets VALUES (2)", f"DELETE FROM {schema}.people WHERE id = 5")
    third = tap(state=state_of(second), **both)
    assert [row["id"] for row in third.records(f"{schema}-pets")][-1] == 2
    assert [row["id"] for row in third.records(f"{schema}-people")] == [5]


def test_faults_have_a_remedy(postgres_url: str, schema: str, tap: Tap) -> None:
    missing = tap(replication_create=False)
    assert missing.code == 78
    assert "there is no publication" in missing.log
    first = state_of(tap())
    execute(postgres_url, f"SELECT pg_drop_replication_slot('{schema}')")
    gone = tap(state=first)
    assert gone.code == 65
    assert all(message["value"] == first for message in gone.messages("STATE"))
    assert "is gone" in gone.log
    where = tap(streams={"people": {**LOG, "where": "id > 1"}})
    assert where.code == 78
    assert "where is not for LOG_BASED" in where.log
    execute(postgres_url, f"CREATE VIEW {schema}.seen AS SELECT * FROM {schema}.people")
    view = tap(streams={"seen": {**LOG, "key_properties": ["id"]}})
    assert view.code == 78
    assert "only the changes of tables" in view.log
    for done in (missing, gone, where, view):
        assert "Traceback" not in done.log


def test_a_value_its_column_no_longer_takes(postgres_url: str, schema: str, tap: Tap) -> None:
    first = state_of(tap())
    execute(
        postgres_url,
        f"UPDATE {schema}.people SET name = 'no number' WHERE id = 1",
        f"ALTER TABLE {schema}.people ALTER name TYPE int USING id",
    )
    done = tap(state=first)
    assert done.code == 65
    assert "of before a column's type was changed" in done.log
    execute(postgres_url, f"SELECT pg_drop_replication_slot('{schema}')")
    again = tap()
    assert [row["name"] for row in again.records(f"{schema}-people")] == [1, 2, 3, 4, 5], again.log
    assert tap(state=state_of(again)).code == 0


def test_the_user_needs_the_right_to_replicate(postgres_url: str, schema: str, tap: Tap) -> None:
    execute(
        postgres_url,
        f"CREATE PUBLICATION {schema} FOR TABLE {schema}.people",
        f"CREATE ROLE {schema} LOGIN",
        f"GRANT USAGE ON SCHEMA {schema} TO {schema}",
        f"GRANT SELECT ON {schema}.people TO {schema}",
    )
    try:
        done = tap(url=postgres_url.replace("postgres@", f"{schema}@"))
        assert (done.code, done.messages("STATE")) == (77, []), done.log
        assert "REPLICATION" in done.log
    finally:
        execute(postgres_url, f"DROP OWNED BY {schema}", f"DROP ROLE {schema}")


def test_state_is_json_of_known_shape(tap: Tap, schema: str) -> None:
    mark = state_of(tap())["bookmarks"][f"{schema}-people"]
    assert json.loads(json.dumps(mark))["log_position"].count("/") == 1


@pytest.mark.parametrize(("identity", "told"), [("FULL", {1: None, 2: True}), ("DEFAULT", {1: None, 2: "marked"})])
@pytest.mark.parametrize("files", [False, True])
def test_deletions_reach_the_conversions(
    postgres_url: str, schema: str, tap: Tap, tmp_path: Path, identity: str, told: dict[int, Any], files: bool
) -> None:
    """A log has the whole deleted row only where it is told to; with the key alone the row that was made is marked."""
    execute(
        postgres_url,
        f"CREATE TABLE {schema}.orders (id int PRIMARY KEY, total numeric(9,2), created_at timestamptz)",
        f"ALTER TABLE {schema}.orders REPLICA IDENTITY {identity}",
    )
    more = {"batch_config": {"storage": {"root": str(tmp_path / "b")}}} if files else {}
    state = state_of(tap(streams={"orders": LOG}, tables=["orders"], **more))
    execute(
        postgres_url,
        f"INSERT INTO {schema}.orders VALUES (1, 5, '2024-05-01Z'), (2, 7, '2024-05-01Z')",
        f"DELETE FROM {schema}.orders WHERE id = 2",
    )
    done = tap(state=state, streams={"orders": LOG}, tables=["orders"], **more)
    source = {"preset": "pos", "match": [f"{schema}-orders"]}
    mapped = run("map-conversions", {"tenant": "acme", "sources": [source]}, done.lines, tmp_path)
    assert mapped.code == 0, mapped.log
    rows = mapped.records("conversions")
    assert not mapped.records("rejects")
    numbers = {row["conversion_id"]: int(row["transaction_id"]) for row in rows if "transaction_id" in row}
    last = {
        numbers[row["conversion_id"]]: "marked" if "_sdc_deleted_at" in row else row.get("is_deleted") for row in rows
    }
    assert last == told
