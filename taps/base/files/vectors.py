"""Texts to values, a column at a time.

For texts of a plain form, which declared and inferred columns both take, Arrow's conversion is known to give what the
row reader's function gives; all others go through that very function, each different text once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipe.errors import SkippableError
from taps.base.files import kinds

if TYPE_CHECKING:
    from collections.abc import Callable

    from taps.base.files.kinds import Convert, Reading

TYPES: dict[str, pa.DataType] = {
    kinds.STRING: pa.string(),
    kinds.INTEGER: pa.int64(),
    kinds.NUMBER: pa.float64(),
    kinds.DECIMAL: pa.string(),  # exact, with the digits it was written with
    kinds.BOOLEAN: pa.bool_(),
    kinds.DATE: pa.date32(),
    kinds.DATETIME: pa.timestamp("us", "UTC"),
}
"""Kind -> type of a column; a value of it in a RECORD is what the row reader would send."""

# Years in which neither engine can leave the calendar, and no more digits than a microsecond has.
_TIME = r"^(1[6-9]|2\d)\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,6})?"
_OFFSET = r"(Z|[+-]\d\d:?\d\d)"
_INTEGER = r"^(0|-?[1-9]\d{0,14})$"
_NUMBER = r"^-?(0|[1-9]\d{0,14})"


@dataclass(frozen=True)
class Plain:
    """Texts that match `pattern` become values by `cast`."""

    pattern: str
    cast: Callable[[pa.Array], pa.Array]


def plain(kind: str, reading: Reading) -> list[Plain]:
    """The plain forms of a kind; none where there are few different values anyway."""
    point = reading.decimal == "point"
    number = _NUMBER + (r"(\.\d{1,9})?$" if point else r"(,\d{1,9})?$")
    pointed: Callable[[pa.Array], pa.Array] = (
        (lambda texts: texts) if point else (lambda texts: pc.replace_substring(texts, ",", "."))
    )
    if kind == kinds.INTEGER:
        return [Plain(_INTEGER, _caster(pa.int64()))]
    if kind == kinds.NUMBER:
        return [Plain(number, lambda texts: pc.cast(pointed(texts), pa.float64()))]
    if kind == kinds.DECIMAL:
        return [Plain(number, pointed)]
    if kind == kinds.DATETIME and reading.date_formats == ["iso"]:
        zoned, local = Plain(f"{_TIME}{_OFFSET}$", _caster(TYPES[kind])), Plain(f"{_TIME}$", _as_utc)
        return [zoned, local] if reading.timezone.upper() == "UTC" else [zoned]
    return []


def converted(
    texts: pa.Array, kind: str, convert: Convert, forms: list[Plain]
) -> tuple[pa.Array, dict[int, SkippableError]]:
    """The values of the texts, and the errors by place where there is none."""
    odd = pc.fill_null(pc.is_valid(texts), False)
    result = pa.nulls(len(texts), TYPES[kind])
    for form in forms:
        fits = pc.and_(odd, pc.fill_null(pc.match_substring_regex(texts, form.pattern), False))
        count = fits.true_count
        if not count:
            continue
        try:
            values = form.cast(texts if count == len(texts) else pc.if_else(fits, texts, None))
        except pa.ArrowInvalid:
            continue  # such as a 30 February: the row reader's function says which
        result = values if count == len(texts) else pc.if_else(fits, values, result)
        odd = pc.and_not(odd, fits)
    if not odd.true_count:
        return result, {}
    return _one_by_one(texts, odd, result, kind, convert)


def array(values: list[Any], kind: str) -> pa.Array:
    """Values as the row reader sends them, as a column."""
    if kind in {kinds.DATE, kinds.DATETIME}:
        return pc.cast(pa.array(values, pa.string()), TYPES[kind])
    return pa.array(values, TYPES[kind])


def _one_by_one(
    texts: pa.Array, odd: pa.Array, result: pa.Array, kind: str, convert: Convert
) -> tuple[pa.Array, dict[int, SkippableError]]:
    encoded = texts.filter(odd).dictionary_encode()
    values: list[Any] = []
    wrong: dict[int, SkippableError] = {}
    for code, text in enumerate(encoded.dictionary.to_pylist()):
        try:
            values.append(convert(text))
        except SkippableError as error:
            values.append(None)
            wrong[code] = error
    result = pc.replace_with_mask(result, odd, array(values, kind).take(encoded.indices))
    if not wrong:
        return result, {}
    places = np.flatnonzero(odd.to_numpy(zero_copy_only=False))
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    bad = np.flatnonzero(np.isin(codes, list(wrong)))
    return result, {int(places[place]): wrong[int(codes[place])] for place in bad}


def _caster(kind: pa.DataType) -> Callable[[pa.Array], pa.Array]:
    return lambda texts: pc.cast(texts, kind)


def _as_utc(texts: pa.Array) -> pa.Array:
    return pc.cast(pc.cast(texts, pa.timestamp("us")), pa.timestamp("us", "UTC"))
