"""Times as RFC 3339 UTC with six decimals (`2024-05-01T09:30:00.000000Z`), from whatever a source sends.

Text in that one form sorts as time does. A time without an offset is read in the zone its preset declares; where the
clock was turned back, the earlier of the two possible instants is meant. MySQL's zero date means "no date".
"""

from __future__ import annotations

import email.utils
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipe import abbreviations
from pipe.errors import ConfigurationError, SkippableError

Instant = Callable[[Any], "str | None"]

_WITHOUT_OFFSET = len("2024-05-01T09:30:00.000000")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICKS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}  # microseconds a unit
NAMED = {
    "us": ("%m/%d/%Y", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %I:%M %p", "%m/%d/%Y %I:%M:%S %p"),
    "german": ("%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S"),
}
"""Named formats -> the strptime patterns that each stands for."""

FORMATS = ("iso", "rfc2822", "yyyymmdd", *_TICKS, *NAMED)
"""Named formats; anything holding a % is taken as a strptime pattern, in which %Z is an abbreviation (see
`pipe.abbreviations`)."""


def zone(name: str) -> tzinfo:
    """The time zone of that IANA name.

    Raises:
        ConfigurationError: no such zone.
    """
    if name.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, IsADirectoryError):
        raise ConfigurationError(
            f"'{name}' is not a time zone", remedy="Use an IANA name such as America/Chicago or UTC"
        ) from None


def time_parser(form: str = "iso", zone_name: str = "UTC") -> Instant:
    """A function value -> canonical text, or None for no time.

    Args:
        form: one of `FORMATS`, or a strptime pattern.
        zone_name: IANA zone of values without an offset of their own.

    Raises:
        ConfigurationError: unknown format or zone.

    The returned function raises `SkippableError` (rule `timestamp`) for what is no time.
    """
    local = zone(zone_name)
    if form in _TICKS:
        return _epoch_parser(_TICKS[form])
    if form == "iso":
        return _iso_parser(local)
    if form == "rfc2822":
        return _text_parser(email.utils.parsedate_to_datetime, local)
    if abbreviations.DIRECTIVE in form:
        return _text_parser(_abbreviated_parser(form, local), local)
    if form == "yyyymmdd" or form in NAMED or "%" in form:
        return _text_parser(_pattern_parser(form), local)
    raise ConfigurationError(
        f"'{form}' is not a time format", remedy=f"Use one of {', '.join(FORMATS)}, or a strptime pattern"
    )


def date_parser(form: str = "iso") -> Instant:
    """A function value -> `YYYY-MM-DD`, or None; the value's own calendar day, whatever its zone.

    The returned function raises `SkippableError` (rule `date`).
    """
    by_pattern = None if form == "iso" else _pattern_parser(form)

    def parse(value: Any) -> str | None:
        text = _written(value)
        if text is None:
            return None
        try:
            if by_pattern is None:
                return date.fromisoformat(text[:10] if text[4:5] == "-" else text).isoformat()
            return by_pattern(text).date().isoformat()
        except ValueError:
            raise SkippableError("is not a date", rule="date") from None

    return parse


def to_text(moment: datetime) -> str:
    """Canonical text of an aware datetime."""
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        raise SkippableError("is not a time within the years 1 to 9999", rule="timestamp") from None
    return moment.isoformat(timespec="microseconds")[:_WITHOUT_OFFSET] + "Z"


def now_text() -> str:
    """This moment, as canonical text."""
    return to_text(datetime.now(UTC))


def _written(value: Any) -> str | None:
    """The value as trimmed text; None for no value."""
    text = "" if value is None else str(value).strip()
    return None if _is_empty(text) else text


def _is_empty(text: str) -> bool:
    return not text or text.startswith("0000-00-00")


def _iso_parser(local: tzinfo) -> Instant:
    parse = datetime.fromisoformat

    def iso(value: Any) -> str | None:
        if value is None:
            return None
        try:
            moment = parse(value)
        except (ValueError, TypeError):
            odd = _iso_slowly(value)
            if odd is None:
                return None
            moment = odd
            value = ""  # its digits may not stand where they usually do
        offset = moment.tzinfo
        if offset is None:
            offset = local
            moment = moment.replace(tzinfo=local)
        if offset is UTC and value[16:17] == ":" and value[7] == "-" and not moment.microsecond:
            return f"{value[:10]}T{value[11:19]}.000000Z"  # a third of the cost of formatting it anew
        return to_text(moment)

    return iso


def _iso_slowly(value: Any) -> datetime | None:
    """Forms that `datetime.fromisoformat` does not take as they are: blanks, lower case, ` UTC`, zero dates."""
    if not isinstance(value, str):
        raise SkippableError("is not an ISO 8601 time", rule="timestamp")
    text = value.strip().upper()
    if _is_empty(text):
        return None
    for written, meant in ((" UTC", "Z"), (" GMT", "Z"), (" Z", "Z"), (" +", "+"), (" -", "-")):
        text = text.replace(written, meant)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise SkippableError("is not an ISO 8601 time", rule="timestamp") from None


def _epoch_parser(microseconds: int) -> Instant:
    def epoch(value: Any) -> str | None:
        if value is None or value == "":
            return None
        try:
            if isinstance(value, bool):
                raise SkippableError("is not a number of seconds since 1970", rule="timestamp")
            ticks = int(Decimal(str(value).strip()) * microseconds)
            return to_text(_EPOCH + timedelta(microseconds=ticks))
        except (InvalidOperation, OverflowError, ValueError):
            raise SkippableError("is not a number of seconds since 1970", rule="timestamp") from None

    return epoch


def _text_parser(parse: Callable[[str], datetime], local: tzinfo) -> Instant:
    def text_time(value: Any) -> str | None:
        text = _written(value)
        if text is None:
            return None
        try:
            moment = parse(text)
        except (ValueError, TypeError, IndexError):
            raise SkippableError("does not have the declared time format", rule="timestamp") from None
        return to_text(moment if moment.tzinfo else moment.replace(tzinfo=local))

    return text_time


def _pattern_parser(form: str) -> Callable[[str], datetime]:
    if form == "yyyymmdd":
        return _digits
    if abbreviations.DIRECTIVE in form:
        return _abbreviated_parser(form, None)
    patterns = NAMED.get(form, (form,))

    def parse(text: str) -> datetime:
        for pattern in patterns:
            try:
                return datetime.strptime(text, pattern)  # noqa: DTZ007  the caller knows the zone
            except ValueError:
                continue
        raise ValueError

    return parse


def _abbreviated_parser(form: str, local: tzinfo | None) -> Callable[[str], datetime]:
    """Times with the abbreviation of a zone; without `local` only their day is wanted, whatever the zone."""
    parse = _pattern_parser(abbreviations.bare(form))

    def abbreviated(text: str) -> datetime:
        parted = abbreviations.parted(text)
        if parted is None:
            raise ValueError
        moment = parse(parted[0])
        if local is None:
            return moment
        offset = abbreviations.offset(parted[1], local, moment.year)
        if offset is None:
            raise SkippableError("has an abbreviation that several time zones share, or none has", rule="timestamp")
        return moment.replace(tzinfo=offset)

    return abbreviated


def _digits(text: str) -> datetime:
    """YYYYMMDD, or YYYYMMDDHHMMSS; `strptime` would take fewer digits."""
    if not text.isdigit() or len(text) not in {8, 14}:
        raise ValueError
    return datetime.fromisoformat(f"{text[:8]}T{text[8:] or '000000'}")
