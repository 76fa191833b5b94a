"""Batch files as profiles take them: typed files column by column, JSON lines and objects record by record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb
import msgspec

from pipe import batches, columnar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from discovery.streams import StreamProfiler
    from pipe.batches import BatchMessage

Record = dict[str, Any]

_PLAIN = {
    "VARCHAR",
    "BOOLEAN",
    "DOUBLE",
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
}
_NESTED = ("STRUCT", "MAP", "UNION", "JSON", "VARIANT")
_OBJECTS = {"object", "array"}
_decode = msgspec.json.Decoder(Record).decode


def add(
    profiler: StreamProfiler,
    message: BatchMessage,
    properties: Mapping[str, Any],
    *,
    most: int | None = None,
    decode: Callable[[bytes], Record] = _decode,
    path: Callable[[str], str] = str,
) -> int:
    """Show a profiler the rows of a batch.

    Args:
        profiler: of the stream.
        message: the batch.
        properties: of the stream's SCHEMA.
        most: rows to take at most.
        decode: of a record, where records are read.
        path: from a column's name to the field's path.

    Returns:
        Rows taken.

    Raises:
        RetriableError: a file is missing or cut short.
    """
    reading = _Reading(profiler, properties, most, decode, path)
    before = profiler.rows
    if message.format == "jsonl":
        reading.records(batches.records(message, properties))
        return profiler.rows - before
    with batches.local_files(message) as files:
        for file in files:
            try:
                reading.typed(file, message.format)
            except OSError as error:
                raise batches.unreadable(file, message.stream, type(error).__name__) from None
            except columnar.ENGINE_ERRORS as error:
                raise batches.unreadable(file, message.stream, type(error).__name__) from None
    return profiler.rows - before


@dataclass
class _Reading:
    """One batch on its way into a profiler."""

    profiler: StreamProfiler
    properties: Mapping[str, Any]
    left: int | None
    """Rows that may still be taken."""
    decode: Callable[[bytes], Record]
    path: Callable[[str], str]

    def records(self, lines: Iterable[bytes]) -> None:
        for line in lines:
            if not self._take(1):
                return
            self.profiler.add({self.path(name): value for name, value in self.decode(line).items()})

    def typed(self, file: Path, form: str) -> None:
        with duckdb.connect(config={"threads": 1}) as connection:  # one thread keeps the order
            connection.execute("SET TimeZone = 'UTC'")
            relation = columnar.source(connection, [file], form)
            kinds = columnar.columns(connection, relation)
            if any(_is_nested(kind, self.properties.get(name)) for name, kind in kinds.items()):
                self.records(columnar.records(file, form, self.properties))
                return
            chosen = ", ".join(f"{_text(name, kind)} AS {columnar.quoted(name)}" for name, kind in kinds.items())
            reader: Any = connection.sql(f"SELECT {chosen} FROM {relation}").to_arrow_reader(columnar.READ_ROWS)  # noqa: S608
            for batch in reader:
                taken = self._take(batch.num_rows)
                if taken:
                    rows = batch.slice(0, taken)
                    self.profiler.add_columns({self.path(name): rows.column(name) for name in rows.schema.names})
                if taken < batch.num_rows:
                    return

    def _take(self, rows: int) -> int:
        if self.left is None:
            return rows
        taken = min(rows, self.left)
        self.left -= taken
        return taken


def _is_nested(kind: str, schema: Any) -> bool:
    """Objects and lists, which a profile looks into."""
    said = (schema or {}).get("type", ()) if isinstance(schema, dict) else ()
    types = {said} if isinstance(said, str) else set(said)
    return kind.startswith(_NESTED) or kind.endswith("]") or bool(types & _OBJECTS)


def _text(name: str, kind: str) -> str:
    """SQL for a column as a RECORD has it; what Python would read otherwise than JSON, as text."""
    value = columnar.record_value(name, kind)
    return value if kind in _PLAIN or kind.startswith("DECIMAL") else f"({value})::VARCHAR"
