from __future__ import annotations

import duckdb
import pytest
import sqlglot

from pipe.keys import key_maker, record_key
from pipe.streams import CANONICAL, CONVERSIONS, Kind, Stream

EACH = pytest.mark.parametrize("stream", CANONICAL.values(), ids=lambda stream: stream.name)


@EACH
def test_one_definition_serves_every_language(stream: Stream) -> None:
    names = list(stream.field_names)
    assert len(set(names)) == len(names)
    assert list(stream.json_schema()["properties"]) == names
    assert list(stream.duckdb_columns()) == names == list(stream.bigquery_columns())
    assert stream.schema_message()["key_properties"] == [names[0]]
    assert set(stream.required) <= set(names)
    assert all(field.description for field in stream.fields)


@EACH
def test_duckdb_takes_the_columns(stream: Stream) -> None:
    columns = ", ".join(f'"{name}" {kind}' for name, kind in stream.duckdb_columns().items())
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE t ({columns})")
        rows = connection.execute(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 't'"
        ).fetchall()
    assert dict(rows) == stream.duckdb_columns()


@EACH
def test_bigquery_takes_the_columns(stream: Stream) -> None:
    columns = ", ".join(f"`{name}` {kind}" for name, kind in stream.bigquery_columns().items())
    parsed = sqlglot.parse_one(f"CREATE TABLE t ({columns})", read="bigquery")
    assert parsed.sql(dialect="bigquery") == f"CREATE TABLE t ({columns})"


def test_personal_fields_are_marked() -> None:
    assert CONVERSIONS.personal_fields == ("raw",)
    profile = set(CANONICAL["customer_profiles"].personal_fields)
    assert {"first_name", "last_name", "birth_date", "email", "phone", "street", "hashed_card"} <= profile


def test_money_is_decimal_never_float() -> None:
    for stream in CANONICAL.values():
        for field in stream.fields:
            if field.name in {"match_probability", "match_weight"}:
                continue
            assert "number" not in str(field.kind.value.json_schema.get("type")), field.name
    assert Kind.DECIMAL.value.duckdb == "DECIMAL(38,9)"


def test_keys_can_be_made_in_sql() -> None:
    with duckdb.connect() as connection:
        (sql,) = connection.execute(
            "SELECT left(sha256(concat_ws(chr(31), 'acme', 'olo', 'orders', 'Ä-1')), 32)"
        ).fetchone() or ("",)
    assert sql == record_key("acme", "olo", "orders", "Ä-1") == key_maker("acme", "olo", "orders")("Ä-1")


def test_keys_do_not_run_into_one_another() -> None:
    assert record_key("a", "bc") != record_key("ab", "c")
