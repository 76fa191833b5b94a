"""Abbreviations of time zones (`EST`, `CEST`): those that mean one offset, and those that only a zone makes clear.

Abbreviations are no standard. The table holds those that the tz database and RFC 5322 use for one zone in use today.
`CST` is America's, China's or Cuba's, `IST` India's, Israel's or Ireland's: they are read where the declared zone is
one that calls its own time so, and refused elsewhere.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import tzinfo

_HOURS = {
    **dict.fromkeys(("UTC", "GMT", "WET"), 0.0),
    **dict.fromkeys(("CET", "MEZ", "BST", "WEST"), 1.0),
    **dict.fromkeys(("CEST", "MESZ", "EET"), 2.0),
    **dict.fromkeys(("EEST", "MSK"), 3.0),
    **dict.fromkeys(("HKT", "AWST"), 8.0),
    **dict.fromkeys(("JST", "KST"), 9.0),
    "ACST": 9.5,
    "AEST": 10.0,
    "ACDT": 10.5,
    "AEDT": 11.0,
    "NZST": 12.0,
    "NZDT": 13.0,
    "EDT": -4.0,
    "EST": -5.0,
    "MDT": -6.0,
    **dict.fromkeys(("MST", "PDT"), -7.0),
    **dict.fromkeys(("PST", "AKDT"), -8.0),
    "AKST": -9.0,
    "HST": -10.0,
}
FIXED = {name: timedelta(hours=hours) for name, hours in _HOURS.items()}
"""Abbreviation -> offset from UTC, where it has one meaning."""

AMERICAN = frozenset({"EST", "EDT", "MST", "MDT", "PST", "PDT", "AKST", "AKDT", "HST"})
"""Beside one of these, `CST` is Chicago's."""

_CENTRAL = {"CST": timedelta(hours=-6), "CDT": timedelta(hours=-5)}
_YEARS = range(1970, 2051)
DIRECTIVE = "%Z"
_WORD = re.compile(r"\(?(?<![A-Za-z])([A-Z]{2,5})(?![A-Za-z])\)?")
_NO_ZONES = frozenset("AM PM JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC MON TUE WED THU FRI SAT SUN".split())  # noqa: SIM905


def parted(text: str) -> tuple[str, str] | None:
    """(the text without its abbreviation, the abbreviation); None when there is none, or more than one."""
    found = [match for match in _WORD.finditer(text) if match[1] not in _NO_ZONES]
    if len(found) != 1:
        return None
    return f"{text[: found[0].start()].rstrip()} {text[found[0].end() :].lstrip()}".strip(), found[0][1]


def bare(pattern: str) -> str:
    """A strptime pattern without `%Z`, as `parted` leaves the text."""
    before, _, after = pattern.partition(DIRECTIVE)
    return f"{before.rstrip()} {after.lstrip()}".strip()


def offset(abbreviation: str, local: tzinfo, year: int) -> timezone | None:
    """What an abbreviation means beside the declared zone; None when that is not clear."""
    own = _names(local, year).get(abbreviation)
    if own is None:
        own = FIXED.get(abbreviation)
    if own is None and AMERICAN & _names(local, year).keys():
        own = _CENTRAL.get(abbreviation)
    return None if own is None else timezone(own)


@cache
def always(local: tzinfo) -> dict[str, timedelta]:
    """Abbreviations that mean one offset beside the declared zone, whatever the year: not `PST` in Manila."""
    own = [item for year in _YEARS for item in _names(local, year).items()]
    return {name: known for name, known in FIXED.items() if all(known == its for other, its in own if other == name)}


@cache
def _names(local: tzinfo, year: int) -> dict[str, timedelta]:
    """What a zone calls its own time in winter and in summer of a year."""
    if local is UTC:
        return {}
    found: dict[str, timedelta] = {}
    for month in (1, 7):
        moment = datetime(year, month, 1, tzinfo=local)
        name, difference = moment.tzname(), moment.utcoffset()
        if name and difference is not None and name.isalpha():
            found[name] = difference
    return found
