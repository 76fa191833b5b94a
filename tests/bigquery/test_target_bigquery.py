"""Loading into the emulator: types, keys, columns that come and go, tenants, batch files, STATE."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from bigquery_place import Place
from google.cloud.bigquery import SchemaField, Table
from servers.bigquery import PROJECT
from support import record, state

from pipe import columnar
from pipe.bigquery import label
from pipe.outbox import Outbox
from pipe.streams import CANONICAL, CONVERSIONS
from targets.bigquery.names import dataset_name

TEXT, INTEGER = {"type": ["null", "string"]}, {"type": ["null", "integer"]}
MONEY = {**TEXT, "format": "x-singer.decimal"}
TIME = {**TEXT, "format": "date-time"}
KINDS: dict[str, Any] = {
    "id": TEXT,
    "n": INTEGER,
    "money": MONEY,
    "x": {"type": ["null", "number"]},
    "b": {"type": ["null", "boolean"]},
    "timestamp": TIME,
    "d": {**TEXT, "format": "date"},
    "t": {**TEXT, "format": "time"},
    "o": {"type": ["null", "object"]},
    "a": {"type": ["null", "array"]},
}


def schema(stream: str, properties: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {
        "type": "SCHEMA",
        "stream": stream,
        "schema": {"type": "object", "properties": properties},
        "key_properties": list(keys),
    }


def types(place: Place, table: str) -> dict[str, str]:
    return {field.name: field.field_type for field in place.table(table).schema}


def jobs(place: Place, kind: str) -> list[str]:
    with place.emulator.client() as client:
        return [job.job_id for job in client.list_jobs(max_results=1000) if job.job_type == kind]


@pytest.mark.parametrize("form", ["parquet", "ndjson"])
def test_every_type_exactly(form: str, place: Place) -> None:
    full = {
        "id": "ä😀",
        "n": 9223372036854775807,
        "money": "12345678901234567890123456789.123456789",
        "x": 0.1,
        "b": False,
        "timestamp": "2024-02-29T23:59:59.123456+02:00",
        "d": "0001-01-01",
        "t": "23:59:59.999999",
        "o": {"q": 'a"b', "long": 0.1, "list": [1, None]},
        "a": [{"type": "email"}],
    }
    done = place.load(schema("s", KINDS, "id"), record("s", **full), record("s", id="empty"), load_format=form)
    assert done.code == 0, done.log
    assert place.rows("SELECT * FROM {}.s WHERE id <> 'empty'") == [
        (
            "ä😀",
            9223372036854775807,
            Decimal("12345678901234567890123456789.123456789"),
            0.1,
            False,
            datetime(2024, 2, 29, 21, 59, 59, 123456, UTC),
            date(1, 1, 1),
            time(23, 59, 59, 999999),
            full["o"],
            full["a"],
        )
    ]
    assert place.rows("SELECT * FROM {}.s WHERE id = 'empty'") == [("empty", *[None] * 9)]
    assert types(place, "s") == {
        "id": "STRING",
        "n": "INT64",
        "money": "NUMERIC",
        "x": "FLOAT64",
        "b": "BOOL",
        "timestamp": "TIMESTAMP",
        "d": "DATE",
        "t": "TIME",
        "o": "JSON",
        "a": "JSON",
    }
    table = place.table("s")
    assert (table.time_partitioning.type_, table.time_partitioning.field) == ("MONTH", "timestamp")
    assert table.clustering_fields == ["id"]
    assert place.tables() == ["s"], "staging tables are gone"


def test_times_that_bigquery_does_not_have_are_rejects(place: Place) -> None:
    lines = [
        record("s", id="1", timestamp="9999-12-31T23:59:59.999999Z", d="9999-12-31", t="00:00:00"),
        record("s", id="2", timestamp="0044-03-15T00:00:00 (BC)"),
        record("s", id="3", timestamp="12024-03-15T00:00:00Z"),
        record("s", id="4", d="0044-03-15 (BC)"),
        record("s", id="5", t="24:00:00"),
    ]
    done = place.load(schema("s", KINDS, "id"), *lines)
    assert done.code == 0, done.log
    assert place.rows("SELECT id, t FROM {}.s ORDER BY id") == [("1", time(0)), ("5", time(0))], "24:00 is midnight"
    assert place.rows("SELECT position, field FROM {}.rejects ORDER BY 1") == [
        (3, "timestamp"),
        (4, "timestamp"),
        (5, "d"),
    ]


def test_the_last_of_equal_keys_wins_and_a_second_run_changes_nothing(place: Place) -> None:
    lines = [
        schema("s", KINDS, "id"),
        *(record("s", id=str(number % 7), n=number, money=f"{number}.10") for number in range(500)),
        state(n=1),
        record("s", id="3", n=1000),
        state(n=2),
    ]
    assert place.load(*lines).lines == [b'{"n": 1}', b'{"n": 2}']
    wanted = [
        (str(key), 497 + key - (7 if key > 2 else 0), Decimal(490 + key + (7 if key < 3 else 0)) + Decimal("0.1"))
        for key in range(7)
    ]
    wanted[3] = ("3", 1000, None)
    query = "SELECT id, n, money FROM {}.s ORDER BY id"
    assert place.rows(query) == wanted
    assert place.load(*lines).code == 0
    assert place.rows(query) == wanted


def test_one_load_and_one_merge_a_stream_and_commit(place: Place) -> None:
    before = len(jobs(place, "load")), len(jobs(place, "query"))
    lines = [schema("one", KINDS, "id"), schema("two", KINDS, "id"), schema("none", KINDS, "id")]
    lines += [record(stream, id=str(number)) for number in range(100) for stream in ("one", "two")]
    assert place.load(*lines, state(n=1)).code == 0
    assert (len(jobs(place, "load")) - before[0], len(jobs(place, "query")) - before[1]) == (2, 2)
    assert place.tables() == ["none", "one", "two"]
    assert place.table("none").num_rows == 0


def test_without_a_key_rows_are_added(place: Place) -> None:
    """Equal rows too: nobody says that they are the same."""
    lines = [schema("log", {"n": INTEGER}), record("log", n=1), record("log", n=1), record("log", n=2), state(n=1)]
    assert place.load(*lines).code == 0
    assert place.rows("SELECT n FROM {}.log ORDER BY 1") == [(1,), (1,), (2,)]
    assert place.load(*lines).code == 0
    assert place.rows("SELECT count(*) FROM {}.log") == [(6,)]


def test_equal_batches_without_a_key_are_all_added(place: Place) -> None:
    lines: list[Any] = [schema("log", {"n": INTEGER})]
    for number in range(3):
        lines += [record("log", n=1), state(n=number % 2)]
    assert place.load(*lines, batch_size_rows=1).code == 0
    assert place.rows("SELECT count(*) FROM {}.log") == [(3,)]


def test_new_columns_are_added_to_the_table_that_is_there(place: Place) -> None:
    assert place.load(schema("s", {"id": TEXT}, "id"), record("s", id="1"), record("s", id="2")).code == 0
    wider = schema("s", {"id": TEXT, "new": MONEY, "o": KINDS["o"], "a:b": TEXT}, "id")
    done = place.load(wider, record("s", id="2", new="1.5", o={"a": 1}, **{"a:b": "x"}), record("s", id="3"))
    assert done.code == 0, done.log
    assert place.rows("SELECT * FROM {}.s ORDER BY id") == [
        ("1", None, None, None),
        ("2", Decimal("1.5"), {"a": 1}, "x"),
        ("3", None, None, None),
    ]
    assert [(field.name, field.description) for field in place.table("s").schema][-1] == (
        "a_b",
        "Singer property: a:b",
    )
    later = schema("s", {"a_b": TEXT, "id": TEXT, "a:b": TEXT}, "id")
    assert place.load(later, record("s", id="4", a_b="own", **{"a:b": "y"})).code == 0
    assert place.rows("SELECT a_b, a_b_2 FROM {}.s WHERE id = '4'") == [("y", "own")]


def test_a_property_that_comes_no_more_is_null_in_rows_that_come_again(place: Place) -> None:
    assert place.load(schema("s", {"id": TEXT, "v": TEXT}, "id"), *(record("s", id=i, v="x") for i in "12")).code == 0
    assert place.load(schema("s", {"id": TEXT}, "id"), record("s", id="2")).code == 0
    assert place.rows("SELECT * FROM {}.s ORDER BY id") == [("1", "x"), ("2", None)]


def test_columns_are_widened_where_bigquery_can(place: Place) -> None:
    first = schema("s", {"id": TEXT, "n": INTEGER, "m": MONEY}, "id")
    assert place.load(first, record("s", id="1", n=7, m="0.1")).code == 0
    done = place.load(first, record("s", id="2", n=1 << 70, m="0.12345678901"))
    assert done.code == 0, done.log
    assert (types(place, "s")["n"], types(place, "s")["m"]) == ("NUMERIC", "BIGNUMERIC")
    assert place.rows("SELECT * FROM {}.s ORDER BY id") == [
        ("1", Decimal(7), Decimal("0.1")),
        ("2", Decimal(1 << 70), Decimal("0.12345678901")),
    ]
    assert place.load(first, record("s", id="3", n=1, m="2.50")).code == 0
    assert place.rows("SELECT n, m FROM {}.s WHERE id = '3'") == [(Decimal(1), Decimal("2.5"))]


def test_columns_are_refused_where_bigquery_cannot_widen_them(place: Place) -> None:
    assert place.load(schema("s", {"id": TEXT, "v": KINDS["b"]}, "id"), record("s", id="1", v=True)).code == 0
    done = place.load(schema("s", {"id": TEXT, "v": TEXT}, "id"), record("s", id="2", v="yes"), state(n=1))
    assert (done.code, done.lines) == (65, [])
    assert "stream 's', field 'v': its column v is BOOL, its records now need STRING" in done.log
    assert place.rows("SELECT * FROM {}.s") == [("1", True)]


def test_tables_of_another_maker(place: Place) -> None:
    """A local time, old names of types and a required column are written; a list of records is refused by name."""
    assert place.load(schema("other", {"id": TEXT})).code == 0
    fields = [
        SchemaField("ID", "STRING", mode="REQUIRED"),
        SchemaField("at", "DATETIME"),
        SchemaField("n", "INTEGER"),
        SchemaField("list", "STRING", mode="REPEATED"),
    ]
    with place.emulator.client() as client:
        client.create_table(Table(f"{PROJECT}.{place.dataset}.s", fields))
    known = {"id": TEXT, "at": TIME, "n": INTEGER}
    done = place.load(schema("s", known, "id"), record("s", id="1", at="2024-05-01T10:00:00Z", n=3))
    assert done.code == 0, done.log
    assert place.rows("SELECT id, `at`, n FROM {}.s") == [("1", datetime(2024, 5, 1, 10), 3)]  # noqa: DTZ001
    done = place.load(schema("s", {**known, "list": {"type": "array"}}, "id"), record("s", id="2", list=["a"]))
    assert done.code == 65
    assert "field 'list': its column list is ARRAY<STRING>, which cannot be written from records" in done.log


def test_bad_rows_go_to_rejects_and_the_rest_is_loaded(place: Place) -> None:
    lines = [record("s", id=str(number), n=number if number != 500 else "none") for number in range(2000)]
    done = place.load(schema("s", KINDS, "id"), *lines, state(n=1))
    assert (done.code, done.lines) == (0, [b'{"n": 1}']), done.log
    assert place.rows("SELECT count(*), countif(n = 500) FROM {}.s") == [(1999, 0)]
    assert place.rows("SELECT source_stream, stage, rule, field, position FROM {}.rejects") == [
        ("s", "target-bigquery", "integer", "n", 502)
    ]


def test_too_many_bad_rows_end_the_run_without_state(place: Place) -> None:
    lines = [record("s", id=str(number), n="none") for number in range(200)]
    done = place.load(schema("s", KINDS, "id"), record("s", id="good"), *lines, state(n=1))
    assert (done.code, done.lines) == (65, [])
    assert "200 of 201 records were rejected" in done.log
    assert place.rows("SELECT id FROM {}.s") == [("good",)]


def test_a_record_without_its_key_ends_the_run_after_what_came_before(place: Place) -> None:
    done = place.load(
        schema("s", KINDS, "id"), record("s", id="1"), state(n=1), record("s", id="2"), record("s", n=3), state(n=2)
    )
    assert (done.code, done.lines) == (65, [b'{"n": 1}'])
    assert place.rows("SELECT id FROM {}.s ORDER BY 1") == [("1",), ("2",)]


def test_two_tenants_have_two_datasets(place: Place) -> None:
    for tenant in ("Bakery-BQ", "corner.shop"):
        settings = {"tenant": tenant, "dataset": None, "labels": {"Team": "x"}} | {"labels": {"team": "Sales & Co"}}
        done = place.load(schema("s", KINDS, "id"), record("s", id=tenant), **settings)
        assert done.code == 0, done.log
        name = dataset_name(tenant)
        assert place.emulator.rows(f"SELECT id FROM {name}.s") == [(tenant,)]
        with place.emulator.client() as client:
            wanted = {"tool": "growthnav", "tenant": label(tenant), "team": "sales___co"}
            assert client.get_dataset(name).labels == wanted
            assert client.get_table(f"{PROJECT}.{name}.s").labels == wanted
    assert dataset_name("Bakery-BQ") == "growthnav_Bakery_BQ"


def test_partitions_and_clusters_as_set(place: Place) -> None:
    properties = {**KINDS, "at": TIME}
    layout = {"partition_by": {"own": "d", "*": "at:day", "flat": ""}, "cluster_by": {"own": ["n", "b"]}}
    lines = [schema(name, properties, "id") for name in ("own", "any", "flat")]
    done = place.load(*lines, schema("small", {"id": TEXT}), **layout)
    assert done.code == 0, done.log

    def found(name: str) -> tuple[Any, ...]:
        table = place.table(name)
        by = table.time_partitioning
        return (by.field, by.type_) if by else None, table.clustering_fields

    assert found("own") == (("d", "MONTH"), ["n", "b"])
    assert found("any") == (("at", "DAY"), ["id"])
    assert found("flat") == (None, ["id"])
    assert found("small") == (None, None)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"partition_by": {"s": "n"}}, "field 'partition_by': its table cannot be partitioned by n"),
        ({"partition_by": {"s": "d:week"}}, "must be a column and, after a colon, hour, day, month or year"),
        ({"cluster_by": {"s": ["x"]}}, "field 'cluster_by': its table cannot be clustered"),
    ],
)
def test_a_layout_that_does_not_fit_is_refused(settings: dict[str, Any], said: str, place: Place) -> None:
    done = place.load(schema("s", KINDS, "id"), record("s", id="1"), state(n=1), **settings)
    assert (done.code, done.lines) == (78, [])
    assert said in done.log


def test_canonical_streams_get_their_types(place: Place) -> None:
    assert place.load(*(stream.schema_message() for stream in CANONICAL.values())).code == 0
    for stream in CANONICAL.values():
        assert types(place, stream.name) == stream.bigquery_columns()
    assert place.table(CONVERSIONS.name).time_partitioning.field == "timestamp"


@pytest.mark.parametrize(("form", "second"), [("parquet", 400), ("arrow", 400), ("arrow", 600)])
def test_canonical_batch_files(place: Place, tmp_path: Path, form: str, second: int) -> None:
    """Files give the rows that records give; they are gone once these are stored."""
    columns = CONVERSIONS.duckdb_columns()
    files = [Outbox(str(tmp_path)).new_file(form) for _ in range(2)]
    with duckdb.connect() as connection:
        kinds = {"identity_fragments": "STRUCT(type VARCHAR, value VARCHAR)[]", "raw": "VARCHAR"}
        declared = ", ".join(f'"{name}" {kinds.get(name, kind)}' for name, kind in columns.items())
        connection.execute(f"CREATE TABLE c ({declared})")
        connection.execute(
            "INSERT INTO c BY NAME SELECT 'k' || i AS conversion_id, 't' || i AS transaction_id, "
            "TIMESTAMPTZ '2024-05-01 10:00:00.000001+00' + to_days(i::INT) AS timestamp, "
            "(i + 0.07)::DECIMAL(38,9) AS value, "
            "[{'type': 'email', 'value': 'h' || i}] AS identity_fragments, '{\"a\": ' || i || '}' AS raw "
            "FROM range(1000) t(i)"
        )
        for file, part in zip(files, ("LIMIT 600", f"OFFSET {second}"), strict=True):
            columnar.write(columnar.fetch(connection, f"FROM c {part}"), file, form)
    batch = {
        "type": "BATCH",
        "stream": CONVERSIONS.name,
        "encoding": {"format": form},
        "manifest": [file.as_uri() for file in files],
    }
    done = place.load(CONVERSIONS.schema_message(), batch, state(n=1))
    assert (done.code, done.lines) == (0, [b'{"n": 1}']), done.log
    assert place.rows("SELECT count(*), sum(value), min(timestamp) FROM {}.conversions") == [
        (1000, Decimal(499570), datetime(2024, 5, 1, 10, 0, 0, 1, UTC))
    ]
    assert place.rows("SELECT identity_fragments, raw FROM {}.conversions WHERE conversion_id = 'k7'") == [
        ([{"type": "email", "value": "h7"}], {"a": 7})
    ]
    assert not any(map(Path.exists, files))


def test_times_of_batch_files_outside_of_bigquerys_end_the_run(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "old.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT '1' AS id, TIMESTAMPTZ '0044-03-15 (BC)' AS timestamp) TO '{file}'")
    batch = {"type": "BATCH", "stream": "s", "encoding": {"format": "parquet"}, "manifest": [str(file)]}
    done = place.load(schema("s", KINDS, "id"), batch, state(n=1))
    assert (done.code, done.lines) == (65, [])
    assert "field 'timestamp': 1 rows of a batch file have a time outside of the years 1 to 9999" in done.log


def test_metadata_columns(place: Place) -> None:
    lines = [schema("s", {"id": TEXT}, "id"), {**record("s", id="1"), "time_extracted": "2024-01-01T00:00:00Z"}]
    assert place.load(*lines, add_record_metadata=True).code == 0
    assert place.rows("SELECT id, _sdc_extracted_at, _sdc_received_at > _sdc_extracted_at FROM {}.s") == [
        ("1", datetime(2024, 1, 1, tzinfo=UTC), True)
    ]


def test_two_streams_for_one_table_are_refused(place: Place) -> None:
    done = place.load(schema("a.b", {"id": TEXT}, "id"), schema("a:b", {"id": TEXT}, "id"))
    assert done.code == 65
    assert "stream 'a:b': it would share its table with stream 'a.b'" in done.log
