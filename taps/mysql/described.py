"""Types of a query's result, as the protocol describes them."""

from __future__ import annotations

from typing import Any

from pymysql.constants import FIELD_TYPE as T
from pymysql.constants import FLAG

_BINARY_CHARSET = 63
_NAMES = {
    T.TINY: "tinyint",
    T.SHORT: "smallint",
    T.INT24: "mediumint",
    T.LONG: "int",
    T.LONGLONG: "bigint",
    T.YEAR: "year",
    T.FLOAT: "float",
    T.DOUBLE: "double",
    T.TIMESTAMP: "timestamp",
    T.DATETIME: "datetime",
    T.DATE: "date",
    T.NEWDATE: "date",
    T.JSON: "json",
    T.GEOMETRY: "geometry",
}
_TEXTS = {T.VAR_STRING, T.STRING, T.VARCHAR, T.BLOB, T.TINY_BLOB, T.MEDIUM_BLOB, T.LONG_BLOB}


def columns(cursor: Any) -> list[tuple[str, str]]:
    """Name and type, as `COLUMN_TYPE` would have it, of each column of the cursor's result."""
    return [(field.name, _kind(field)) for field in cursor._result.fields]  # what `description` leaves out


def _kind(field: Any) -> str:
    if field.type_code in {T.DECIMAL, T.NEWDECIMAL}:
        # The length counts the point, and the sign of those that may have one.
        digits = field.length - (1 if field.scale else 0) - (0 if field.flags & FLAG.UNSIGNED else 1)
        return f"decimal({digits},{field.scale})"
    if field.type_code == T.BIT:
        return f"bit({field.length})"
    if field.type_code in _TEXTS:
        if field.flags & (FLAG.ENUM | FLAG.SET):
            return "enum"
        return "blob" if field.charsetnr == _BINARY_CHARSET else "text"
    name = _NAMES.get(field.type_code, "text")
    size = "(1)" if name == "tinyint" and field.length == 1 else ""
    return f"{name}{size}{' unsigned' if field.flags & FLAG.UNSIGNED else ''}"
