"""SQL for times and dates: what `pipe.times` makes of them, a column at a time."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from pipe import abbreviations, times
from pipe.columnar import literal
from transforms.columns_text import BLANK, Cell, Form, Value, marks, nothing, outside, rescaled, there, unless_read

if TYPE_CHECKING:
    from datetime import tzinfo

_DAY = "[12][0-9]{3}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,6})?)?"
_OFFSET = "(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])"
_TICKS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}  # microseconds a unit
_FIRST, _LAST = -30_000_000_000_000_000, 250_000_000_000_000_000  # microseconds: years 1019 to 9892
_DIGITS = 18
_DIRECTIVES = {
    "Y": "[12][0-9]{3}",
    "m": "(0[1-9]|1[0-2])",
    "d": "(0[1-9]|[12][0-9]|3[01])",
    "H": "([01][0-9]|2[0-3])",
    "I": "(0[1-9]|1[0-2])",
    "M": "[0-5][0-9]",
    "S": "[0-5][0-9]",
    "p": "(AM|PM)",
}
_CLOCKS = ("", "H", "HM", "HMS", "IMp", "IMSp")  # directives beside Y, m and d
_PIECE = re.compile(r"%(.)|([A-Za-z ./:,_-])")
_FIRST_YEAR, _LAST_YEAR = 1970, 2050  # for which the offsets of a zone are looked up


def instant(given: Cell, form: str, zone_name: str) -> Value:  # noqa: PLR0911  one case a line
    """As `times.time_parser`: a TIMESTAMP WITH TIME ZONE, or a local time."""
    if form in _TICKS:
        return _epoch(given, _TICKS[form])
    if form.endswith(abbreviations.DIRECTIVE):
        return _abbreviated(given, form, times.zone(zone_name))
    if form != "iso":
        read = _by_pattern(given, form)
        return Value("NULL", read.odd, read.must, read.sql if read.sql != "NULL" else "")
    if given.form is Form.TEXT:
        return _iso(given)
    if given.form is Form.INSTANT:
        return Value(given.sql, marks(given.odd, outside(given.sql)))
    if given.form in {Form.LOCAL, Form.DATE}:
        moment = f"CASE WHEN NOT {outside(given.sql)} THEN {given.sql}::TIMESTAMP END"
        return Value("NULL", given.odd, there(given), moment)
    return nothing(given)


def day(given: Cell, form: str) -> Value:
    """As `times.date_parser`: a DATE."""
    if form != "iso":
        read = _by_pattern(given, form)
        return Value(f"({read.sql})::DATE", read.odd, read.must)
    if given.form is Form.TEXT:
        start = f"left({given.sql}, 10)"
        return _dated(given, f"CASE WHEN regexp_full_match({start}, '{_DAY}') THEN TRY_CAST({start} AS DATE) END")
    if given.form in {Form.LOCAL, Form.DATE, Form.INSTANT}:
        local = f"({given.sql} AT TIME ZONE 'UTC')" if given.form is Form.INSTANT else given.sql
        return Value(f"{local}::DATE", marks(given.odd, outside(given.sql)))
    return nothing(given)


def in_utc(local: str, zone_name: str) -> str:
    """The instant of a TIMESTAMP in a zone, exactly as Python has it (fold = 0); NULL in years not looked up."""
    micros = f"epoch_us({local})"
    if times.zone(zone_name) is UTC:
        return f"make_timestamptz({micros})"
    return f"make_timestamptz({micros} - {_choice(micros, list(_offsets(zone_name)))})"


def _iso(given: Cell) -> Value:
    x = given.sql
    with_offset = f"regexp_full_match({x}, '{_DAY}{_CLOCK}{_OFFSET}')"
    without = f"regexp_full_match({x}, '{_DAY}({_CLOCK})?')"
    read = _dated(given, f"CASE WHEN {with_offset} THEN TRY_CAST({x} AS TIMESTAMPTZ) END")
    return replace(read, local=f"CASE WHEN {without} THEN TRY_CAST({x} AS TIMESTAMP) END")


def _abbreviated(given: Cell, form: str, declared: tzinfo) -> Value:
    """Times that end in an abbreviation of one meaning; all others are for the row mapper to read or refuse."""
    pattern = abbreviations.bare(form)
    shape = _shape(pattern)
    if given.form is not Form.TEXT or not shape:
        return nothing(given)
    x = given.sql
    last = f"regexp_extract({x}, '[A-Z]+$')"
    clear = abbreviations.always(declared)
    known = "|".join(clear)
    whens = " ".join(f"WHEN '{name}' THEN {offset // timedelta(microseconds=1)}" for name, offset in clear.items())
    local = f"try_strptime(regexp_replace({x}, ' [A-Z]+$', ''), {literal(pattern)})"
    moment = f"make_timestamptz(epoch_us({local}) - CASE {last} {whens} END)"
    return _dated(given, f"CASE WHEN regexp_full_match({x}, {literal(f'{shape} ({known})')}) THEN {moment} END")


def _epoch(given: Cell, ticks: int) -> Value:
    """Ticks since 1970. Blank text is no number, though elsewhere it is nothing."""
    x = given.sql
    decimals = len(str(ticks)) - 1
    exact = f"DECIMAL({_DIGITS},{decimals})"
    if given.form is Form.INTEGER:
        number = f"TRY_CAST({x} AS {exact})"
    elif given.form in {Form.TEXT, Form.NUMBER}:
        fraction = f"([.][0-9]{{1,{decimals}}})?" if decimals else ""
        shape = f"-?[0-9]{{1,{_DIGITS - decimals}}}{fraction}"
        number = f"CASE WHEN regexp_full_match({x}, '{shape}') THEN TRY_CAST({x} AS {exact}) END"
    elif given.form is Form.DECIMAL:
        number = rescaled(given, _DIGITS, decimals)
    elif given.form is Form.DOUBLE:
        number = f"CASE WHEN {x} = trunc({x}) AND abs({x}) < 1e11 THEN TRY_CAST({x} AS {exact}) END"
    else:
        return nothing(given)
    micros = f"TRY_CAST({number}::DECIMAL(38,{decimals}) * {ticks} AS BIGINT)"
    read = unless_read(given, f"CASE WHEN {micros} BETWEEN {_FIRST} AND {_LAST} THEN make_timestamptz({micros}) END")
    return Value(read.sql, marks(read.odd, f"{x} = {BLANK}" if given.form is Form.TEXT else ""), read.must)


def _by_pattern(given: Cell, form: str) -> Value:
    """A TIMESTAMP by the patterns of a format, each taken only in the one width that all readers agree on."""
    if given.form not in {Form.TEXT, Form.NUMBER, Form.INTEGER}:
        return nothing(given)
    x = f"{given.sql}::VARCHAR"
    branches = []
    for pattern in _patterns(form):
        shape = _shape(pattern)
        if shape:
            branches.append(f"WHEN regexp_full_match({x}, {literal(shape)}) THEN try_strptime({x}, {literal(pattern)})")
    if not branches:
        return nothing(given)
    return _dated(given, f"CASE {' '.join(branches)} END")


def _patterns(form: str) -> tuple[str, ...]:
    if form == "yyyymmdd":
        return ("%Y%m%d", "%Y%m%d%H%M%S")
    return times.NAMED.get(form, (form,))


def _shape(pattern: str) -> str:
    """A regular expression for what a strptime pattern surely reads; empty if we had better not say."""
    pieces = [match.groups() for match in _PIECE.finditer(pattern)]
    directives = [directive for directive, _ in pieces if directive]
    if "".join(letter or f"%{directive}" for directive, letter in pieces) != pattern:
        return ""
    clock = "".join(sorted(directives, key="YmdHIMSp".find)).removeprefix("Ymd")
    if not {"Y", "m", "d"} <= set(directives) or clock not in _CLOCKS:
        return ""
    return "".join(_DIRECTIVES[directive] if directive else f"[{letter}]" for directive, letter in pieces)


def _dated(given: Cell, value: str) -> Value:
    """As `unless_read`; a zero date means no date."""
    must = there(given)
    if given.form is not Form.INTEGER:
        must += f" AND NOT starts_with({given.sql}, '0000-00-00')"
    return Value(value, given.odd, must)


def _choice(micros: str, offsets: list[tuple[int, int | None]]) -> str:
    """The offset for a local time, found by halving."""
    if len(offsets) == 1:
        return "NULL" if offsets[0][1] is None else str(offsets[0][1])
    middle = len(offsets) // 2
    before, after = _choice(micros, offsets[:middle]), _choice(micros, offsets[middle:])
    return f"CASE WHEN {micros} < {offsets[middle][0]} THEN {before} ELSE {after} END"


@cache
def _offsets(zone_name: str) -> tuple[tuple[int, int | None], ...]:
    """(first local microsecond, offset in microseconds) of every stretch with one offset; None at both ends."""
    zone = times.zone(zone_name)
    second, moment, end = timedelta(seconds=1), datetime(_FIRST_YEAR, 1, 1), datetime(_LAST_YEAR, 1, 1)  # noqa: DTZ001
    found: list[tuple[int, int | None]] = [(-(2**63), None), (_micros(moment), _offset(moment, zone))]
    while moment < end:
        following = moment + timedelta(days=1)
        if _offset(following, zone) != _offset(moment, zone):
            before, after = moment, following
            while after - before > second:
                middle = before + (after - before) // 2 // second * second
                if _offset(middle, zone) == _offset(moment, zone):
                    before = middle
                else:
                    after = middle
            found.append((_micros(after), _offset(after, zone)))
        moment = following
    return (*found, (_micros(end), None))


def _offset(local: datetime, zone: tzinfo) -> int:
    return (local.replace(tzinfo=zone).utcoffset() or timedelta()) // timedelta(microseconds=1)


def _micros(local: datetime) -> int:
    return (local - datetime(1970, 1, 1)) // timedelta(microseconds=1)  # noqa: DTZ001
