"""A look at what is in a tenant's warehouse: how much, from when to when, how complete. Counts only, no values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipe import times
from pipe.streams import CONVERSIONS, CUSTOMER_PROFILES, REJECTS
from plugins import warehouse

if TYPE_CHECKING:
    from plugins.project import Project
    from plugins.warehouse import Warehouse

LOOKED_AT = {
    CONVERSIONS.name: (
        "timestamp",
        "value",
        "currency",
        "user_id",
        "location_id",
        "product_name",
        "global_customer_id",
    ),
    CUSTOMER_PROFILES.name: ("email", "phone", "last_name", "postal_code", "global_customer_id"),
}
"""Columns whose completeness is told."""

_FIGURES = """MIN(t.timestamp), MAX(t.timestamp), COUNT(DISTINCT t.global_customer_id),
COALESCE(SUM(CASE WHEN t.value > 0 OR t.conversion_type <> 'purchase' THEN 0 ELSE 1 END), 0)"""


def report(project: Project, tenant: str) -> dict[str, Any]:
    """The figures, for JSON.

    `rows` by stream and connector; `filled` by stream and column as a share from 0 to 1; `first` and `last`
    conversion; `not_positive` purchases without a positive value; `people`; `rejects` by stream and rule.
    """
    place = warehouse.of_tenant(project, project.tenant(tenant))
    tables = place.tables()
    found: dict[str, Any] = {"customer_id": tenant, "rows": {}, "filled": {}, "rejects": {}}
    for stream, columns in LOOKED_AT.items():
        if stream in tables:
            _look(place, stream, columns, found)
    if CONVERSIONS.name in tables:
        found |= _conversions(place)
    if REJECTS.name in tables:
        table = f"{place.place}.{REJECTS.name}"
        sql = f"SELECT t.source_stream, t.rule, COUNT(*) FROM {table} AS t GROUP BY 1, 2 ORDER BY 1, 2"  # noqa: S608
        found["rejects"] = {f"{stream}: {rule}": count for stream, rule, count in place.query(sql)}
    return found


def text(found: dict[str, Any]) -> str:
    """The figures for people."""
    lines = [f"Data of {found['customer_id']}"]
    lines += [f"  {count:>10,} {name}" for name, count in found["rows"].items()]
    if found.get("first"):
        lines.append(f"  conversions from {found['first'][:10]} to {found['last'][:10]}")
        lines.append(f"  {found['people']:,} people · {found['not_positive']:,} purchases without a positive value")
    for stream, columns in found["filled"].items():
        lines.append(f"  {stream}: " + " · ".join(f"{name} {share:.0%}" for name, share in columns.items()))
    lines += [f"  rejected: {count:,} of {name}" for name, count in found["rejects"].items()] or ["  nothing rejected"]
    return "\n".join(lines)


def _look(place: Warehouse, stream: str, columns: tuple[str, ...], found: dict[str, Any]) -> None:
    counts = ", ".join(f"COUNT(t.{name})" for name in columns)
    sql = f"SELECT t.connector, COUNT(*), {counts} FROM {place.place}.{stream} AS t GROUP BY 1 ORDER BY 1"  # noqa: S608
    rows = place.query(sql)
    found["rows"] |= {f"{stream} of {connector}": count for connector, count, *_ in rows}
    total = sum(count for _, count, *_ in rows)
    if total:
        sums = [sum(row[index + 2] for row in rows) for index in range(len(columns))]
        found["filled"][stream] = {name: round(part / total, 4) for name, part in zip(columns, sums, strict=True)}


def _conversions(place: Warehouse) -> dict[str, Any]:
    sql = f"SELECT {_FIGURES} FROM {place.place}.{CONVERSIONS.name} AS t"  # noqa: S608
    ((first, last, people, not_positive),) = place.query(sql)
    return {
        "first": times.to_text(first) if first else None,
        "last": times.to_text(last) if last else None,
        "people": people,
        "not_positive": int(not_positive),
    }
