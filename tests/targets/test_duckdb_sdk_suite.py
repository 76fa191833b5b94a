"""The SDK's own target tests, with those it leaves out of its suite; then the rows its inputs must give."""

import io
import json
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pytest
from singer_sdk.testing import get_target_test_class
from singer_sdk.testing.runners import TargetTestRunner
from singer_sdk.testing.target_tests import TargetMultipleStateMessages, TargetRecordMissingKeyProperty

from targets.duckdb.target import TargetDuckDB

FILE = Path(tempfile.mkdtemp(prefix="target-duckdb-sdk-")) / "suite.duckdb"
STREAMS = files("singer_sdk.testing") / "target_test_streams"

StandardTargetTests = get_target_test_class(TargetDuckDB, config={"filepath": str(FILE)})


class TestStandard(StandardTargetTests):  # type: ignore[misc,valid-type]  # a class made at run time
    """The suite as the SDK ships it."""


def runner_of(name: str, path: Path, **config: Any) -> TargetTestRunner:
    """The SDK's runner for one of its input files."""
    text = io.StringIO((STREAMS / f"{name}.singer").read_text(encoding="utf-8"))
    return TargetTestRunner(TargetDuckDB, config={"filepath": str(path), **config}, input_io=text)


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_multiple_states_as_the_sdk_expects_them(tmp_path: Path) -> None:
    """The checkpoints of `TargetMultipleStateMessages`, which compares parsed states with text and so cannot pass.

    A commit at the first STATE, then one at each STATE after three records or more.
    """
    runner = runner_of("multiple_state_messages", tmp_path / "s.duckdb", batch_size_rows=4)

    class AsText:
        state_messages: ClassVar[list[str]] = []

        def sync_all(self) -> None:
            runner.sync_all()
            self.state_messages += map(json.dumps, runner.state_messages)

    test = TargetMultipleStateMessages()
    test.runner = AsText()
    test.test()
    assert rows(tmp_path / "s.duckdb", "SELECT count(*), sum(metric) FROM test_multiple_state_messages_a") == [
        (6, 2100)
    ]


def test_record_without_its_key_is_refused(tmp_path: Path) -> None:
    test = TargetRecordMissingKeyProperty()
    test.runner = runner_of("record_missing_key_property", tmp_path / "k.duckdb")
    test.test()


@pytest.mark.parametrize(
    ("name", "query", "expected"),
    [
        ("duplicate_records", "SELECT id, metric FROM test_duplicate_records ORDER BY id", [(1, 100), (2, 20)]),
        (
            "camelcase",
            'SELECT "Id", "clientName" FROM "TestCamelcase" ORDER BY 1 LIMIT 1',
            [("1", "Gitter Windows Desktop App")],
        ),
        ("array_data", "SELECT fruits FROM test_array_data WHERE id = 2", [('["banana","apple"]',)]),
        (
            "optional_attributes",
            "SELECT id FROM test_optional_attributes WHERE optional IS NULL ORDER BY id",
            [(2,), (4,)],
        ),
        ("no_primary_keys", "SELECT count(*) FROM test_no_pk", [(3,)]),
        ("pk_updates", "SELECT id, name FROM example_stream ORDER BY id", [(1, "Alice"), (2, "Bob")]),
        (
            "schema_updates",
            "SELECT id, a3, a6 FROM test_schema_updates WHERE id IN (1, 6) ORDER BY id",
            [(1, None, None), (6, True, 341)],
        ),
        (
            "special_chars_in_attributes",
            "SELECT _id, d->>'agent:type' FROM \"test:SpecialChars!in?attributes\"",
            [("a2e98886", "desktop")],
        ),
        (
            "encoded_string_data",
            "SELECT info FROM test_strings WHERE id = 11",
            [("Control Characters in string:  A \x01",)],
        ),
        ("user_location_data", "SELECT name FROM test_locations ORDER BY id", [("Philadelphia",), ("NY",), ("SF",)]),
    ],
)
def test_rows_of_the_sdk_files(name: str, query: str, expected: list[tuple[Any, ...]], tmp_path: Path) -> None:
    runner_of(name, tmp_path / "r.duckdb").sync_all()
    assert rows(tmp_path / "r.duckdb", query) == expected


def test_second_file_updates_the_first(tmp_path: Path) -> None:
    runner_of("user_location_data", tmp_path / "u.duckdb").sync_all()
    runner_of("user_location_upsert_data", tmp_path / "u.duckdb").sync_all()
    assert rows(tmp_path / "u.duckdb", "SELECT id, name FROM test_users ORDER BY id") == [
        (1, "Johny"), (2, "George"), (3, "Jacob"), (4, "Josh"), (5, "Jim"), (8, "Thomas"), (12, "Paul"), (13, "Mary"),
    ]  # fmt: skip
