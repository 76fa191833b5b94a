"""The SQL models as parsed queries, which any engine's text can be made of.

A model is a `.sql` file of this folder: one query in DuckDB's dialect, over canonical streams and earlier models by
their bare names. Values (`$name`) and names are put in through the parsed query: no SQL is pasted together from text.
A column or table that the target has not made yet (`_sdc_deleted_at` before the first deletion, `identity_merges`
before the first merge) reads as null or as empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import sqlglot
from sqlglot import exp

from pipe.errors import ConfigurationError, DataError
from pipe.streams import CANONICAL, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from datetime import date

    from pipe.streams import Stream

MODELS = ("person_current", "person_sources", "rfm_purchases", "rfm_users", "rfm_people")
"""Tables, in the order in which they build on one another."""

INLINE = ("rfm_customers", "record_person")
"""Queries that become part of the models which name them, and no table of their own."""

REQUIRED = ("conversions",)
"""Streams without which nothing can be computed; the others may have sent nothing yet."""

MADE_BY_US = "growthnav model"
"""Comment on our tables: one without it is somebody else's and stays."""

_DELETED = "_sdc_deleted_at"


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


def bound(
    model: str,
    present: Mapping[str, Collection[str]],
    source: Callable[[str], exp.Table],
    table: Callable[[str], exp.Table],
) -> exp.Expr:
    """The model's query over the tables of a warehouse.

    Args:
        model: one of `MODELS`.
        present: table -> its columns, as they are in the warehouse.
        source: full name of a canonical stream's table.
        table: full name of a model's table.
    """
    staged = {name: _staged(stream, present.get(name), source(name)) for name, stream in CANONICAL.items()}
    query = exp.expand(_query(model), dict(staged), dialect="duckdb")
    _replace_tables(query, {name: table(name) for name in MODELS})
    return query


def check_streams(present: Collection[str], schema: str) -> None:
    """Raise a ConfigurationError if a stream is missing without which nothing can be computed."""
    if missing := [name for name in REQUIRED if name not in present]:
        raise ConfigurationError(
            f"schema '{schema}' has no table {', '.join(missing)}",
            remedy="Run the tenant once, or check its name",
        )


def refuse_foreign(taken: Collection[str], schema: str) -> None:
    """Raise a ConfigurationError if tables that are not ours have a model's name."""
    if taken:
        raise ConfigurationError(
            f"table {', '.join(taken)} in schema '{schema}' was not made by a model and would be replaced",
            remedy="Rename the source stream in the tenant's tap, or move the table",
        )


def currencies(purchases: exp.Table) -> exp.Select:
    """The query for the currencies of the purchases."""
    return exp.select("currency").distinct().from_(purchases).where("currency IS NOT NULL").order_by("currency")


def check_currencies(codes: Iterable[str]) -> None:
    """Raise a DataError if there is more than one: their values cannot be added up."""
    if len(found := list(codes)) > 1:
        raise DataError(
            f"purchases are in several currencies ({', '.join(found)}) and cannot be added up",
            stream="conversions",
            field="currency",
            remedy="Convert them to one currency in the preset, or give each currency a tenant of its own",
        )


def filled(query: exp.Expr, parameters: Parameters) -> exp.Expr:
    """The query with values, typed as what they are, in the places of its parameters."""
    return query.transform(
        lambda node: exp.convert(getattr(parameters, node.name)) if isinstance(node, exp.Placeholder) else node
    )


def _query(model: str) -> exp.Expr:
    if model not in MODELS:
        raise ConfigurationError(f"there is no model '{model}'", remedy=f"There are {', '.join(MODELS)}")
    return exp.expand(_parse(model), {name: _parse(name) for name in INLINE}, dialect="duckdb")


def _parse(name: str) -> Any:
    text = files("transforms.models").joinpath(f"{name}.sql").read_text(encoding="utf-8")
    return sqlglot.parse_one(text, read="duckdb")


def _replace_tables(query: exp.Expr, tables: Mapping[str, exp.Table]) -> None:
    """Put the full names in place of the bare ones, which stay as aliases."""
    for table in list(query.find_all(exp.Table)):
        if not table.db and table.name in tables:
            table.replace(exp.alias_(tables[table.name].copy(), table.alias_or_name, table=True))


def _staged(stream: Stream, present: Collection[str] | None, table: exp.Table) -> exp.Select:
    """The stream's table with every column it can have, null where the target has not made it yet."""
    # No model reads JSON, and BigQuery does not cast to it.
    types = {name: kind for name, kind in stream.duckdb_columns().items() if kind != Kind.OBJECT.value.duckdb}
    types[_DELETED] = Kind.TIMESTAMP.value.duckdb
    columns = [
        exp.column(name, quoted=True)
        if name in (present or ())
        else exp.cast(exp.null(), kind, dialect="duckdb").as_(name)
        for name, kind in types.items()
    ]
    selected = exp.select(*columns)
    return selected.limit(0) if present is None else selected.from_(table)
