"""Odd Singer input: each file of tests/corpus with the rows, rejects, last STATE and exit code it must give.

Rows are compared as text, in any order; `*` stands for any value. Then the same file is loaded again, all at once or
with a commit at every STATE: the rows must not change.
"""

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from support import run_inside

from targets.duckdb.target import TargetDuckDB

CORPUS = Path(__file__).parents[1] / "corpus"
CASES = sorted(path.stem for path in CORPUS.glob("*.singer"))
APPENDING = {"no_key", "streams_interleaved"}
"""Cases with streams without a key, which a second run appends to."""


def expected(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((CORPUS / f"{name}.expected.json").read_text())["target"]
    return loaded


def load(name: str, database: Path, **settings: Any) -> Any:
    lines = (CORPUS / f"{name}.singer").read_bytes().replace(b"{corpus}", str(CORPUS).encode())
    return run_inside(TargetDuckDB, {"filepath": str(database), **settings}, [lines] if lines else [])


def tables(database: Path) -> dict[str, Any]:
    """Every table: its columns with their types, and its rows as column -> text."""
    if not database.exists():
        return {}
    found = {}
    with duckdb.connect(str(database), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for (table,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall():
            name = '"' + table.replace('"', '""') + '"'
            columns = {column: kind for column, kind, *_ in connection.execute(f"DESCRIBE {name}").fetchall()}
            rows = connection.execute(f"SELECT COLUMNS(*)::VARCHAR FROM {name}").fetchall()
            records = [dict(zip(columns, row, strict=True)) for row in rows]
            found[table] = {"columns": columns, "rows": sorted(records, key=str)}
    return found


def check(stored: dict[str, Any], wanted: dict[str, Any]) -> None:
    rejected = stored.get("rejects", {"rows": []})["rows"]
    assert sorted(
        ([row[name] for name in ("source_stream", "rule", "field", "position")] for row in rejected),
        key=lambda row: str(row[3]),
    ) == wanted.get("rejects", [])
    assert stored.keys() - {"rejects"} == wanted["tables"].keys()
    for name, table in wanted["tables"].items():
        columns = stored[name]["columns"]
        assert columns == table["columns"]
        assert list(columns) == list(table["columns"]) or "_sdc_deleted_at" in columns
        for row in stored[name]["rows"]:
            if row.get("_sdc_deleted_at") and any("*" in each for each in table["rows"]):
                row["_sdc_deleted_at"] = "*"
        rows = [[row[column] for column in table["columns"]] for row in stored[name]["rows"]]
        assert sorted(rows, key=str) == sorted(table["rows"], key=str)


@pytest.mark.parametrize("name", CASES)
def test_case(name: str, tmp_path: Path) -> None:
    wanted = expected(name)
    database = tmp_path / "corpus.duckdb"
    done = load(name, database, **wanted.get("settings", {}))
    assert done.code == wanted["exit"], done.log
    assert (json.loads(done.lines[-1]) if done.lines else None) == wanted["last_state"]
    assert wanted.get("log", "") in done.log
    check(tables(database), wanted)
    assert [path.name for path in tmp_path.iterdir()] in (["corpus.duckdb"], [])

    stepwise = tmp_path / "stepwise.duckdb"
    again = load(name, stepwise, **{**wanted.get("settings", {}), "batch_size_rows": 1})
    assert (again.code, again.lines[-1:]) == (done.code, done.lines[-1:])
    check(tables(stepwise), wanted)
    if name not in APPENDING and not name.startswith("version"):
        load(name, database, **wanted.get("settings", {}))
        check(tables(database), wanted)


def test_every_scenario_of_bad_input_has_cases() -> None:
    scenarios = {json.loads(path.read_text())["scenario"] for path in CORPUS.glob("*.expected.json")}
    assert scenarios >= set(range(41, 51))
    assert len(CASES) >= 40
