"""SQL for values as text: what `convert.text` and `convert.boolean` make of them, a column at a time.

Every function here and in its siblings gives two expressions: the value, and what marks it as one to be left to the
row mapper. SQL does only what is surely equal; a row with any such mark goes the other way, so both roads agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from pipe.columnar import literal, quoted, record_value
from transforms import convert

if TYPE_CHECKING:
    from collections.abc import Sequence

BLANK = "' '"
"""What the loaders make of a text that is nothing but white space; other texts have none at their ends."""


class Form(Enum):
    """What the values of a column are in a RECORD message."""

    TEXT = auto()
    NUMBER = auto()  # a JSON number, as text
    INTEGER = auto()
    DECIMAL = auto()  # the text of an exact decimal
    DOUBLE = auto()
    BOOLEAN = auto()
    INSTANT = auto()  # a time with its offset
    LOCAL = auto()  # a time without
    DATE = auto()


@dataclass(frozen=True)
class Value:
    """A value in SQL, NULL when there is none."""

    sql: str
    odd: str = ""
    """True where the row mapper has to look at it; empty: never. NULL means false."""
    must: str = ""
    """True where there is something to read, so that a NULL is odd, too."""
    local: str = ""
    """A TIMESTAMP in the declared zone that stands where `sql` is NULL: finding its offset takes a projection."""

    def all_odd(self) -> str:
        """`odd`, with what `must` adds to it."""
        return marks(self.odd, f"(({self.must}) AND {self.sql} IS NULL)" if self.must else "")


@dataclass(frozen=True)
class Cell(Value):
    """A value of the source."""

    form: Form = Form.TEXT
    written: str = ""
    """What the value is in a RECORD, of times and dates."""
    sql_type: str = ""
    """Of decimals."""


NUMBER_TYPE = "NUMBER"
"""Stands among the SQL types for a text that is a JSON number."""

_LARGE = "9223372036854775807"
_FORMS = {
    "VARCHAR": Form.TEXT,
    NUMBER_TYPE: Form.NUMBER,
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT"), Form.INTEGER),
    **dict.fromkeys(("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"), Form.INTEGER),
    **dict.fromkeys(("DOUBLE", "FLOAT"), Form.DOUBLE),
    "BOOLEAN": Form.BOOLEAN,
    "TIMESTAMP WITH TIME ZONE": Form.INSTANT,
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), Form.LOCAL),
    "DATE": Form.DATE,
    "TIME": Form.TEXT,
    "BLOB": Form.TEXT,
}


def is_plain(sql_type: str) -> bool:
    """Whether a column of that type needs no look inside; nested ones do."""
    return sql_type in _FORMS or sql_type.startswith("DECIMAL")


def cell(column: str, sql_type: str) -> Cell:
    """A column of one of the types for which `is_plain` holds."""
    name = quoted(column)
    form = _FORMS.get(sql_type, Form.DECIMAL)
    if sql_type in {"TIME", "BLOB"}:
        return Cell(record_value(column, sql_type))
    if sql_type == "UBIGINT":
        return Cell(name, f"{name} > {_LARGE}", form=form)
    if form is Form.DOUBLE:
        return Cell(f"CASE WHEN isfinite({name}) THEN {name}::DOUBLE END", form=form)
    if form in {Form.INSTANT, Form.LOCAL, Form.DATE}:
        moment = f"{name}::TIMESTAMP" if form is Form.LOCAL else name
        return Cell(moment, form=form, written=f"{record_value(column, sql_type)}::VARCHAR")
    return Cell(name, form=form, sql_type=sql_type)


def is_filled(given: Cell) -> str:
    """Neither null nor empty: what makes a candidate win. Blank text does, as in the row mapper."""
    return f"{given.sql} <> ''" if given.form in {Form.TEXT, Form.NUMBER} else f"{given.sql} IS NOT NULL"


def there(given: Cell) -> str:
    """Neither null nor blank."""
    return f"{given.sql} NOT IN ('', {BLANK})" if given.form in {Form.TEXT, Form.NUMBER} else f"{given.sql} IS NOT NULL"


def nothing(given: Cell) -> Value:
    """For values that no column can hold: whatever is there is odd."""
    return Value("NULL", marks(given.odd, there(given)))


def unless_read(given: Cell, value: str) -> Value:
    """`value`, which must not be NULL where there is something."""
    return Value(value, given.odd, there(given))


def marks(*odd: str) -> str:
    """True where any of them is."""
    return " OR ".join(dict.fromkeys(mark for mark in odd if mark))


def text(given: Cell) -> Value:
    """As `convert.text`."""
    x = given.sql
    if given.form is Form.TEXT:
        return Value(f"nullif(nullif({x}, {BLANK}), '')", given.odd)
    if given.form is Form.NUMBER:
        whole = f"regexp_full_match({x}, '-?[0-9]+[.]0+')"
        return Value(f"CASE WHEN {whole} THEN split_part({x}, '.', 1) ELSE {x} END", marks(given.odd, _has(x, "E")))
    if given.form is Form.DOUBLE:
        whole = f"{x} = trunc({x}) AND {x} <> 0 AND abs({x}) < 1e15"
        fraction = f"regexp_full_match({x}::VARCHAR, '-?[0-9]{{1,15}}[.][0-9]{{1,9}}') AND {x} <> trunc({x})"
        return unless_read(
            given, f"CASE WHEN {whole} THEN TRY_CAST({x} AS BIGINT)::VARCHAR WHEN {fraction} THEN {x}::VARCHAR END"
        )
    if given.written:
        return Value(given.written, marks(given.odd, outside(x)))
    return Value(f"{x}::VARCHAR", given.odd)


def outside(moment: str) -> str:
    """Times and dates whose text, or whose instant in some zone, has no usual form."""
    return f"({moment} < '1000-01-02' OR {moment} >= '9999-12-30')"


def rescaled(given: Cell, digits: int, decimals: int) -> str:
    """A decimal with so many digits and decimals; NULL when that would change it."""
    cast = f"TRY_CAST({given.sql} AS DECIMAL({digits},{decimals}))"
    if int(given.sql_type[:-1].partition(",")[2]) <= decimals:
        return cast
    return f"CASE WHEN TRY_CAST({cast} AS {given.sql_type}) = {given.sql} THEN {cast} END"


def boolean(given: Cell) -> Value:
    """As `convert.boolean`."""
    if given.form is Form.BOOLEAN:
        return Value(given.sql, given.odd)
    word = text(given)
    lower = f"lower({word.sql})"
    value = f"CASE WHEN {is_in(lower, convert.TRUE)} THEN true WHEN {is_in(lower, convert.FALSE)} THEN false END"
    return Value(value, word.odd, marks(word.must, f"{word.sql} IS NOT NULL"))


def lower(value: Value) -> Value:
    """As `str.lower`; İ and a final Σ are the two that Python alone treats apart."""
    odd = [_has(value.sql, letter) for letter in "\u0130\u03a3"]
    return Value(f"lower({value.sql})", marks(value.odd, *odd), value.must)


def is_in(expression: str, words: Sequence[str] | frozenset[str]) -> str:
    """Membership in a list of texts."""
    return f"{expression} IN ({', '.join(map(literal, sorted(words)))})"


def joined(separator: str, cells: Sequence[Cell]) -> Cell:
    """As a `Join`: nothing when one of them is nothing."""
    parts = [text(one) for one in cells]
    return Cell(
        f" || {literal(separator)} || ".join(f"({part.sql})" for part in parts),
        marks(*(part.all_odd() for part in parts)),
    )


def multiplied(cells: Sequence[Cell]) -> Cell:
    """A `Product`: exact decimals of any length are the row mapper's, so each that has one is left to it."""
    filled = " AND ".join(f"({is_filled(one)})" for one in cells)
    return Cell(f"CASE WHEN {filled} THEN '0' END", filled)


def constant(value: Any) -> str:
    """A canonical constant."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "NULL" if value is None else literal(value)


def _has(expression: str, letter: str) -> str:
    return f"contains({expression}, '{letter}')"
