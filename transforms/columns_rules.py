"""SQL for what a rule says of a field beside its kind: the order of candidates, translations, fragments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipe.columnar import literal
from pipe.streams import Kind
from transforms import columns_text
from transforms.columns_text import Cell, Value, marks

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from transforms.rules import FieldRule

FRAGMENTS = "STRUCT(type VARCHAR, value VARCHAR, source_system VARCHAR, confidence DOUBLE)[]"


class NotColumnarError(Exception):
    """The rule has something that only the row mapper can do."""


def first_filled(cells: Sequence[Cell], values: Sequence[Value]) -> Value:
    """The value of the first cell that is neither null nor empty."""
    if len(values) <= 1:
        return values[0] if values else Value("NULL")

    def choice(parts: Iterable[str]) -> str:
        found = [part or "NULL" for part in parts]
        if set(found) == {"NULL"}:
            return ""
        pairs = zip(cells, found, strict=True)
        return f"CASE {' '.join(f'WHEN {columns_text.is_filled(cell)} THEN {part}' for cell, part in pairs)} END"

    sql, *others = (choice(getattr(value, part) for value in values) for part in ("sql", "odd", "must", "local"))
    return Value(sql or "NULL", *others)


def translated(cell: Cell, value: Value, rule: FieldRule, kind: Kind) -> Value:
    """The value, or what the rule's table says instead."""
    if kind not in {Kind.STRING, Kind.BOOLEAN}:
        raise NotColumnarError
    word = columns_text.lower(columns_text.text(cell))
    known = columns_text.is_in(word.sql, [key for key, _ in rule.values])
    cases = " ".join(f"WHEN {literal(key)} THEN {literal_of(meant, kind)}" for key, meant in rule.values)
    must = marks(word.must, f"(NOT ({known}) AND ({value.must}))" if value.must else "")
    return Value(f"CASE {word.sql} {cases} ELSE {value.sql} END", marks(word.odd, value.odd), must)


def currency_code(value: Value) -> Value:
    """As three capital letters."""
    code = value.sql
    read = f"CASE WHEN regexp_full_match({code}, '[A-Za-z]{{3}}') THEN upper({code}) END"
    return Value(read, value.odd, marks(value.must, f"{code} IS NOT NULL"))


def fragment(kind: str, value: str, connector: str, confidence: float) -> str:
    """One fragment, whose value may be NULL."""
    source = literal(connector)
    return f"{{type: {literal(kind)}, value: {value}, source_system: {source}, confidence: {confidence!r}::DOUBLE}}"


def literal_of(value: Any, kind: Kind) -> str:
    """A canonical constant.

    Raises:
        NotColumnarError: its type is not that of the field.
    """
    if value is None:
        return "NULL"
    if kind is Kind.BOOLEAN and isinstance(value, bool):
        return str(value).lower()
    if kind is not Kind.BOOLEAN and isinstance(value, str):
        return literal(value)
    raise NotColumnarError
