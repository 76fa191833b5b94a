"""The tenant's warehouse, staged: a table of records and a table of their hashed identifiers.

Whatever the warehouse is, the same two tables come out, ordered by key: nothing after this depends on where the rows
were or how they lay there.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import duckdb

from pipe.columnar import literal, quoted
from pipe.errors import ConfigurationError, RetriableError
from pipe.streams import (
    BLOCKED_IDENTIFIERS,
    CONVERSIONS,
    CUSTOMER_PROFILES,
    IDENTITY_MAP,
    IDENTITY_MERGES,
    Stream,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DELETED: Final = "_sdc_deleted_at"
READ: Final[dict[Stream, tuple[str, ...]]] = {
    CUSTOMER_PROFILES: CUSTOMER_PROFILES.field_names,
    CONVERSIONS: (
        "conversion_id",
        "connector",
        "source_stream",
        "transaction_id",
        "identity_fragments",
        "global_customer_id",
        "source_updated_at",
        "is_deleted",
    ),
}
"""Stream -> its columns that are read; `raw`, say, never is."""

SAVED: Final = (IDENTITY_MAP, IDENTITY_MERGES, BLOCKED_IDENTIFIERS)
"""What a lost store is made again from."""

_RECORD: Final = """
CREATE TABLE record AS
SELECT (row_number() OVER (ORDER BY key) - 1)::INTEGER AS place, * FROM (
    SELECT profile_id AS key, TRUE AS is_profile, connector, source_stream, source_record_id AS source_id,
        global_customer_id AS uid, source_updated_at AS changed FROM profile
    UNION ALL
    SELECT conversion_id, FALSE, connector, source_stream, transaction_id, global_customer_id, source_updated_at
    FROM conversion
) ORDER BY place
"""
_FRAGMENT: Final = """
CREATE TABLE fragment AS
SELECT DISTINCT place, part ->> 'type' AS kind, part ->> 'value' AS hash, part ->> 'source_system' AS source
FROM (
    SELECT key, unnest(from_json(fragments, '["JSON"]')) AS part FROM (
        SELECT profile_id AS key, identity_fragments::VARCHAR::JSON AS fragments FROM profile
        UNION ALL
        SELECT conversion_id, identity_fragments::VARCHAR::JSON FROM conversion
    )
) JOIN record USING (key)
WHERE regexp_full_match(part ->> 'value', '[0-9a-f]{30}')
ORDER BY ALL
"""
_MERGED: Final = """
CREATE TABLE merged AS
SELECT DISTINCT profile_id AS key, part ->> 'value' AS hash
FROM (SELECT profile_id, unnest(from_json(identity_fragments::VARCHAR::JSON, '["JSON"]')) AS part FROM {})
WHERE part ->> 'type' = 'customer_id' AND regexp_full_match(part ->> 'value', '[0-9a-f]{{30}}')
ORDER BY ALL
"""
"""The customer ids that a deleted profile carries, its own and those of whom it was merged into."""


class Source(Protocol):
    """Where a warehouse's tables come from."""

    def relation(self, stream: Stream, columns: tuple[str, ...]) -> tuple[str, set[str]] | None:
        """A FROM item with at least those of `columns` that the table has, and which; None when there is no table."""


def stage(db: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Make the tables `profile`, `conversion`, `record`, `fragment` and `merged` in `db`.

    Deleted rows are left out; `merged` holds what those of profiles say.
    """
    for stream, name in ((CUSTOMER_PROFILES, "profile"), (CONVERSIONS, "conversion")):
        rows, gone = _selected(source, stream, READ[stream])
        db.execute(f"CREATE TABLE {name} AS SELECT * FROM {rows} WHERE NOT {gone} AND {quoted(stream.key)} <> ''")  # noqa: S608
        if stream is CUSTOMER_PROFILES:
            db.execute(_MERGED.format(f"{rows} WHERE {gone}"))
    db.execute(_RECORD)
    db.execute(_FRAGMENT)


def stage_saved(db: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Make the tables of `SAVED`: the people as they were told last."""
    for stream in SAVED:
        rows, gone = _selected(source, stream, stream.field_names)
        db.execute(f"CREATE TABLE {stream.name} AS SELECT * FROM {rows} WHERE NOT {gone}")  # noqa: S608


def _selected(source: Source, stream: Stream, columns: tuple[str, ...]) -> tuple[str, str]:
    """A FROM item with these columns of the stream, and the SQL that is true for its deleted rows."""
    wanted = (*columns, DELETED)
    found = source.relation(stream, wanted)
    relation, present = found or ("(SELECT 1 LIMIT 0)", set())
    kinds = {**dict.fromkeys(wanted, "VARCHAR"), "is_deleted": "BOOLEAN"}
    listed = ", ".join(
        f"{quoted(name)}::{kind} AS {quoted(name)}" if name in present else f"NULL::{kind} AS {quoted(name)}"
        for name, kind in kinds.items()
        if name in wanted
    )
    said = " OR coalesce(is_deleted, FALSE)" if "is_deleted" in wanted else ""
    return f"(SELECT {listed} FROM {relation})", f"({DELETED} IS NOT NULL{said})"  # noqa: S608


class DuckDBFile:
    """Tables of a schema in a DuckDB file, attached to the connection they are staged in."""

    def __init__(self, db: duckdb.DuckDBPyConnection, schema: str) -> None:
        """Read from `warehouse.schema`."""
        self._schema = schema
        rows = db.execute(
            "SELECT table_name, column_name FROM duckdb_columns()"
            " WHERE database_name = 'warehouse' AND schema_name = ?",
            [schema],
        ).fetchall()
        self._columns: dict[str, set[str]] = {}
        for table, column in rows:
            self._columns.setdefault(table, set()).add(column)
        if not self._columns:
            raise ConfigurationError(
                f"the warehouse has no schema '{schema}', or nothing in it",
                field="warehouse",
                remedy="Run the tenant once, or check the name",
            )

    def relation(self, stream: Stream, columns: tuple[str, ...]) -> tuple[str, set[str]] | None:
        """The table itself."""
        present = self._columns.get(stream.name)
        if present is None:
            return None
        return f"warehouse.{quoted(self._schema)}.{quoted(stream.name)}", present & set(columns)


class ParquetFiles:
    """A folder with `<stream>.parquet`, or `<stream>/*.parquet`, for each stream."""

    def __init__(self, db: duckdb.DuckDBPyConnection, directory: Path) -> None:
        """Read from `directory`."""
        self._db = db
        self._directory = directory
        if not directory.is_dir():
            raise ConfigurationError(
                "the directory of the warehouse does not exist", field="warehouse.directory", remedy="Check the path"
            )

    def relation(self, stream: Stream, columns: tuple[str, ...]) -> tuple[str, set[str]] | None:
        """A scan of the stream's files; lists of objects as JSON."""
        single, folder = self._directory / f"{stream.name}.parquet", self._directory / stream.name
        if single.is_file():
            files = str(single)
        elif any(folder.glob("*.parquet")):
            files = str(folder / "*.parquet")
        else:
            return None
        scan = f"read_parquet({literal(files)}, union_by_name = true)"
        described = self._db.execute(f"SELECT column_name, column_type FROM (DESCRIBE FROM {scan})").fetchall()  # noqa: S608
        nested = [name for name, kind in described if kind.endswith("[]") or kind.startswith("STRUCT")]
        texts = "".join(f"to_json({quoted(name)}) AS {quoted(name)}, " for name in nested)
        replaced = f"SELECT * REPLACE ({texts.rstrip(', ')}) FROM {scan}" if nested else f"SELECT * FROM {scan}"  # noqa: S608
        return f"({replaced})", {name for name, _ in described} & set(columns)


@contextmanager
def opened(db: duckdb.DuckDBPyConnection, settings: Mapping[str, Any]) -> Iterator[Source]:
    """The warehouse that the setting `warehouse` names.

    Raises:
        ConfigurationError: it is not there, or not what it is said to be.
        RetriableError: another process has it open.
        CredentialsError: BigQuery does not let us in.
    """
    if "database" in settings:
        _attach(db, Path(settings["database"]))
        try:
            yield DuckDBFile(db, settings["schema"])
        finally:
            db.execute("DETACH warehouse")
    elif "directory" in settings:
        yield ParquetFiles(db, Path(settings["directory"]))
    else:
        from identity.reconcile.bigquery import BigQueryTables

        with BigQueryTables.connected(db, settings) as tables:
            yield tables


def _attach(db: duckdb.DuckDBPyConnection, path: Path) -> None:
    if not path.is_file():
        raise ConfigurationError(
            f"the warehouse {path.name} does not exist",
            field="warehouse.database",
            remedy="Run the tenant once, or check the path",
        )
    try:
        db.execute(f"ATTACH {literal(str(path))} AS warehouse (READ_ONLY)")
    except duckdb.IOException as error:
        if "lock" in str(error).lower():
            raise RetriableError(
                f"the warehouse {path.name} is in use by another process", remedy="Wait for it to end"
            ) from None
        raise ConfigurationError(
            f"{path.name} cannot be opened as a DuckDB file", field="warehouse.database", remedy="Check the path"
        ) from None
