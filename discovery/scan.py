"""Profiles of tables that DuckDB can read: counts over every row, patterns over a spread sample, in one connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from discovery import cards, relations
from discovery.summary import Counts, column_profile
from discovery.table import TableProfile
from pipe.columnar import quoted

if TYPE_CHECKING:
    import duckdb

SAMPLE_ROWS = 2_000
"""Rows whose values are looked at one by one: the first half as they come, the others from anywhere."""

_AT_ONCE = 100
"""Columns counted in one query: what a query costs grows with the square of them."""

_SEED = 42
_CARD = "'[2-6][0-9]{3}[ -]?[0-9]{4,6}[ -]?[0-9]{4,5}([ -]?[0-9]{1,4})?'"
_TYPES = {
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIME": "time",
    "DOUBLE": "number",
    "FLOAT": "number",
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"), "integer"),
    **dict.fromkeys(("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"), "integer"),
}


def table(connection: duckdb.DuckDBPyConnection, relation: str, name: str) -> TableProfile:
    """The profile of a FROM item."""
    shown = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()  # noqa: S608  names are quoted
    described = [(str(row[0]), str(row[1])) for row in shown]
    rows, counts = 0, []
    for start in range(0, len(described), _AT_ONCE):
        rows, some = _counts(connection, relation, described[start : start + _AT_ONCE])
        counts += some
    sample = _sample(connection, relation, described, rows)
    columns = tuple(
        column_profile(column, position, sample[position], counts[position], _type(kind))
        for position, (column, kind) in enumerate(described)
    )
    numeric = {
        column.name: sample[column.position]
        for column in columns
        if column.type in {"integer", "number"} or column.patterns.get("money")
    }
    return TableProfile(name, rows, columns, relations.find(numeric))


def _type(kind: str) -> str:
    if kind.startswith("TIMESTAMP"):
        return "timestamp"
    if kind.startswith("DECIMAL"):
        return "number"
    if kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "JSON")):
        return "json"
    return _TYPES.get(kind, "string")


def _counts(
    connection: duckdb.DuckDBPyConnection, relation: str, described: list[tuple[str, str]]
) -> tuple[int, list[Counts]]:
    wanted = ["count(*)"]
    for name, kind in described:
        column = quoted(name)
        plain = _type(kind) != "json"
        text = _type(kind) == "string"
        filled = f"nullif({column}, '')" if kind == "VARCHAR" else column
        wanted += [
            f"count({filled})",
            f"approx_count_distinct({column if plain else f'to_json({column})'})",
            f"min({column})::VARCHAR" if plain and not text else "NULL",
            f"max({column})::VARCHAR" if plain and not text else "NULL",
            _long_numbers(column, kind),
        ]
    found: Any = connection.execute(f"SELECT {', '.join(wanted)} FROM {relation}").fetchone()  # noqa: S608
    rows = int(found[0])
    return rows, [
        Counts(rows, found[at], min(found[at + 1], found[at]), found[at + 2], found[at + 3], tuple(found[at + 4] or ()))
        for at in range(1, len(wanted), 5)
    ]


def _long_numbers(column: str, kind: str) -> str:
    """A few values that look like payment card numbers (without the check digit)."""
    if kind == "VARCHAR":
        like = f"strlen({column}) BETWEEN {cards.SHORTEST} AND {cards.LONGEST} AND regexp_full_match({column}, {_CARD})"
        return f"min({column}, {cards.KEPT}) FILTER (WHERE {like})"
    return "NULL"


def _sample(
    connection: duckdb.DuckDBPyConnection, relation: str, described: list[tuple[str, str]], rows: int
) -> list[list[str | None]]:
    texts = ", ".join(
        f"to_json({quoted(name)})::VARCHAR" if _type(kind) == "json" else f"{quoted(name)}::VARCHAR"
        for name, kind in described
    )
    half = SAMPLE_ROWS // 2
    head = SAMPLE_ROWS if rows <= SAMPLE_ROWS else half
    first = connection.execute(f"SELECT {texts} FROM {relation} LIMIT {head}").fetchall()  # noqa: S608
    if rows > SAMPLE_ROWS:
        spread = f"SELECT * FROM {relation} USING SAMPLE reservoir({half} ROWS) REPEATABLE ({_SEED})"  # noqa: S608
        first += connection.execute(f"SELECT {texts} FROM ({spread})").fetchall()  # noqa: S608
    return [list(values) for values in zip(*first, strict=True)] if first else [[] for _ in described]
