"""Which way a column writes its times: the format in the preset language, and what is not certain about it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from typing import TYPE_CHECKING

from pipe import abbreviations

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_YEARS = range(1950, 2101)
"""Years a transaction, a birth or a plan can have."""

_SHARE = 0.9
"""Share of the values that must have the format; the rest are placeholders and faults."""


@dataclass(frozen=True)
class DateFormat:
    """A format of times that a column's values have."""

    format: str
    """In the preset language: `iso`, `epoch_ms`, `us`, `german`, a strptime pattern, ..."""
    share: float
    """Of the values that have it."""
    has_time: bool = False
    has_zone: bool = False
    ambiguous: str | None = None
    """Another format that reads every value too, as another day."""
    weak: bool = False
    """Could as well be a plain number."""
    zone: str | None = None
    """The zone that makes its abbreviations clear."""
    unclear: str | None = None
    """An abbreviation of several zones, which only a person can tell."""


_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ]+(\d\d):?(\d\d)(?::?(\d\d)(?:[.,]\d+)?)?\s*(Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?)?",
    re.IGNORECASE,
)
_RFC = re.compile(r"(?:[A-Z][a-z]{2}, ?)?\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d(?::\d\d)? (?:[+-]\d{4}|[A-Z]{3})")
_TIME_TAILS = (
    "",
    " %H:%M:%S",
    " %H:%M",
    " %I:%M %p",
    " %I:%M:%S %p",
    ", %H:%M:%S",
    ", %H:%M",
    ", %I:%M %p",
    ", %I:%M:%S %p",
    ", %I:%M%p",
    " %I:%M:%S%p",
    "T%H:%M:%S",
    " %H:%M:%S.%f",
    " %I:%M%p",
    " %Hh%M",
    " %H.%M",
    " %H.%M.%S",
)
_DAYS = (
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%m/%d/%y",
    "%d/%m/%y",
    "%d.%m.%y",
    "%d-%m-%y",
    "%y/%m/%d",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%d %b %Y",
    "%d %B %Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%b %d %Y",
    "%b-%d-%y",
    "%b-%d-%Y",
    "%d/%b/%Y",
    "%a %b %d %Y",
    "%A, %B %d, %Y",
    "%a, %d %b %Y",
    "%Y%m%d",
    "%d%b%Y",
    "%Y-%b-%d",
)
_ISO_DAYS = ("%Y-%m-%d",)
_SWAPPED = {"%m/%d/": "%d/%m/", "%d/%m/": "%m/%d/", "%d-%m-": "%m-%d-", "%m-%d-": "%d-%m-", "%d.%m.": "%m.%d."}
_NAMED = {
    "us": {"%m/%d/%Y", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %I:%M %p", "%m/%d/%Y %I:%M:%S %p"},
    "german": {"%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S"},
}
"""Names of the preset language -> the patterns they stand for."""

_EPOCHS = (946_684_800, 2_208_988_800)
"""Seconds since 1970 of the years 2000 to 2039: other numbers of ten digits are rather ids."""

_SCALES = (("epoch_s", 10, 1), ("epoch_ms", 13, 1_000), ("epoch_us", 16, 1_000_000))
_CLOCK = re.compile(r"(?:[01]?\d|2[0-3])[:h][0-5]\d(?::[0-5]\d(?:\.\d+)?)?(?:\s?[AP]\.?M\.?)?", re.IGNORECASE)
_EMPTY = re.compile(r"0*|0000-00-00.*|[-0/.]*")
_LIKE_A_DAY = re.compile(
    r".*(?:\d{1,4}[-/.]\d{1,2}[-/.]\d{2,4}|\d[ /-]?[A-Z][a-z]{2}|[A-Z][a-z]{2,8}\.?[ -]\d{1,2}"
    r"|\d-?[A-Z]{3}-?\d|^\d{8}[ T]\d\d)"
)
"""What every pattern below has in it; most texts have not, and are done with."""
_LONGEST = 40


def is_clock(value: str) -> bool:
    """A time of day without a day: `14:05:09`, `2:05 PM`."""
    return _CLOCK.fullmatch(value.strip()) is not None


def date_format(values: Sequence[str]) -> DateFormat | None:
    """The format that nearly all the values have, or None; values such as 00000000 do not count."""
    real = [text for value in values if not _EMPTY.fullmatch(text := value.strip())]
    if not real or max(map(len, real[:3])) > _LONGEST:
        return None
    return _iso(real) or _digits(real) or _epoch(real) or _rfc(real) or _patterned(real) or _abbreviated(real)


def moment(text: str, form: str) -> datetime | None:
    """The time a text says in a format that `date_format` found, without its zone; None for another text."""
    text = text.strip()
    scale = next((scale for name, _, scale in _SCALES if name == form), None)
    try:
        if scale:
            return datetime.fromtimestamp(float(text) / scale, UTC).replace(tzinfo=None)
        if form == "iso":
            found = _ISO.fullmatch(text)
            year, month, day, *clock = (int(part or 0) for part in found.groups()[:6]) if found else (0, 0, 0)
            return datetime(year, month, day, *clock) if found else None  # type: ignore[arg-type]  # noqa: DTZ001
        if form == "yyyymmdd":
            return datetime.strptime(text.removesuffix(".0")[:8], "%Y%m%d")  # noqa: DTZ007
    except (ValueError, OverflowError):
        return None
    if abbreviations.DIRECTIVE in form:
        text, form = (abbreviations.parted(text) or ("", ""))[0], abbreviations.bare(form)
    for pattern in sorted(_NAMED.get(form, {form})):
        try:
            return datetime.strptime(text, pattern)  # noqa: DTZ007
        except ValueError:
            continue
    return None


def _share(real: list[str], test: Callable[[str], bool]) -> float:
    return sum(map(test, real)) / len(real)


def _iso(real: list[str]) -> DateFormat | None:
    matches = [found for text in real if (found := _ISO.fullmatch(text)) and _is_day(*found.groups()[:3])]
    if len(matches) < _SHARE * len(real):
        return None
    timed = any(found[4] for found in matches)
    return DateFormat("iso", len(matches) / len(real), timed, any(found[7] for found in matches))


def _is_day(year: str | int, month: str | int, day: str | int) -> bool:
    return int(year) in _YEARS and 1 <= int(month) <= 12 and 1 <= int(day) <= 31


def _digits(real: list[str]) -> DateFormat | None:
    """YYYYMMDD and YYYYMMDDHHMMSS."""

    def test(text: str) -> bool:
        bare = text.removesuffix(".0")
        return bare.isdigit() and len(bare) in {8, 14} and _is_day(bare[:4], bare[4:6], bare[6:8])

    share = _share(real, test)
    return DateFormat("yyyymmdd", share, len(real[0]) > 8) if share >= _SHARE else None


def _epoch(real: list[str]) -> DateFormat | None:
    for name, digits, scale in _SCALES:

        def test(text: str, digits: int = digits, scale: int = scale) -> bool:
            whole = text.partition(".")[0]
            return whole.isdigit() and len(whole) == digits and _EPOCHS[0] <= int(whole) / scale < _EPOCHS[1]

        share = _share(real, test)
        if share >= _SHARE:
            return DateFormat(name, share, has_time=True, has_zone=True, weak=True)
    return None


def _rfc(real: list[str]) -> DateFormat | None:
    share = _share(real, lambda text: _RFC.fullmatch(text) is not None)
    return DateFormat("rfc2822", share, has_time=True, has_zone=True) if share >= _SHARE else None


def _patterned(real: list[str]) -> DateFormat | None:
    """The first pattern that reads nearly all of a few values, then nearly all of them."""
    few = real[:20]
    if not all(map(_LIKE_A_DAY.match, few[:3])):
        return None
    for day, tail in product(_DAYS, _TIME_TAILS):
        if day == "%Y%m%d" and not tail:
            continue
        pattern = day + tail
        if not _reads(pattern, few[0]) and not _reads(pattern, few[-1]):
            continue
        share = _share(real, lambda text, pattern=pattern: _reads(pattern, text))  # type: ignore[misc]
        if share >= _SHARE:
            return DateFormat(_name(pattern), share, bool(tail), ambiguous=_other(pattern, real, share))
    return None


def _abbreviated(real: list[str]) -> DateFormat | None:
    """Times with the abbreviation of a zone: `2024-03-01 10:00 EST`."""
    parted = [found for text in real if (found := abbreviations.parted(text))]
    if len(parted) < _SHARE * len(real):
        return None
    days = [day for day, _ in parted]
    said = {name for _, name in parted}
    for day, tail in product((*_ISO_DAYS, *_DAYS), _TIME_TAILS[1:]):
        pattern = day + tail
        if not _reads(pattern, days[0]):
            continue
        share = _share(days, lambda text, pattern=pattern: _reads(pattern, text))  # type: ignore[misc]
        if share >= _SHARE:
            unclear = sorted(said - abbreviations.FIXED.keys())
            american = set(unclear) <= {"CST", "CDT"} and bool(said & (abbreviations.AMERICAN | {"CDT"}))
            return DateFormat(
                f"{pattern} {abbreviations.DIRECTIVE}",
                share,
                has_time=True,
                has_zone=not unclear or american,
                ambiguous=_other(pattern, days, share),
                zone="America/Chicago" if unclear and american else None,
                unclear=unclear[0] if unclear and not american else None,
            )
    return None


def _reads(pattern: str, text: str) -> bool:
    try:
        return datetime.strptime(text, pattern).year in _YEARS  # noqa: DTZ007  only whether it reads
    except ValueError:
        return False


def _name(pattern: str) -> str:
    return next((name for name, patterns in _NAMED.items() if pattern in patterns), pattern)


def _other(pattern: str, real: list[str], share: float) -> str | None:
    """The same with day and month swapped, if that reads as many values."""
    swapped = _SWAPPED.get(pattern[:6])
    if not swapped or pattern.startswith("%d.%m."):
        return None
    other = swapped + pattern[6:]
    return _name(other) if _share(real, lambda text: _reads(other, text)) >= share else None
