"""From JSON schema to columns: types, widening, names, and the canonical streams."""

from itertools import permutations, product
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import run_inside

from pipe.streams import CANONICAL
from targets.core.columns import DataType, column_names, data_type, folded, widen
from targets.duckdb.target import TargetDuckDB


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": ["null", "string"]}, DataType.TEXT),
        ({"type": "string", "format": "date-time"}, DataType.TIMESTAMP),
        ({"type": "string", "format": "uuid"}, DataType.TEXT),
        ({"type": "string", "format": "singer.decimal"}, DataType.DECIMAL),
        ({"type": "number"}, DataType.DOUBLE),
        ({"type": "number", "multipleOf": 0.01}, DataType.DECIMAL),
        ({"type": "number", "format": "x-singer.decimal"}, DataType.DECIMAL),
        ({"type": ["integer", "number"]}, DataType.DOUBLE),
        ({"type": ["integer", "string"]}, DataType.TEXT),
        ({"type": ["object", "array"]}, DataType.JSON),
        ({"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]}, DataType.DATE),
        ({"oneOf": [{"type": "string", "format": "date"}, {"type": "integer"}]}, DataType.TEXT),
        ({"allOf": [{"type": "integer"}]}, DataType.INTEGER),
        ({"type": "null"}, DataType.TEXT),
        ({"type": "no such type"}, DataType.TEXT),
        ({"enum": [1, 2]}, DataType.TEXT),
        ({}, DataType.TEXT),
        (True, DataType.TEXT),
        (None, DataType.TEXT),
    ],
)
def test_type_of_a_json_schema(schema: Any, expected: DataType) -> None:
    assert data_type(schema) is expected


def test_alternatives_in_any_order_give_one_type() -> None:
    kinds = [{"type": kind} for kind in ("integer", "number", "boolean", "object", "null")]
    for size in (2, 3):
        for chosen in permutations(kinds, size):
            assert data_type({"anyOf": list(chosen)}) is data_type({"anyOf": list(reversed(chosen))})


def test_widening_ends() -> None:
    """A column is widened at most a few times, whatever comes in whatever order, and text takes everything."""
    for column, wanted in product(DataType, DataType):
        wide = widen(column, wanted)
        assert widen(wide, wanted) is wide
        assert widen(wide, column) is wide
        assert widen(DataType.TEXT, wanted) is DataType.TEXT


@given(st.lists(st.sampled_from(["id", "Id", "ID", "id_2", "Id_2", "", "_", "x", "ß", "SS", "Ä", "ä"]), unique=True))
def test_names_are_distinct_and_stay(properties: list[str]) -> None:
    names = column_names(properties, [])
    assert len({folded(name) for name in names.values()}) == len(properties)
    assert all(names.values())
    assert column_names(reversed(properties), names.values()) == names


def test_canonical_streams_get_exactly_their_types(tmp_path: Path) -> None:
    database = tmp_path / "acme.duckdb"
    config = {"filepath": str(database), "default_target_schema": "acme"}  # the schema may be called like the file
    done = run_inside(TargetDuckDB, config, [stream.schema_message() for stream in CANONICAL.values()])
    assert done.code == 0, done.log
    with duckdb.connect(str(database), read_only=True) as connection:
        for stream in CANONICAL.values():
            described = connection.execute(f"DESCRIBE acme.acme.{stream.name}").fetchall()
            assert [(name, kind) for name, kind, *_ in described] == list(stream.duckdb_columns().items())


def test_columns_of_another_maker_keep_their_type(tmp_path: Path) -> None:
    """A table made by hand: narrow numbers, enumerations, times without a zone. What does not fit is a reject."""
    database = tmp_path / "w.duckdb"
    with duckdb.connect(str(database)) as connection:
        connection.execute("CREATE TABLE s (id INTEGER, size ENUM ('s', 'm'), \"at\" TIMESTAMP, price FLOAT)")
    fields = {"id": {"type": "integer"}, "size": {}, "at": {"type": "string", "format": "date-time"}, "price": {}}
    schema = {"type": "SCHEMA", "stream": "s", "schema": {"properties": fields}, "key_properties": ["id"]}
    records = [
        {"id": 1, "size": "m", "at": "2024-05-01T10:00:00Z", "price": 1.5},
        {"id": 2, "size": "xl"},
        {"id": 1 << 40},
    ]
    lines = [schema, *({"type": "RECORD", "stream": "s", "record": each} for each in records)]
    done = run_inside(TargetDuckDB, {"filepath": str(database)}, lines)
    assert done.code == 0, done.log
    with duckdb.connect(str(database), read_only=True) as connection:
        assert connection.execute('SELECT id, size, "at"::VARCHAR, price FROM s').fetchall() == [
            (1, "m", "2024-05-01 10:00:00", 1.5)
        ]
        assert connection.execute("SELECT field, rule, reason FROM rejects ORDER BY position").fetchall() == [
            ("size", "type", "is not of the type ENUM('s', 'm') of its column"),
            ("id", "type", "is not of the type INTEGER of its column"),
        ]
