"""How well the resolved people of a warehouse agree with the truth the generator kept aside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from pipe.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

_SQL = """
WITH truth AS (
  SELECT source_stream, source_id, person
  FROM read_csv($truth, header = true, all_varchar = true)
), landed AS (
  SELECT source_stream, transaction_id AS source_id, global_customer_id FROM {schema}.conversions
  UNION ALL
  SELECT source_stream, source_record_id, global_customer_id FROM {schema}.customer_profiles
), records AS (
  SELECT t.person AS true_person, COALESCE(c.current_id, l.global_customer_id) AS found_person
  FROM truth t
  LEFT JOIN landed l USING (source_stream, source_id)
  LEFT JOIN {schema}.person_current c ON c.person_id = l.global_customer_id
), groups AS (
  SELECT true_person, found_person, COUNT(*)::HUGEINT AS n,
    GROUPING(true_person) AS any_true, GROUPING(found_person) AS any_found, found_person IS NULL AS nobody
  FROM records
  GROUP BY GROUPING SETS ((true_person, found_person), (true_person), (found_person))
)
SELECT
  (SELECT COUNT(*) FROM records),
  (SELECT COUNT(*) FROM records WHERE found_person IS NULL),
  (SELECT COUNT(DISTINCT true_person) FROM records),
  (SELECT COUNT(DISTINCT found_person) FROM records),
  SUM(n * (n - 1) // 2) FILTER (any_found = 1),
  SUM(n * (n - 1) // 2) FILTER (any_true = 1 AND NOT nobody),
  SUM(n * (n - 1) // 2) FILTER (any_true = 0 AND any_found = 0 AND NOT nobody)
FROM groups
"""


@dataclass(frozen=True)
class Score:
    """Pairwise agreement: of all pairs of records, which are one person's, and which were found to be."""

    records: int
    without_person: int
    """Records that carry no usable identifier, such as a sale in cash."""
    true_people: int
    found_people: int
    true_pairs: int
    found_pairs: int
    shared_pairs: int

    @property
    def precision(self) -> float:
        """Share of the found pairs that are true."""
        return self.shared_pairs / self.found_pairs if self.found_pairs else 1.0

    @property
    def recall(self) -> float:
        """Share of the true pairs that were found; records without any identifier count as missed."""
        return self.shared_pairs / self.true_pairs if self.true_pairs else 1.0


def score(database: Path, schema: str, truth: Path) -> Score:
    """Compare the people of a tenant's warehouse with the file of true people.

    Needs the model table `person_current` (see `transforms.models`). A record of the truth that never reached the
    warehouse counts as a record without a person.

    Raises:
        ConfigurationError: warehouse, table or truth is missing.
    """
    for path in (database, truth):
        if not path.is_file():
            raise ConfigurationError(f"{path.name} does not exist", remedy="Run the tenant's demo first")
    try:
        with duckdb.connect(str(database), read_only=True) as connection:
            row = connection.execute(_SQL.format(schema=f'"{schema}"'), {"truth": str(truth)}).fetchone()
    except duckdb.CatalogException:
        raise ConfigurationError(
            f"schema '{schema}' has not all of conversions, customer_profiles and person_current",
            remedy="Run the tenant and its models first",
        ) from None
    return Score(*(int(number or 0) for number in row or ()))
