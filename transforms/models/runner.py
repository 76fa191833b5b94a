"""Runs the SQL models on a tenant's warehouse, or writes them in another dialect.

A model is a `.sql` file of this folder: one query in DuckDB's dialect, over canonical streams and earlier models by
their bare names. Values reach it as bound parameters (`$name`), names are put in through the parsed query: no SQL is
pasted together from text. A column or table that the target has not made yet (`_sdc_deleted_at` before the first
deletion, `identity_merges` before the first merge) reads as null or as empty.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import duckdb
import sqlglot
from sqlglot import exp

from pipe.errors import ConfigurationError, DataError, RetriableError
from pipe.streams import CANONICAL, Kind, Stream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date
    from pathlib import Path

MODELS = ("person_current", "person_sources", "rfm_purchases", "rfm_users", "rfm_people")
"""Tables, in the order in which they build on one another."""

INLINE = ("rfm_customers", "record_person")
"""Queries that become part of the models which name them, and no table of their own."""

REQUIRED = ("conversions",)
"""Streams without which nothing can be computed; the others may have sent nothing yet."""

_MADE_BY_US = "growthnav model"  # comment on our tables: a table without it is somebody else's and stays
_DELETED = "_sdc_deleted_at"
_WAREHOUSE = "warehouse"


@dataclass(frozen=True)
class Parameters:
    """What a run of the models may vary."""

    observation_end: date | None = None
    """Last day that counts; by default the day of the last purchase."""
    include_first_transaction: bool = False
    """Whether a customer's first day counts in frequency and monetary value, too."""


def render(model: str, dialect: str = "bigquery", schema: str | None = None) -> str:
    """The model's query in another dialect, as text.

    Args:
        model: one of `MODELS`.
        dialect: a dialect name of sqlglot; parameters become `@name` for BigQuery.
        schema: dataset that the tables are in; bare names by default.

    Raises:
        ConfigurationError: there is no such model.
    """
    query = _query(model)
    if schema:
        _replace_tables(query, {name: exp.table_(name, db=schema, quoted=True) for name in (*CANONICAL, *MODELS)})
    return query.sql(dialect=dialect, pretty=True) + "\n"


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
    _check_streams(present, schema)
    sources: dict[str, Any] = {
        name: _staged(stream, present.get(name), catalog, schema) for name, stream in CANONICAL.items()
    }
    tables = {name: exp.table_(name, db=target_schema, catalog=target_catalog, quoted=True) for name in MODELS}
    taken = _foreign_tables(connection, target_catalog, target_schema)
    if taken:
        raise ConfigurationError(
            f"table {', '.join(taken)} in schema '{target_schema}' was not made by a model and would be replaced",
            remedy="Rename the source stream in the tenant's tap, or move the table",
        )
    rows = {}
    connection.begin()
    try:
        for model in MODELS:
            query = exp.expand(_query(model), sources, dialect="duckdb")
            _replace_tables(query, tables)
            rows[model] = _make(connection, tables[model], query, parameters)
        _check_currency(connection, tables["rfm_purchases"])
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    return rows


def _query(model: str) -> exp.Expr:
    if model not in MODELS:
        raise ConfigurationError(f"there is no model '{model}'", remedy=f"There are {', '.join(MODELS)}")
    return exp.expand(_parse(model), {name: _parse(name) for name in INLINE}, dialect="duckdb")


def _parse(name: str) -> Any:
    text = files("transforms.models").joinpath(f"{name}.sql").read_text(encoding="utf-8")
    return sqlglot.parse_one(text, read="duckdb")


def _replace_tables(query: exp.Expr, tables: dict[str, exp.Table]) -> None:
    """Put the full names in place of the bare ones, which stay as aliases."""
    for table in list(query.find_all(exp.Table)):
        if not table.db and table.name in tables:
            table.replace(exp.alias_(tables[table.name].copy(), table.alias_or_name, table=True))


def _staged(stream: Stream, present: set[str] | None, catalog: str, schema: str) -> exp.Select:
    """The stream's table with every column it can have, null where the target has not made it yet."""
    types = {**stream.duckdb_columns(), _DELETED: Kind.TIMESTAMP.value.duckdb}
    columns = [
        exp.column(name, quoted=True)
        if name in (present or ())
        else exp.cast(exp.null(), kind, dialect="duckdb").as_(name)
        for name, kind in types.items()
    ]
    if present is None:
        return exp.select(*columns).where(exp.false())
    return exp.select(*columns).from_(exp.table_(stream.name, db=schema, catalog=catalog, quoted=True))


def _make(connection: duckdb.DuckDBPyConnection, table: exp.Table, query: exp.Expr, parameters: Parameters) -> int:
    name = table.sql("duckdb")
    values = {place.name: getattr(parameters, place.name) for place in query.find_all(exp.Placeholder)}
    made = connection.execute(f"CREATE OR REPLACE TABLE {name} AS {query.sql('duckdb')}", values).fetchone()
    connection.execute(f"COMMENT ON TABLE {name} IS '{_MADE_BY_US}'")
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


def _check_streams(present: dict[str, set[str]], schema: str) -> None:
    missing = [name for name in REQUIRED if name not in present]
    if missing:
        raise ConfigurationError(
            f"schema '{schema}' has no table {', '.join(missing)}",
            remedy="Run the tenant once, or check its name",
        )


def _foreign_tables(connection: duckdb.DuckDBPyConnection, catalog: str, schema: str) -> list[str]:
    rows = connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = $1 AND schema_name = $2"
        " AND list_contains($3, table_name) AND comment IS DISTINCT FROM $4 ORDER BY table_name",
        [catalog, schema, list(MODELS), _MADE_BY_US],
    ).fetchall()
    return [name for (name,) in rows]


def _check_currency(connection: duckdb.DuckDBPyConnection, purchases: exp.Table) -> None:
    """Values of different currencies cannot be added up."""
    rows = connection.execute(
        exp.select("currency")
        .distinct()
        .from_(purchases)
        .where("currency IS NOT NULL")
        .order_by("currency")
        .sql("duckdb")
    ).fetchall()
    if len(rows) > 1:
        raise DataError(
            f"purchases are in several currencies ({', '.join(code for (code,) in rows)}) and cannot be added up",
            stream="conversions",
            field="currency",
            remedy="Convert them to one currency in the preset, or give each currency a tenant of its own",
        )
