"""The figures of a tenant's page, read from the tables that the SQL models made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb

from pipe.errors import ConfigurationError
from transforms.models.runner import open_warehouse

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal
    from pathlib import Path

MONTHS = 24
"""Newest months shown."""
TOP = 10
"""Customers in the list of the best."""

FREQUENCIES = ((1, "1"), (2, "2"), (3, "3"), (4, "4 to 5"), (6, "6 to 9"), (10, "10 or more"))
"""Fewest purchases of a class, and its label."""
RECENCIES = (
    (0, "30 days or less"),
    (31, "1 to 3 months"),
    (91, "3 to 6 months"),
    (181, "6 to 12 months"),
    (366, "over a year"),
)
"""Fewest days since the last purchase of a class, and its label."""


@dataclass(frozen=True)
class Customer:
    """One of the best customers."""

    person_id: str
    orders: int
    revenue: Decimal
    first_purchase: date
    last_purchase: date
    sources: int


@dataclass(frozen=True)
class Figures:
    """Everything the page shows."""

    people: int
    """All people known, also those who never bought."""
    buyers: int
    repeat_buyers: int
    """People with purchases on two days or more."""
    purchases: int
    purchases_of_nobody: int
    revenue: Decimal
    currency: str
    start: date | None
    end: date | None
    """Last day observed."""
    grid: dict[tuple[int, int], tuple[int, Decimal]]
    """(place in `FREQUENCIES`, place in `RECENCIES`) -> people, their revenue."""
    months: dict[tuple[str, str], Decimal]
    """(month as YYYY-MM, connector) -> revenue; without the months before the newest `MONTHS`."""
    by_source_count: dict[int, int]
    """Number of sources -> people."""
    by_sources: dict[tuple[str, ...], int]
    """Connectors that know a person -> people, most people first."""
    top: list[Customer]

    @property
    def repeat_rate(self) -> float:
        """Share of the buyers who came back, 0 to 1."""
        return self.repeat_buyers / self.buyers if self.buyers else 0.0


def read(database: Path, schema: str) -> Figures:
    """The figures of the tenant whose tables are in `schema`.

    Raises:
        ConfigurationError: no such warehouse, or the models have not been run on it.
        RetriableError: another process has the warehouse open.
    """
    with open_warehouse(database, read_only=True) as connection:
        try:
            connection.execute(f"USE warehouse.{_quoted(schema)}")
            return _read(connection)
        except duckdb.CatalogException:
            raise ConfigurationError(
                f"schema '{schema}' of {database.name} lacks the tables of the models",
                remedy="Run the tenant, then growthnav models run TENANT",
            ) from None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _read(connection: duckdb.DuckDBPyConnection) -> Figures:
    connection.execute("""
        CREATE TEMP TABLE bought AS
        SELECT * FROM rfm_purchases
        WHERE day <= COALESCE((SELECT MAX(observation_end) FROM rfm_people), (SELECT MAX(day) FROM rfm_purchases))
    """)
    purchases, nobodys, revenue, start, last_day, currency = _row(
        connection,
        "SELECT COUNT(*), COUNT(*) FILTER (person_id IS NULL), COALESCE(SUM(value), 0), MIN(day), MAX(day),"
        " MAX(currency) FROM bought",
    )
    buyers, repeat_buyers, end = _row(
        connection,
        "SELECT COUNT(*), COUNT(*) FILTER (first_purchase < last_purchase), MAX(observation_end) FROM rfm_people",
    )
    (people,) = _row(connection, "SELECT COUNT(DISTINCT person_id) FROM person_sources")
    return Figures(
        people=people,
        buyers=buyers,
        repeat_buyers=repeat_buyers,
        purchases=purchases,
        purchases_of_nobody=nobodys,
        revenue=revenue,
        currency=currency or "USD",
        start=start,
        end=end or last_day,
        grid=_grid(connection),
        months=_months(connection),
        by_source_count=dict(
            connection.execute(
                "SELECT sources, COUNT(*) FROM (SELECT COUNT(*) AS sources FROM person_sources GROUP BY person_id)"
                " GROUP BY sources ORDER BY sources"
            ).fetchall()
        ),
        by_sources={tuple(sources): count for sources, count in connection.execute(_BY_SOURCES).fetchall()},
        top=[Customer(*row) for row in connection.execute(_TOP, {"limit": TOP}).fetchall()],
    )


_BY_SOURCES = """
SELECT sources, COUNT(*) AS people
FROM (SELECT list(connector ORDER BY connector) AS sources FROM person_sources GROUP BY person_id)
GROUP BY sources
ORDER BY people DESC, sources
"""
_TOP = """
SELECT person_id, orders, revenue, first_purchase, last_purchase,
  (SELECT COUNT(*) FROM person_sources s WHERE s.person_id = p.person_id)
FROM rfm_people p
ORDER BY revenue DESC, person_id
LIMIT $limit
"""
_GRID = """
SELECT
  len(list_filter($frequencies, lambda least: orders >= least)) - 1 AS frequency,
  len(list_filter($recencies, lambda least: DATE_DIFF('day', last_purchase, observation_end) >= least)) - 1 AS recency,
  COUNT(*), SUM(revenue)
FROM rfm_people
GROUP BY ALL
"""
_MONTHLY = """
SELECT strftime(day, '%Y-%m') AS month, connector, SUM(value)
FROM bought
WHERE day >= (SELECT date_trunc('month', MAX(day)) FROM bought) - to_months($months - 1)
GROUP BY ALL
ORDER BY ALL
"""


def _grid(connection: duckdb.DuckDBPyConnection) -> dict[tuple[int, int], tuple[int, Decimal]]:
    classes = {"frequencies": [least for least, _ in FREQUENCIES], "recencies": [least for least, _ in RECENCIES]}
    rows = connection.execute(_GRID, classes).fetchall()
    return {(frequency, recency): (people, revenue) for frequency, recency, people, revenue in rows}


def _months(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], Decimal]:
    rows = connection.execute(_MONTHLY, {"months": MONTHS}).fetchall()
    return {(month, connector): revenue for month, connector, revenue in rows}


def _row(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = connection.execute(query).fetchone()
    assert row is not None  # noqa: S101  an aggregate without GROUP BY has one row
    return row
