"""What the values alone suggest, for columns whose names say nothing (`col_7`) or something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from discovery import opaque
from discovery.evidence import MOST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from discovery.evidence import Evidence

Guesses = dict[str, tuple[float, str]]
"""Canonical field -> (how sure, why)."""

NAMED_OTHERWISE = 2.5
"""Log-odds that a guess loses where the column has a telling name."""

_CERTAIN = (
    ("email", "email", 0.78, "its values are e-mail addresses"),
    ("currency", "currency", 0.93, "its values are ISO 4217 codes"),
    ("international_phone", "phone", 0.78, "its values are telephone numbers"),
    ("gclid", "gclid", 0.9, "its values begin and end like Google click ids"),
    ("fbclid", "fbclid", 0.9, "its values begin like Meta click ids"),
    ("ttclid", "ttclid", 0.9, "its values begin like TikTok click ids"),
    ("cookie", "cookie_id", 0.8, "its values are analytics cookies"),
    ("status", "status", 0.78, "its values are statuses"),
    ("channel", "channel", 0.72, "its values are channels of sale"),
    ("medium", "utm_medium", 0.7, "its values are media of campaigns"),
    ("source", "utm_source", 0.65, "its values are sources of traffic"),
    ("country", "country", 0.85, "its values are countries"),
    ("card_brand", "none", 0.95, "its values are card brands"),
    ("method", "none", 0.9, "its values are means of payment"),
    ("us_state", "region", 0.7, "its values are states"),
)
"""(pattern, field, how sure, why), the most telling first."""

_NOTHING_KINDS = {"json": 0.97, "url": 0.95, "boolean": 0.95, "ip": 0.95, "empty": 0.8}


def by_values(columns: Sequence[Evidence], role: str) -> list[Guesses]:
    """For each column what its values, and those of its neighbours, suggest."""
    found = [_alone(column, role) for column in columns]
    blank = [index for index, column in enumerate(columns) if column.name.blank]
    if len(blank) * 2 > len(columns):
        opaque.fill(columns, blank, found, role)
    return found


def _alone(seen: Evidence, role: str) -> Guesses:  # noqa: PLR0911  one case a line
    if seen.kind in _NOTHING_KINDS:
        return {"none": (_NOTHING_KINDS[seen.kind], f"its values are {seen.kind}")}
    for pattern, target, score, why in _CERTAIN:
        if seen.share(pattern) >= MOST:
            return {target: (score, why)}
    if seen.share("fulfilment") >= MOST:
        why = "its values are states of a delivery"
        return {"status": (0.65, why), "fulfilment_status": (0.6, why)}
    if seen.dates and (not seen.dates.weak or seen.name.blank):
        sure = 0.7 if role not in {"customer", "product", "location"} else 0.3
        missing = seen.profile.null_fraction or 0
        return {"timestamp": (sure - 0.3 * missing, f"its values are times ({seen.dates.format})")}
    if seen.kind == "clock":
        return {"timestamp": (0.65, "its values are times of day")}
    if seen.share("first_name") >= 0.6:
        return {"first_name": (0.75, "its values are first names")}
    return {}
