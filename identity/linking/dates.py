"""Dates of birth as eight digits, year first, however people, programs and countries write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipe.columnar import literal

if TYPE_CHECKING:
    import duckdb

_ISO, _COMPACT, _PARTS, _RUN = (
    r"^[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}([t ].*)?$",
    r"^(1[5-9]|20)[0-9]{6}$",
    r"^([0-9]{1,2})[-/. ]([0-9]{1,2})[-/. ]([0-9]{4}|[0-9]{2})$",
    r"^([0-9]{2})([0-9]{2})(1[5-9]|20)[0-9]{2}$",
)
_CENTURY: Final = 30
"""Years of two digits above this are of the last century."""

_SPOKEN: Final = ("%d %B %Y", "%B %d, %Y", "%B %d %Y", "%d %b %Y", "%b %d, %Y", "%b %d %Y", "%d-%b-%Y", "%Y-%b-%d")
_MONTHS, _DAYS = 12, 31

_MIXED: Final = 0.1
"""Least share of dates in the other order that makes them two habits, and no typing errors."""

_NOBODYS: Final = ("19000101", "18991230", "18991231", "19700101", "00010101", "11111111", "99991231")
"""What programs and clerks write where no date is known."""


def digits(column: str) -> str:
    """SQL for a date with the letters that look like digits as digits, unless the month is a word."""
    figures = f"translate(lower({column}), 'ol', '01')"
    return f"CASE WHEN regexp_matches({column}, '[A-Za-z]{{3}}') THEN lower({column}) ELSE {figures} END"


def date(db: duckdb.DuckDBPyConnection, column: str, hashed: str) -> str:
    """SQL for `birth_date`, which went through `digits`, as eight digits.

    Args:
        db: with the table `raw`.
        column: SQL for its date; whether days come before months is what most of it says, for each separator.
        hashed: what the hash of a date looks like, which stays.
    """
    split = "string_split(regexp_replace(birth_date, '[/. ]', '-', 'g'), '-')"
    one, other = (f"lpad({split}[{number}], 2, '0')" for number in (1, 2))
    day_first = f"CASE {' '.join(_orders(db, column, one, other))} END"
    days, months = _counts(db, column, _RUN).get("", (0, 0))
    century = f"CASE WHEN length({split}[3]) > 2 THEN '' WHEN {split}[3] > '{_CENTURY}' THEN '19' ELSE '20' END"
    iso = "string_split(regexp_replace(regexp_replace(birth_date, '[t ].*', ''), '[/.]', '-', 'g'), '-')"
    left, middle = "left(birth_date, 2)", "substr(birth_date, 3, 2)"
    # As year, month and day it would be of a month above twelve.
    turned = (
        f"regexp_matches(birth_date, '{_RUN}') AND least({left}, {middle}) <= '{_MONTHS}' "
        f"AND greatest({left}, {middle}) <= '{_DAYS}'"
    )
    spoken = f"strftime(try_strptime(birth_date, [{', '.join(map(literal, _SPOKEN))}]), '%Y%m%d')"
    return (
        f"CASE WHEN regexp_matches(birth_date, '{_ISO}') "
        f"THEN {iso}[1] || lpad({iso}[2], 2, '0') || lpad({iso}[3], 2, '0') "
        f"WHEN regexp_matches(birth_date, '{_COMPACT}') AND NOT ({turned}) THEN birth_date "
        f"WHEN regexp_matches(birth_date, '{_PARTS}') THEN {century} || {split}[3] || "
        f"CASE WHEN {day_first} THEN {other} || {one} ELSE {one} || {other} END "
        f"WHEN regexp_matches(birth_date, '^[0-9]{{8}}$') THEN right(birth_date, 4) || "
        f"CASE WHEN {days > months} THEN {middle} || {left} ELSE {left} || {middle} END "
        f"WHEN regexp_full_match(birth_date, '{hashed}') THEN birth_date "
        f"WHEN length(birth_date) > 8 THEN {spoken} END"
    )


def somebodys() -> str:
    """SQL for `birth_date`, as eight digits, unless it stands for none."""
    nobodys = ", ".join(map(literal, _NOBODYS))
    return f"CASE WHEN birth_date NOT IN ({nobodys}) AND NOT starts_with(birth_date, '0000') THEN birth_date END"


def _orders(db: duckdb.DuckDBPyConnection, column: str, one: str, other: str) -> list[str]:
    """Conditions and their outcomes: whether the day comes first."""
    counts = _counts(db, column, _PARTS)
    everywhere = tuple(map(sum, zip((0, 0), *counts.values(), strict=True)))
    found = []
    for separator, (days, months) in sorted(counts.items()):
        first = days > months if days != months else everywhere[0] > everywhere[1]
        says = str(first)
        if min(days, months) > _MIXED * (days + months):
            says = f"{one} > '{_MONTHS}' OR ({first} AND {other} <= '{_MONTHS}')"
        found.append(f"WHEN contains(birth_date, '{separator}') THEN {says}")
    return [*found, "WHEN true THEN false"]


def _counts(db: duckdb.DuckDBPyConnection, column: str, pattern: str) -> dict[str, tuple[int, int]]:
    """Separator -> how often what comes first, and what comes second, can only be a day."""
    first, second = (
        f"try_cast(regexp_extract({column}, '{pattern}', {number}) AS INTEGER) BETWEEN {_MONTHS + 1} AND {_DAYS}"
        for number in (1, 2)
    )
    rows = db.execute(
        f"SELECT regexp_extract({column}, '[-/. ]') AS separator, count(*) FILTER ({first}), "  # noqa: S608
        f"count(*) FILTER ({second}) FROM raw WHERE regexp_matches({column}, '{pattern}') GROUP BY separator"
    ).fetchall()
    return {separator: (days, months) for separator, days, months in rows}
