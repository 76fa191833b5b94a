"""BigQuery's side of a column: its types, how it is checked before the load, and how it comes out of staging.

| a record's value                        | column     |
|-----------------------------------------|------------|
| boolean                                 | BOOL       |
| integer                                 | INT64      |
| integer beyond 64 bits                  | NUMERIC    |
| decimal                                 | NUMERIC    |
| decimal of more than 29 or 9 digits     | BIGNUMERIC |
| number                                  | FLOAT64    |
| date-time, date, time                   | TIMESTAMP, DATE, TIME |
| object, array                           | JSON       |
| anything else                           | STRING     |
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from google.cloud.bigquery import SchemaField

from pipe.errors import DataError
from targets.bigquery.names import column_names, description
from targets.core.columns import DataType, StreamSchema, widen
from targets.duckdb.columns import SQL_TYPES, Column

if TYPE_CHECKING:
    from collections.abc import Sequence

TYPES = {
    DataType.BOOLEAN: "BOOL",
    DataType.INTEGER: "INT64",
    DataType.BIG_INTEGER: "NUMERIC",
    DataType.DECIMAL: "NUMERIC",
    DataType.DOUBLE: "FLOAT64",
    DataType.TIMESTAMP: "TIMESTAMP",
    DataType.DATE: "DATE",
    DataType.TIME: "TIME",
    DataType.TEXT: "STRING",
    DataType.JSON: "JSON",
}
BIGNUMERIC = "BIGNUMERIC"
LEGACY = {"BOOLEAN": "BOOL", "INTEGER": "INT64", "FLOAT": "FLOAT64", "DECIMAL": "NUMERIC", "BIGDECIMAL": BIGNUMERIC}
"""Other names that the service gives its types."""

_KINDS = {
    "BOOL": DataType.BOOLEAN,
    "INT64": DataType.INTEGER,
    "NUMERIC": DataType.DECIMAL,
    BIGNUMERIC: DataType.DECIMAL,
    "FLOAT64": DataType.DOUBLE,
    "TIMESTAMP": DataType.TIMESTAMP,
    "DATE": DataType.DATE,
    "TIME": DataType.TIME,
    "STRING": DataType.TEXT,
    "JSON": DataType.JSON,
}
_LOCAL_TIME = "DATETIME"
"""A type that no record asks for and that we write if a table has it."""

_FIRST, _LAST = "0001-01-01 00:00:00", "9999-12-31 23:59:59.999999"
_LONGEST_FRACTION = 38
_LONGEST_WHOLE = r"[+-]?0*\d{1,38}(\.\d*)?"
"""Below 10^38, which as doubles the last numbers before it are not."""
_DECIMAL = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?"


@dataclass(frozen=True)
class BigQueryColumn(Column):
    """One property of a stream and the column it goes to."""

    wide: bool = False
    """A decimal too long for NUMERIC; on this machine it stays text."""
    made_otherwise: str = ""
    """The column's type, when it is none of ours."""

    @property
    def table_type(self) -> str:
        """Type in the table."""
        if self.made_otherwise:
            return self.made_otherwise
        return BIGNUMERIC if self.wide else TYPES[self.kind] if self.kind else "STRING"

    @property
    def loaded_type(self) -> str:
        """Type in the file and in the table it is loaded into; the others are made of text by the merge."""
        return "STRING" if self.made_otherwise or self.wide or self.kind is DataType.JSON else self.table_type

    @property
    def staged_type(self) -> str:
        """Type in DuckDB."""
        return "VARCHAR" if self.wide else super().staged_type

    @property
    def reason(self) -> str:
        """The rule in words."""
        limits = f"below 10^38 with at most {_LONGEST_FRACTION} digits behind the point"
        return f"is not a decimal number {limits}" if self.wide else super().reason

    def parsed(self, text: str) -> str:
        """SQL that turns text into the staged value, or into NULL when it is none."""
        if not self.wide:
            return super().parsed(text)
        size = f"(abs(TRY_CAST({text} AS DOUBLE)) < 1e38 OR regexp_full_match({text}, '{_LONGEST_WHOLE}'))"
        fraction = f"length(regexp_extract({text}, '\\.(\\d*?)0*([eE]|$)', 1))"
        exponent = f"coalesce(TRY_CAST(regexp_extract({text}, '[eE](.+)', 1) AS INTEGER), 0)"
        exact = f"{fraction} - {exponent} <= {_LONGEST_FRACTION}"
        return f"CASE WHEN regexp_full_match({text}, '{_DECIMAL}') AND {size} AND {exact} THEN {text} END"

    def is_bad(self, text: str) -> str | None:
        """SQL that is true for a text that is no value of the column, or that would lose digits in it."""
        wrong = super().is_bad(text)
        value = self.parsed(text)
        if self.wide or wrong is None:
            return wrong
        if self.kind is DataType.DECIMAL:
            return f"({wrong} OR {self.loses_digits(text)})"
        if self.kind in {DataType.TIMESTAMP, DataType.DATE} or self.made_otherwise:
            return f"({wrong} OR {value} NOT BETWEEN '{_FIRST}' AND '{_LAST}')"
        return wrong

    def loses_digits(self, text: str) -> str:
        """SQL that is true for a decimal with more digits than NUMERIC has."""
        value = f"TRY_CAST({text} AS {SQL_TYPES[DataType.DECIMAL]})"
        exponent = f"(regexp_matches({text}, '[eE]') AND CAST({value} AS DOUBLE) <> TRY_CAST({text} AS DOUBLE))"
        return rf"(regexp_matches({text}, '\.\d{{9}}\d*[1-9]') OR {exponent})"

    def out_of_range(self, staged: str) -> str | None:
        """SQL that is true for a staged time that BigQuery does not have; those of typed files come unchecked."""
        if self.kind in {DataType.TIMESTAMP, DataType.DATE}:
            return f"{staged} NOT BETWEEN '{_FIRST}' AND '{_LAST}'"
        return f"{staged} >= TIME '24:00:00'" if self.kind is DataType.TIME else None

    def exported(self, staged: str, form: str) -> str:
        """SQL for the value in the file that is loaded."""
        if self.kind in {DataType.INTEGER, DataType.BIG_INTEGER}:
            value = f"CAST({staged} AS {'BIGINT' if self.table_type == 'INT64' else SQL_TYPES[DataType.DECIMAL]})"
        elif self.loaded_type == "STRING":
            value = f"CAST({staged} AS VARCHAR)"
        else:
            value = self.stored(staged)
        if form == "ndjson" and self.loaded_type in {"NUMERIC", "DATE", "TIME"}:
            return f"CAST({value} AS VARCHAR)"
        if form == "ndjson" and self.loaded_type == "TIMESTAMP":
            return f"strftime({value} AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M:%S.%fZ')"
        return value

    def merged(self, loaded: str) -> str:
        """GoogleSQL for the value in the table."""
        if self.kind is DataType.JSON:
            return f"PARSE_JSON({loaded}, wide_number_mode=>'round')"
        return loaded if self.loaded_type == self.table_type else f"CAST({loaded} AS {self.table_type})"

    def field(self) -> SchemaField:
        """The column as a table declares it."""
        if text := description(self.origin.name, self.name):
            return SchemaField(self.name, self.table_type, description=text)
        return SchemaField(self.name, self.table_type)


def plan(schema: StreamSchema, live: Sequence[SchemaField]) -> list[BigQueryColumn]:
    """The columns of a stream, given those its table has.

    Raises:
        DataError: the table has a column of a type that cannot be written from records.
    """
    names = column_names((each.name for each in schema.properties), {each.name: each.description for each in live})
    there = {each.name: each for each in live}
    columns = []
    for each in schema.properties:
        name, key = names[each.name], each.name in schema.keys
        if name not in there:
            columns.append(BigQueryColumn(each, name, each.type, SQL_TYPES[each.type], key))
            continue
        found = type_of(there[name])
        if found == _LOCAL_TIME:
            columns.append(BigQueryColumn(each, name, None, "TIMESTAMP", key, made_otherwise=found))
            continue
        if found not in _KINDS:
            raise DataError(
                f"its column {name} is {found}, which cannot be written from records",
                stream=schema.stream,
                field=each.name,
                remedy="Leave the property out in the tap, or rename the column",
            )
        kind = widen(_KINDS[found], each.type)
        wide = found == BIGNUMERIC and kind is DataType.DECIMAL
        columns.append(BigQueryColumn(each, name, kind, SQL_TYPES[kind], key, wide=wide))
    return columns


def widened(column: BigQueryColumn) -> BigQueryColumn:
    """The same column for decimals that NUMERIC is too short for."""
    return replace(column, wide=True)


def type_of(field: SchemaField) -> str:
    """Type of a table's column, by one name."""
    kind = str(field.field_type).upper()
    kind = LEGACY.get(kind, kind)
    return f"ARRAY<{kind}>" if field.mode == "REPEATED" else kind
