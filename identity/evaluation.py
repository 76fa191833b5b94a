"""Link a file whose truth is known, and say how good the people are. Any file will do: its columns are guessed."""

from __future__ import annotations

import re
import resource
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from identity.evaluate import Quality, evaluate
from identity.linking import FIELDS, LinkSettings, Report, link
from identity.linking.columns import guess, guess_id
from pipe.columnar import fetch, literal, quoted
from pipe.errors import ConfigurationError, DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

SWEEP: Final = (0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 0.95, 0.99)
"""Match probabilities at which the clusters are judged beside the one in use."""

_NUMBERED = r"^rec-(\d+)-(?:org|dup-\d+)$"
"""How the FEBRL sets write the person into the record's id."""

_ONE_A_PERSON = ("loyalty_id", "customer_id")


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What came out."""

    quality: Quality
    largest_cluster: int
    seconds: float
    """Wall clock, from the table in memory to the clusters."""
    peak_mb: float
    """The most memory that this process ever held."""
    columns: dict[str, str]
    """Column -> field of the person model."""
    report: Report
    sweep: list[tuple[float, Quality]]
    """Threshold and quality."""
    clusters: pa.Table

    def figures(self) -> dict[str, float]:
        """The figures of the command's JSON."""
        return {
            "f1": self.quality.f1,
            "precision": self.quality.precision,
            "recall": self.quality.recall,
            "bcubed_f1": self.quality.bcubed_f1,
            "largest_cluster": self.largest_cluster,
            "records": self.quality.records,
            "seconds": self.seconds,
            "peak_mb": self.peak_mb,
        }


def evaluate_files(
    paths: Sequence[Path],
    truth: str,
    *,
    record_id: str | None = None,
    columns: Mapping[str, str] | None = None,
    settings: LinkSettings | None = None,
    sweep: bool = True,
) -> Evaluation:
    """Link the records of `paths` (CSV or Parquet) and compare with the column `truth`.

    Args:
        paths: read as one file.
        truth: names the true person; where it is an id such as `rec-7-dup-0`, the number in it is taken.
        record_id: names the record; by default a column called so, else records are numbered.
        columns: column -> field, where the guess is wrong.
        settings: the shipped ones when left out.
        sweep: whether to judge other thresholds, too.

    Raises:
        ConfigurationError: a file cannot be read, or a column or field is not there.
        DataError: the record ids are not unique, or there is no record.
    """
    table = read(paths)
    chosen = _chosen(table, truth, record_id, columns or {})
    ids, people = _ids(table, record_id, truth), _people(table.column(truth))
    fields = {field: table.column(column) for column, field in chosen.items()}
    start = time.perf_counter()
    linked = link(pa.table({"record_id": ids, **fields}), settings=settings or LinkSettings())
    seconds = time.perf_counter() - start
    # Clusters come ordered by record id, and so must the truth.
    true = people.take(pc.sort_indices(ids))
    labels = linked.clusters.column("cluster").to_numpy()
    return Evaluation(
        quality=_quality(labels, true),
        largest_cluster=linked.report.largest_cluster,
        seconds=round(seconds, 3),
        peak_mb=round(_peak_bytes() / 2**20, 1),
        columns=chosen,
        report=linked.report,
        sweep=[(one, _quality(linked.at(one), true)) for one in SWEEP] if linked.at and sweep else [],
        clusters=linked.clusters,
    )


def read(paths: Sequence[Path]) -> pa.Table:
    """The rows of all `paths`, every column as text, names without blanks around them.

    Raises:
        ConfigurationError: a file cannot be read.
        DataError: there is no row.
    """
    tables = []
    with duckdb.connect() as db:
        for path in paths:
            kind = (
                "read_parquet({})" if path.suffix == ".parquet" else "read_csv({}, all_varchar = true, header = true)"
            )
            try:
                source = kind.format(literal(str(path)))
                described = db.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()  # noqa: S608
                tables.append(fetch(db, f"SELECT {', '.join(_text(*one[:2]) for one in described)} FROM {source}"))  # noqa: S608
            except (duckdb.Error, OSError):
                raise ConfigurationError(
                    f"the file {path.name} cannot be read", remedy="Give a CSV file with a header, or a Parquet file"
                ) from None
    table = pa.concat_tables(tables, promote_options="default")
    if not len(table):
        raise DataError("there is no record in the file", remedy="Give a file with rows")
    return table


def _text(name: str, kind: str) -> str:
    """SQL for a column as text; whole numbers that came as floating ones without their point."""
    column = quoted(name)
    text = f"{column}::VARCHAR"
    if kind in {"DOUBLE", "FLOAT"}:
        text = f"CASE WHEN {column} = floor({column}) THEN {column}::HUGEINT::VARCHAR ELSE {text} END"
    return f"trim({text}) AS {quoted(name.strip())}"


def _chosen(table: pa.Table, truth: str, record_id: str | None, columns: Mapping[str, str]) -> dict[str, str]:
    """Column -> field: as given, the rest guessed."""
    missing = [name for name in (truth, *filter(None, [record_id]), *columns) if name not in table.column_names]
    unknown = [field for field in columns.values() if field not in FIELDS]
    if missing or unknown:
        parts = [f"there is no column {', '.join(missing)}"] if missing else []
        parts += [f"there is no field {', '.join(unknown)}"] if unknown else []
        remedy = f"Columns are {', '.join(table.column_names)}; fields are {', '.join(FIELDS)}"
        raise ConfigurationError("; ".join(parts), remedy=remedy)
    if len(set(columns.values())) < len(columns):
        raise ConfigurationError("two columns are mapped to one field", remedy="Map each field once")
    named = record_id or guess_id(table.column_names)
    rest = [name for name in table.column_names if name not in {truth, named, *columns}]
    guessed = guess(rest, columns.values())
    useless = [
        column for column, field in guessed.items() if field in _ONE_A_PERSON and _is_unique(table.column(column))
    ]
    return {**columns, **{column: field for column, field in guessed.items() if column not in useless}}


def _is_unique(column: pa.ChunkedArray) -> bool:
    """Whether no value comes twice: then it names records, not people."""
    filled = column.drop_null()
    return len(filled.unique()) == len(filled)


def _ids(table: pa.Table, record_id: str | None, truth: str) -> pa.ChunkedArray:
    if record_id:
        return table.column(record_id)
    name = guess_id([name for name in table.column_names if name != truth])
    if name and _is_unique(table.column(name)) and not table.column(name).null_count:
        return table.column(name)
    return pa.chunked_array([pa.array([f"{number:09}" for number in range(len(table))])])


def _people(truth: pa.ChunkedArray) -> pa.ChunkedArray:
    sample = truth.drop_null().slice(0, 100).to_pylist()
    if sample and all(re.match(_NUMBERED, one) for one in sample):
        return pc.replace_substring_regex(truth, _NUMBERED, r"\1")
    return truth


def _quality(labels: NDArray[np.int64], true: Any) -> Quality:
    codes = np.asarray(pc.fill_null(true.combine_chunks().dictionary_encode().indices, -1))
    # A record without a truth is a person of its own.
    codes = np.where(codes < 0, -1 - np.arange(len(codes)), codes)
    return evaluate(zip(labels.tolist(), codes.tolist(), strict=True))


def _peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
