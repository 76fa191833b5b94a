"""How well the resolved people of a warehouse agree with the truth the generator kept aside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from identity.evaluate import Quality, evaluate
from pipe.columnar import quoted
from pipe.errors import ConfigurationError
from pipe.streams import IDENTITY_MAP, IDENTITY_MERGES

if TYPE_CHECKING:
    from pathlib import Path

_LANDED = """
WITH RECURSIVE landed AS (
  SELECT source_stream, transaction_id AS source_id, conversion_id AS record_id, global_customer_id
  FROM {schema}.conversions
  UNION ALL
  SELECT source_stream, source_record_id, profile_id, global_customer_id FROM {schema}.customer_profiles
)
"""
_IN_PIPE = (
    _LANDED  # noqa: S608
    + """
, certain AS (
  SELECT from_id, to_id FROM {merges} WHERE event = 'merge' AND rule = 'deterministic'
    AND effective_at <= COALESCE((SELECT MIN(valid_from) FROM {map} WHERE LENGTH(source_key) = 32),
      'infinity')
), steps AS (
  SELECT DISTINCT from_id AS person_id, from_id AS current_id FROM certain
  UNION ALL
  SELECT steps.person_id, certain.to_id FROM steps JOIN certain ON certain.from_id = steps.current_id
), became AS (
  SELECT person_id, current_id FROM steps WHERE NOT current_id IN (SELECT from_id FROM certain)
)
SELECT COALESCE(b.current_id, l.global_customer_id), t.person
FROM read_csv($truth, header = true, all_varchar = true) t
LEFT JOIN landed l USING (source_stream, source_id)
LEFT JOIN became b ON b.person_id = l.global_customer_id
"""
)
_RECONCILED = (
    _LANDED
    + """
SELECT COALESCE(c.current_id, m.global_customer_id, l.global_customer_id), t.person
FROM read_csv($truth, header = true, all_varchar = true) t
LEFT JOIN landed l USING (source_stream, source_id)
LEFT JOIN {map} m ON m.source_key = l.record_id AND m.valid_to IS NULL
LEFT JOIN {schema}.person_current c ON c.person_id = COALESCE(m.global_customer_id, l.global_customer_id)
"""
)


@dataclass(frozen=True)
class Score:
    """Agreement with the truth; a record without a person is one person of its own."""

    quality: Quality
    without_person: int
    """Records that carry no usable identifier, such as a sale in cash."""

    @property
    def found_people(self) -> int:
        """People that were found."""
        return self.quality.predicted_people - self.without_person


def score(database: Path, schema: str, truth: Path, *, reconciled: bool = True) -> Score:
    """Compare the people of a tenant's warehouse with the file of true people.

    Needs the model table `person_current` (see `transforms.models`). A record of the truth that never reached the
    warehouse counts as a record without a person. With `reconciled` false the people are those the pipe found.

    Raises:
        ConfigurationError: warehouse, table or truth is missing.
    """
    for path in (database, truth):
        if not path.is_file():
            raise ConfigurationError(f"{path.name} does not exist", remedy="Run the tenant's demo first")
    query = _RECONCILED if reconciled else _IN_PIPE
    try:
        with duckdb.connect(str(database), read_only=True) as connection:
            pairs = connection.execute(query.format(**_tables(connection, schema)), {"truth": str(truth)}).fetchall()
    except duckdb.CatalogException:
        raise ConfigurationError(
            f"schema '{schema}' has not all of conversions, customer_profiles and person_current",
            remedy="Run the tenant and its models first",
        ) from None
    labels = [(found or number, true) for number, (found, true) in enumerate(pairs)]
    return Score(evaluate(labels), sum(found is None for found, _ in pairs))


def _tables(connection: duckdb.DuckDBPyConnection, schema: str) -> dict[str, str]:
    """Where things are; a stream that has sent nothing yet is empty."""
    found = {"schema": quoted(schema)}
    for name, stream in (("map", IDENTITY_MAP), ("merges", IDENTITY_MERGES)):
        there = connection.execute(
            "SELECT 1 FROM duckdb_tables() WHERE schema_name = ? AND table_name = ?", [schema, stream.name]
        ).fetchall()
        columns = ", ".join(f"NULL::{kind} AS {quoted(column)}" for column, kind in stream.duckdb_columns().items())
        nothing = f"(SELECT {columns} LIMIT 0)"
        found[name] = f"{quoted(schema)}.{stream.name}" if there else nothing
    return found
