"""Files of records, of whatever make: every column as text."""

from __future__ import annotations

import codecs
import shutil
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import duckdb

from pipe.columnar import fetch, literal, quoted
from pipe.errors import ConfigurationError, DataError

if TYPE_CHECKING:
    import pyarrow as pa

_PARQUET: Final = frozenset({".parquet", ".pq"})

_CSV: Final = (
    "read_csv({}, all_varchar = true, header = true, null_padding = true, strict_mode = false, parallel = false)"
)
"""Rows may be short or long and quotes odd: one such row must not cost the file."""

_WESTERN: Final = "cp1252"
"""What a file is that is neither of Unicode's; how older spreadsheets write."""


def read(path: Path) -> pa.Table:
    """The rows of a CSV or Parquet file, every column as text, names without blanks around them.

    Raises:
        ConfigurationError: the file cannot be read.
        DataError: there is no row.
    """
    kind = "read_parquet({})" if path.suffix.lower() in _PARQUET else _CSV
    try:
        table = _texts(kind, path)
    except (duckdb.Error, OSError):
        with suppress(duckdb.Error, OSError, UnicodeError), TemporaryDirectory() as folder:
            if kind == _CSV:
                return _not_empty(_texts(kind, _in_utf8(path, Path(folder))), path)
        raise ConfigurationError(
            f"the file {path.name} cannot be read", remedy="Give a CSV file with a header, or a Parquet file"
        ) from None
    return _not_empty(table, path)


def _not_empty(table: pa.Table, path: Path) -> pa.Table:
    if not len(table):
        raise DataError(f"there is no record in the file {path.name}", remedy="Give a file with rows")
    return table


def _in_utf8(path: Path, folder: Path) -> Path:
    """A copy of a file that was not in UTF-8."""
    with path.open("rb") as file:
        marked = file.read(2) in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}
    copy = folder / "copy.csv"
    with (
        path.open(encoding="utf-16" if marked else _WESTERN, errors="replace", newline="") as old,
        copy.open("w", encoding="utf-8", newline="") as new,
    ):
        shutil.copyfileobj(old, new)
    return copy


def _texts(kind: str, path: Path) -> pa.Table:
    source = kind.format(literal(str(path)))
    with duckdb.connect() as db:
        described = db.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()  # noqa: S608
        return fetch(db, f"SELECT {', '.join(_text(*one[:2]) for one in described)} FROM {source}")  # noqa: S608


def _text(name: str, kind: str) -> str:
    """SQL for a column as text; whole numbers that came as floating ones without their point."""
    column = quoted(name)
    text = f"{column}::VARCHAR"
    if kind in {"DOUBLE", "FLOAT"}:
        whole = f"TRY_CAST({column} AS HUGEINT)"
        text = f"CASE WHEN {column} = {whole} THEN {whole}::VARCHAR WHEN NOT isnan({column}) THEN {text} END"
    return rf"regexp_replace(trim({text}), '^([0-9]+)\.0+$', '\1') AS {quoted(name.strip())}"
