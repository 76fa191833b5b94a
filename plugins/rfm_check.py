"""Is the `rfm` model right? Its figures for the CDNOW customers, against published ones and against lifetimes."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from pipe.errors import ConfigurationError
from plugins.demo_data import cdnow
from transforms.models.queries import Parameters
from transforms.models.runner import build, open_warehouse

if TYPE_CHECKING:
    from pathlib import Path

FIGURES = ("frequency", "recency", "T", "monetary")
MONETARY_TOLERANCE = 1e-9
SUM_TOLERANCE = 1e-6
"""Of a sum over all customers: what rounding of doubles may add up to."""

PUBLISHED = {
    date(1997, 9, 30): (24_337, 1_129_644, 5_399_736, 336_714.2874382242),
    date(1998, 6, 30): (44_021, 3_178_932, 11_834_346, 414_282.3843972235),
}
"""End of observation -> sums of `FIGURES` over the 23,570 customers, as lifetimes 0.11.3 gives them for freq = 'D'."""

Summary = dict[str, tuple[float, ...]]
"""Customer -> values of `FIGURES`."""


@dataclass(frozen=True)
class Check:
    """One comparison."""

    horizon: date
    what: str
    expected: str
    found: str
    passed: bool


def check(database: Path, schema: str) -> list[Check]:
    """Compare the warehouse's CDNOW customers with the published sums and, if it is installed, with lifetimes.

    The tenant's own tables are only read: the models are computed beside them, in memory.

    Raises:
        ConfigurationError: no such warehouse, or it holds no CDNOW purchases.
        DataError, RetriableError: as `transforms.models.runner.run`.
    """
    checks = []
    oracle = lifetimes_summary if _lifetimes_is_here() else None
    for horizon, sums in PUBLISHED.items():
        found = warehouse_summary(database, schema, horizon)
        checks.append(_compare_counts(horizon, found))
        checks += [_compare_sums(horizon, found, index, value) for index, value in enumerate(sums)]
        if oracle:
            checks.append(_compare_customers(horizon, found, oracle(horizon)))
    return checks


def warehouse_summary(database: Path, schema: str, observation_end: date) -> Summary:
    """Every CDNOW customer's figures, computed by the model from the warehouse."""
    with open_warehouse(database, read_only=True) as connection:
        build(connection, "warehouse", schema, Parameters(observation_end), into=("memory", "main"))
        rows = connection.execute(
            'SELECT user_id, frequency, recency, "T", monetary FROM memory.main.rfm_users WHERE connector = $1',
            ["cdnow"],
        ).fetchall()
    if not rows:
        raise ConfigurationError(
            f"schema '{schema}' holds no purchases of the connector cdnow",
            remedy="Check the tenant that holds the CDNOW purchases, by default --tenant cdnow, and run it first",
        )
    return {user_id: tuple(figures) for user_id, *figures in rows}


def lifetimes_summary(observation_end: date) -> Summary:
    """Every CDNOW customer's figures, computed by lifetimes from the file itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an old package under a new pandas
        import pandas as pd
        from lifetimes.utils import summary_data_from_transaction_data

        # The package's own loader, lifetimes.datasets, needs pkg_resources, which new Pythons no longer bring.
        frame = pd.DataFrame(
            [(purchase.customer, purchase.day, float(purchase.value)) for purchase in cdnow.purchases()],
            columns=["customer", "day", "value"],
        )
        summary = summary_data_from_transaction_data(
            frame, "customer", "day", "value", observation_period_end=observation_end.isoformat()
        )
    ordered = summary[["frequency", "recency", "T", "monetary_value"]]
    return {str(row[0]): tuple(row[1:]) for row in ordered.itertuples()}


def _lifetimes_is_here() -> bool:
    from importlib.util import find_spec

    return find_spec("lifetimes") is not None and find_spec("pandas") is not None


def _compare_counts(horizon: date, found: Summary) -> Check:
    passed = len(found) == cdnow.CUSTOMERS
    return Check(horizon, "customers", f"{cdnow.CUSTOMERS:,}", f"{len(found):,}", passed)


def _compare_sums(horizon: date, found: Summary, index: int, expected: float) -> Check:
    total = sum(figures[index] for figures in found.values())
    form = ",.4f" if FIGURES[index] == "monetary" else ",.0f"
    passed = abs(total - expected) <= SUM_TOLERANCE
    return Check(horizon, f"sum of {FIGURES[index]}", format(expected, form), format(total, form), passed)


def _compare_customers(horizon: date, found: Summary, oracle: Summary) -> Check:
    equal = sum(customer in found and _equal(found[customer], figures) for customer, figures in oracle.items())
    passed = equal == len(oracle) == len(found)
    return Check(horizon, "customers as in lifetimes", f"{len(oracle):,}", f"{equal:,}", passed)


def _equal(ours: tuple[float, ...], theirs: tuple[float, ...]) -> bool:
    return ours[:3] == theirs[:3] and abs(ours[3] - theirs[3]) <= MONETARY_TOLERANCE
