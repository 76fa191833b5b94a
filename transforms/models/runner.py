"""Runs the SQL models on a tenant's DuckDB file."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import duckdb
from sqlglot import exp

from pipe.errors import ConfigurationError, RetriableError
from transforms.models import queries
from transforms.models.queries import MADE_BY_US, MODELS, Parameters

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_WAREHOUSE = "warehouse"


def run(database: Path, schema: str, parameters: Parameters | None = None) -> dict[str, int]:
    """Make every model's table in the warehouse anew, all or none; returns model -> rows.

    Raises:
        ConfigurationError: no such warehouse, schema or stream, or a table that is not ours has a model's name.
        DataError: the purchases are in several currencies.
        RetriableError: another process has the warehouse open.
    """
    with open_warehouse(database) as connection:
        return build(connection, _WAREHOUSE, schema, parameters or Parameters())


@contextmanager
def open_warehouse(database: Path, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with the file attached as `warehouse`.

    Raises:
        ConfigurationError: there is no such file, or it is no DuckDB file.
        RetriableError: another process has it open.
    """
    if not database.is_file():
        raise ConfigurationError(
            f"the warehouse {database.name} does not exist", remedy="Run the tenant once, or check its name"
        )
    with duckdb.connect() as connection:
        path = exp.Literal.string(str(database)).sql("duckdb")
        try:
            connection.execute(f"ATTACH {path} AS {_WAREHOUSE} {'(READ_ONLY)' if read_only else ''}")
        except duckdb.IOException as error:
            if "lock" in str(error).lower():
                raise RetriableError(
                    f"the warehouse {database.name} is in use by another process", remedy="Wait for it to end"
                ) from None
            raise ConfigurationError(f"{database.name} cannot be opened as a DuckDB file") from None
        yield connection


def build(
    connection: duckdb.DuckDBPyConnection,
    catalog: str,
    schema: str,
    parameters: Parameters,
    into: tuple[str, str] | None = None,
) -> dict[str, int]:
    """Make the models' tables from the streams in `catalog.schema`, in one transaction; returns model -> rows.

    Args:
        connection: has `catalog` attached.
        catalog: database of the streams.
        schema: schema of the streams.
        parameters: of the models.
        into: catalog and schema of the tables; by default those of the streams.

    Raises:
        ConfigurationError, DataError: as `run`.
    """
    target_catalog, target_schema = into or (catalog, schema)
    present = _columns(connection, catalog, schema)
    queries.check_streams(present, schema)
    queries.refuse_foreign(_foreign_tables(connection, target_catalog, target_schema), target_schema)

    def source(name: str) -> exp.Table:
        return exp.table_(name, db=schema, catalog=catalog, quoted=True)

    def table(name: str) -> exp.Table:
        return exp.table_(name, db=target_schema, catalog=target_catalog, quoted=True)

    rows = {}
    connection.begin()
    try:
        for model in MODELS:
            rows[model] = _make(connection, table(model), queries.bound(model, present, source, table), parameters)
        found = connection.execute(queries.currencies(table("rfm_purchases")).sql("duckdb")).fetchall()
        queries.check_currencies(code for (code,) in found)
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    return rows


def _make(connection: duckdb.DuckDBPyConnection, table: exp.Table, query: exp.Expr, parameters: Parameters) -> int:
    name = table.sql("duckdb")
    filled = queries.filled(query, parameters).sql("duckdb")
    made = connection.execute(f"CREATE OR REPLACE TABLE {name} AS {filled}").fetchone()
    connection.execute(f"COMMENT ON TABLE {name} IS '{MADE_BY_US}'")
    return int(made[0]) if made else 0


def _columns(connection: duckdb.DuckDBPyConnection, catalog: str, schema: str) -> dict[str, set[str]]:
    """Table -> its columns."""
    columns: dict[str, set[str]] = {}
    for table, column in connection.execute(
        "SELECT table_name, column_name FROM duckdb_columns() WHERE database_name = $1 AND schema_name = $2",
        [catalog, schema],
    ).fetchall():
        columns.setdefault(table, set()).add(column)
    return columns


def _foreign_tables(connection: duckdb.DuckDBPyConnection, catalog: str, schema: str) -> list[str]:
    rows = connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = $1 AND schema_name = $2"
        " AND list_contains($3, table_name) AND comment IS DISTINCT FROM $4 ORDER BY table_name",
        [catalog, schema, list(MODELS), MADE_BY_US],
    ).fetchall()
    return [name for (name,) in rows]
