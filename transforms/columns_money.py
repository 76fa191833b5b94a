"""SQL for amounts: what `pipe.money` makes of them, a column at a time."""

from __future__ import annotations

from functools import cache
from itertools import product
from string import ascii_uppercase

from pipe.money import exponent
from pipe.streams import DECIMAL_PRECISION, DECIMAL_SCALE
from transforms.columns_text import Cell, Form, Value, is_in, nothing, rescaled, unless_read

DECIMAL = f"DECIMAL({DECIMAL_PRECISION},{DECIMAL_SCALE})"
_ROOMY = "DECIMAL(27,9)"
"""Amounts that can be added and negated without a thought to the 28 digits of Python's decimals."""

_PLAIN = "-?[0-9]{{1,20}}([.][0-9]{{1,{}}})?"
_WRITTEN = {
    # number format -> shape of an amount as people write it, SQL for the same plainly
    "point": (
        "-?[$€£]?([0-9]{{1,20}}|[0-9]{{1,3}}(,[0-9]{{3}}){{1,6}})([.][0-9]{{1,{}}})?",
        "translate({}, '$€£,', '')",
    ),
    "comma": (
        "-?([0-9]{{1,20}}|[0-9]{{1,3}}([.][0-9]{{3}}){{1,6}})(,[0-9]{{1,{}}})?",
        "replace(replace({}, '.', ''), ',', '.')",
    ),
}
_MINOR_DIGITS, _MINOR_DECIMALS = 27, 5  # of an amount in minor units: its currency adds up to four decimals


def amount(given: Cell, unit: str = "major", number_format: str = "point", currency: str = "NULL") -> Value:
    """As `pipe.money.amount_parser`; `currency` is SQL for the code."""
    if unit == "major":
        return _major(given, number_format, DECIMAL_PRECISION, DECIMAL_SCALE)
    factors = " ".join(f"WHEN {is_in(currency, _codes(digits, unit))} THEN {10.0**-digits:.4f}" for digits in (0, 3, 4))
    factor = f"(CASE {factors} WHEN {currency} IS NOT NULL THEN 0.01 END)::DECIMAL(5,4)"
    read = _major(given, number_format, _MINOR_DIGITS, _MINOR_DECIMALS)
    return Value(f"(({read.sql}) * {factor})::{DECIMAL}", read.odd, read.must)


def less(value: str, refund: str) -> tuple[Value, Value]:
    """(`value` with a refund taken off, the refund as a positive amount)."""
    taken = f"abs(TRY_CAST({refund} AS {_ROOMY}))"
    left = f"(TRY_CAST({value} AS {_ROOMY}) - {taken})::{DECIMAL}"
    odd = f"({refund} IS NOT NULL AND {left} IS NULL)"
    return Value(f"CASE WHEN {refund} IS NULL THEN {value} ELSE {left} END", odd), Value(f"{taken}::{DECIMAL}", odd)


def negative(value: str, when: str) -> Value:
    """`value`, negative where it is a refund's."""
    negated = f"(-abs(TRY_CAST({value} AS {_ROOMY})))::{DECIMAL}"
    return Value(f"CASE WHEN {when} THEN {negated} ELSE {value} END", f"({when} AND {negated} IS NULL)")


def _major(given: Cell, number_format: str, digits: int, decimals: int) -> Value:
    """The number, as a decimal of that size."""
    x, sql_type = given.sql, f"DECIMAL({digits},{decimals})"
    exact = f"TRY_CAST({x} AS {sql_type})"
    plain = f"regexp_full_match({x}, '{_PLAIN.format(decimals)}')"
    if given.form is Form.TEXT:
        shape, plainly = _WRITTEN[number_format]
        written = (
            f"WHEN regexp_full_match({x}, '{shape.format(decimals)}') THEN TRY_CAST({plainly.format(x)} AS {sql_type})"
        )
        first = f"WHEN {plain} THEN {exact}" if number_format == "point" else ""
        return unless_read(given, f"CASE {first} {written} END")
    if given.form is Form.NUMBER:
        return unless_read(given, f"CASE WHEN {plain} THEN {exact} END")
    if given.form is Form.INTEGER:
        return unless_read(given, exact)
    if given.form is Form.DECIMAL:
        return unless_read(given, rescaled(given, digits, decimals))
    if given.form is Form.DOUBLE:
        # Of all decimals of at most 15 digits one alone is nearest to a double, so it is the one the double prints as.
        short = f"TRY_CAST({x} AS DECIMAL(15,4))"
        printed = f"regexp_full_match({x}::VARCHAR, '-?[0-9]{{1,15}}[.][0-9]{{1,{decimals}}}')"
        return unless_read(
            given,
            f"CASE WHEN {short}::DOUBLE = {x} THEN {short}::{sql_type} "
            f"WHEN {printed} THEN TRY_CAST({x}::VARCHAR AS {sql_type}) END",
        )
    return nothing(given)


@cache
def _codes(digits: int, unit: str) -> tuple[str, ...]:
    """Every code whose minor unit has that many decimals."""
    codes = map("".join, product(ascii_uppercase, repeat=3))
    return tuple(code for code in codes if exponent(code, unit) == digits)
