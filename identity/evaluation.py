"""Link a file whose truth is known, and say how good the people are. Any file will do: its columns are guessed."""

from __future__ import annotations

import re
import resource
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from identity.evaluate import Quality, evaluate
from identity.linking import FIELDS, LinkSettings, Report, link
from identity.linking.columns import VALUES, birth_parts, guess, guess_id
from identity.reading import read
from pipe.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

SWEEP: Final = (0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 0.95, 0.99)
"""Match probabilities at which the clusters are judged beside the one in use."""

_NUMBERED = r"^rec-(\d+)-(?:org|dup-\d+)$"
"""How the FEBRL sets write the person into the record's id."""

SAMPLE: Final = 1000
"""Different values of a column that are looked at."""

FITTING: Final = 0.1
"""Least share of them that must look like the field's; the others may be placeholders."""

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
        paths: read as one; their columns may have other names in each.
        truth: names the true person; where it is an id such as `rec-7-dup-0`, the number in it is taken.
        record_id: names the record; by default a column called so, else records are numbered.
        columns: column -> field, where the guess is wrong.
        settings: the shipped ones when left out.
        sweep: whether to judge other thresholds, too.

    Raises:
        ConfigurationError: a file cannot be read, or a column or field is not there.
        DataError: the record ids are not unique, or there is no record.
    """
    tables = [read(path) for path in paths]
    _check(columns or {}, tables)
    # Each file calls its columns as it likes.
    found = [
        _fields_of(table, path, truth, record_id, columns or {}) for path, table in zip(paths, tables, strict=True)
    ]
    chosen = {column: field for _, one in found for column, field in one.items()}
    fields = _together(paths, [one for one, _ in found])
    guessed = set(_ONE_A_PERSON) & set(fields.column_names) - set((columns or {}).values())
    useless = [field for field in guessed if _is_unique(fields.column(field))]
    chosen = {column: field for column, field in chosen.items() if field not in useless}
    table = pa.concat_tables(tables, promote_options="default")
    ids, people = _ids(table, record_id, truth), _people(table.column(truth))
    start = time.perf_counter()
    linked = link(fields.drop_columns(useless).append_column("record_id", ids), settings=settings or LinkSettings())
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


def _check(columns: Mapping[str, str], tables: Iterable[pa.Table]) -> None:
    """Whether what a user wrote about columns can be."""
    names = list(dict.fromkeys(name for table in tables for name in table.column_names))
    missing = [name for name in columns if name not in names]
    unknown = [field for field in columns.values() if field not in FIELDS]
    if missing or unknown:
        parts = [f"there is no column {', '.join(missing)}"] if missing else []
        parts += [f"there is no field {', '.join(unknown)}"] if unknown else []
        remedy = f"Columns are {', '.join(names)}; fields are {', '.join(FIELDS)}"
        raise ConfigurationError("; ".join(parts), remedy=remedy)


def _together(paths: Sequence[Path], tables: Sequence[pa.Table]) -> pa.Table:
    """The records of all files. Ids of a customer count within one source: a file that names none is one itself."""
    if len(tables) > 1:
        tables = [
            table
            if "source" in table.column_names
            else table.append_column("source", pa.array([path.stem] * len(table), pa.string()))
            for path, table in zip(paths, tables, strict=True)
        ]
    return pa.concat_tables(tables, promote_options="default")


def _fields_of(
    table: pa.Table, path: Path, truth: str, record_id: str | None, columns: Mapping[str, str]
) -> tuple[pa.Table, dict[str, str]]:
    """The fields of one file, and column -> field: as given, the rest guessed."""
    missing = [name for name in (truth, *filter(None, [record_id])) if name not in table.column_names]
    if missing:
        remedy = f"Columns are {', '.join(table.column_names)}"
        raise ConfigurationError(f"there is no column {', '.join(missing)} in {path.name}", remedy=remedy)
    given = {column: field for column, field in columns.items() if column in table.column_names}
    if len(set(given.values())) < len(given):
        raise ConfigurationError("two columns are mapped to one field", remedy="Map each field once")
    named = record_id or guess_id(table.column_names)
    rest = [name for name in table.column_names if name not in {truth, named, *given}]
    parts = birth_parts(rest) if "birth_date" not in given.values() else []
    if parts:
        joined = pc.binary_join_element_wise(*(table.column(name) for name in parts), "-")
        table = table.append_column(whole := " + ".join(parts), joined)
        given, rest = {**given, whole: "birth_date"}, [name for name in rest if name not in parts]
    chosen = {**given, **guess(rest, given.values(), fits=lambda column, field: _fits(table.column(column), field))}
    if not chosen:
        raise ConfigurationError(
            f"no column of {path.name} is recognised as one about a person",
            remedy=f"Say what they are with --map COLUMN=FIELD; fields are {', '.join(FIELDS)}",
        )
    return pa.table({field: table.column(column) for column, field in chosen.items()}), chosen


def _fits(column: pa.ChunkedArray, field: str) -> bool:
    """Whether some of the values look like those of the field; an empty column does no harm."""
    values = column.drop_null().unique().slice(0, SAMPLE)
    if field not in VALUES or not len(values):
        return True
    like = pc.match_substring_regex(values, VALUES[field], ignore_case=True)
    return bool(pc.sum(like).as_py() >= FITTING * len(values))


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
