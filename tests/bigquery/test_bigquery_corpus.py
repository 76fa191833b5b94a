"""The odd Singer files of tests/corpus: into BigQuery they give the rows, rejects, STATE and exit code as into DuckDB."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from bigquery_place import Place
from google.api_core.exceptions import NotFound
from support import Finished, run_inside

from targets.bigquery.names import column_names, table_name
from targets.duckdb.columns import quoted
from targets.duckdb.target import TargetDuckDB

CORPUS = Path(__file__).parents[1] / "corpus"
CASES = sorted(path.stem for path in CORPUS.glob("*.singer"))
REFUSED = {
    "schema_date_to_time": "its column d is DATE, its records now need TIMESTAMP, and BigQuery cannot change the one",
    "schema_to_text": "its column n is INT64, its records now need STRING, and BigQuery cannot change the one",
}
"""Cases in which a column changes in a way that DuckDB can follow and BigQuery cannot: what is said."""

LONGER = {"decimals_exact": {"0.1234567891": "0.123456789"}}
"""Cases whose decimals BIGNUMERIC keeps, and DuckDB rounds."""

BEYOND = {"decimals_bad": "the emulator's BIGNUMERIC has 18 digits before the point, the service's 38"}


def lines(name: str) -> list[bytes]:
    found = (CORPUS / f"{name}.singer").read_bytes().replace(b"{corpus}", str(CORPUS).encode())
    return [found] if found else []


def settings(name: str) -> dict[str, Any]:
    wanted: dict[str, Any] = json.loads((CORPUS / f"{name}.expected.json").read_text())["target"]
    return dict(wanted.get("settings", {}))


def plain(value: Any) -> Any:
    """A value, equal for both warehouses."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float | Decimal):
        return Decimal(str(value)).normalize()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and value[:1] in "{[":
        with suppress(ValueError):
            return json.loads(value)
    return value


def in_duckdb(name: str, folder: Path) -> tuple[Finished, dict[str, list[dict[str, Any]]]]:
    database = folder / "corpus.duckdb"
    done = run_inside(TargetDuckDB, {"filepath": str(database), **settings(name)}, lines(name))
    if not database.exists():
        return done, {}
    with duckdb.connect(str(database), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        names = [table for (table,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        return done, {name: connection.table(quoted(name)).to_arrow_table().to_pylist() for name in names}


def in_bigquery(place: Place) -> dict[str, list[dict[str, Any]]]:
    with place.emulator.client() as client:
        try:
            names = place.tables()
        except NotFound:
            return {}
        return {
            name: [dict(row.items()) for row in client.query(f"SELECT * FROM `{place.dataset}`.`{name}`").result()]
            for name in names
        }


def comparable(rows: list[dict[str, Any]]) -> list[Any]:
    """Rows in an order of their own; of rejects what does not name the target, of deletions that they happened."""
    found = []
    for row in rows:
        if "reject_id" in row:
            found.append({name: row[name] for name in ("source_stream", "rule", "field", "position")})
            continue
        found.append({name: plain(value) for name, value in row.items()})
        if "_sdc_deleted_at" in row:
            found[-1]["_sdc_deleted_at"] = row["_sdc_deleted_at"] is not None
    return sorted(found, key=str)


@pytest.mark.parametrize("name", CASES)
def test_case(name: str, place: Place, tmp_path: Path) -> None:
    if name in BEYOND:
        pytest.skip(BEYOND[name])
    wanted_done, wanted = in_duckdb(name, tmp_path)
    done = place.load(*lines(name), **settings(name))
    if name in REFUSED:
        assert done.code == 65
        assert REFUSED[name] in done.log
        return
    assert (done.code, done.lines) == (wanted_done.code, wanted_done.lines), done.log
    stored = in_bigquery(place)
    assert stored.keys() == {table_name(stream) for stream in wanted}
    for stream, rows in wanted.items():
        columns = column_names(list(rows[0]) if rows else [], {})
        renamed = [{columns[name]: value for name, value in row.items()} for row in rows]
        found = comparable(stored[table_name(stream)])
        for row in found:
            row.update(
                (field, plain(Decimal(LONGER[name][str(value)])))
                for field, value in row.items()
                if str(value) in LONGER.get(name, {})
            )
        assert found == comparable(renamed)
