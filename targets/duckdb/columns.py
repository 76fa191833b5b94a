"""DuckDB's side of a column: SQL types, how text becomes a value, and what a bad value is."""

from __future__ import annotations

from dataclasses import dataclass

from targets.core.columns import METADATA_PREFIX, DataType, Property, StreamSchema, column_names, folded, widen

SQL_TYPES = {
    DataType.BOOLEAN: "BOOLEAN",
    DataType.INTEGER: "BIGINT",
    DataType.BIG_INTEGER: "HUGEINT",
    DataType.DECIMAL: "DECIMAL(38,9)",
    DataType.DOUBLE: "DOUBLE",
    DataType.TIMESTAMP: "TIMESTAMP WITH TIME ZONE",
    DataType.DATE: "DATE",
    DataType.TIME: "TIME",
    DataType.TEXT: "VARCHAR",
    DataType.JSON: "JSON",
}
_KINDS = {sql: kind for kind, sql in SQL_TYPES.items()}
_WHOLE = (DataType.INTEGER, DataType.BIG_INTEGER)
_NUMBERS = (*_WHOLE, DataType.DECIMAL, DataType.DOUBLE)
_DATED = (DataType.TIMESTAMP, DataType.DATE)
_EXACT = "DECIMAL(38,9)"


@dataclass(frozen=True)
class Column:
    """One property of a stream and the column it goes to."""

    origin: Property
    name: str
    kind: DataType | None
    """None: the table has a type of its own making, which stays."""
    sql_type: str
    is_key: bool

    @property
    def is_told(self) -> bool:
        """Whether it says something of the row: it is neither of the key nor about the transport."""
        return not self.is_key and not self.origin.name.startswith(METADATA_PREFIX)

    @property
    def source_type(self) -> str:
        """Type it is read from a record as. JSON keeps its quotes, so that texts and numbers can be told apart."""
        return "JSON" if self.kind in {DataType.JSON, DataType.DECIMAL} else "VARCHAR"

    @property
    def staged_type(self) -> str:
        """Type in the staging table, where whole numbers may still be too large."""
        return _EXACT if self.kind in _WHOLE else self.sql_type

    @property
    def rule(self) -> str:
        """Short name of the rule a bad value breaks."""
        if self.kind in _WHOLE:
            return "integer"
        return self.kind.name.lower() if self.kind else "type"

    @property
    def reason(self) -> str:
        """The rule in words."""
        return f"is not {self.kind.value if self.kind else f'of the type {self.sql_type} of its column'}"

    def text(self, source: str) -> str:
        """SQL for the text of a value that was read as `source`."""
        return f"trim({source}, '\"')" if self.kind is DataType.DECIMAL else source

    def may_be_rounded(self, source: str) -> str:
        """SQL that is true for a decimal that is a JSON number: its fraction went through a double on its way."""
        return f"(contains({source}, '.') AND NOT starts_with({source}, '\"'))"

    def parsed(self, text: str) -> str:
        """SQL that turns the text expression `text` into the staged value, or into NULL when it is none."""
        if self.kind in {DataType.TEXT, DataType.JSON}:
            return text
        if self.kind is DataType.TIME:  # with an offset it is the time of day in UTC, as for timestamps
            offset = f"regexp_replace({text}, '[zZ]$', '+00')"
            return f"CAST(timezone('UTC', TRY_CAST({offset} AS TIMETZ)) AS TIME)"
        return f"TRY_CAST({text} AS {self.staged_type})"

    def is_bad(self, text: str) -> str | None:
        """SQL that is true for a text that is no value of the column; None when every text is one."""
        value = self.parsed(text)
        if value == text:
            return None
        wrong = f"{value} IS NULL"
        if self.kind in _WHOLE:
            wrong = f"({wrong} OR {value} <> trunc({value}))"
        elif self.kind in _DATED:
            wrong = f"({wrong} OR isinf({value}))"
        if self.kind in _NUMBERS:  # the engine takes `1_000`, as source code writes it
            wrong = f"({wrong} OR contains({text}, '_'))"
        return f"{text} IS NOT NULL AND {wrong}"

    def is_lacking(self, staged: str) -> str:
        """SQL that is true where a needed value is missing; a key may not be an empty text either."""
        empty = f" OR {staged} = ''" if self.is_key and self.kind is DataType.TEXT else ""
        return f"({staged} IS NULL{empty})"

    def stored(self, staged: str) -> str:
        """SQL that turns the staged value into the stored one."""
        if self.kind in _WHOLE:
            return f"CAST({staged} AS {self.sql_type})"
        if self.kind is DataType.DOUBLE:
            return f"CASE WHEN isfinite({staged}) THEN {staged} END"
        return staged


def plan(schema: StreamSchema, existing: dict[str, str]) -> list[Column]:
    """The columns of a stream, given those its table has (name -> SQL type)."""
    names = column_names((each.name for each in schema.properties), existing)
    types = {folded(name): sql_type for name, sql_type in existing.items()}
    columns = []
    for each in schema.properties:
        name = names[each.name]
        there = types.get(folded(name))
        kind = each.type if there is None else _KINDS.get(there)
        if there is not None and kind is not None:
            kind = widen(kind, each.type)
        sql_type = SQL_TYPES[kind] if kind else str(there)
        columns.append(Column(each, name, kind, sql_type, each.name in schema.keys))
    return columns


def quoted(name: str) -> str:
    """An identifier, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """A string literal."""
    return "'" + value.replace("'", "''") + "'"
