"""Settings of the SQL taps, and what they say of one stream."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from taps.base.settings import BATCH_CONFIG, setting

if TYPE_CHECKING:
    from collections.abc import Mapping

NULL, FAIL, QUARANTINE = "null", "fail", "quarantine"

_STREAM = {
    "key_properties": setting(
        "array", "Key", "Columns of the key, where the database declares none.", items={"type": "string"}
    ),
    "replication_key": setting("string", "Replication key", "Column that grows when a row is added or changed."),
    "timestamp_column": setting("string", "Timestamp column", "Another name for replication_key."),
    "where": setting("string", "Condition", "SQL condition a row must meet."),
    "columns": setting("array", "Columns", "The only columns to read.", items={"type": "string"}),
    "source_timezone": setting("string", "Time zone", "IANA zone of this stream's times without one."),
    "lookback_days": setting("number", "Look back", "Days before the bookmark that are read again.", minimum=0),
}
_QUERY = {
    "sql": setting("string", "SQL", "A SELECT; `:start` stands for the bookmark (NULL on the first run)."),
    **{name: _STREAM[name] for name in ("key_properties", "replication_key", "source_timezone")},
}

SETTINGS: dict[str, Any] = {
    "schemas": setting("array", "Schemas", "The only schemas to look at, as names or globs.", items={"type": "string"}),
    "tables": setting("array", "Tables", "The only tables to look at, as names or globs.", items={"type": "string"}),
    "streams": setting(
        "object",
        "Streams",
        "What is special about a stream, by its name (schema-table) or its table's.",
        additionalProperties={"type": "object", "properties": _STREAM, "additionalProperties": False},
    ),
    "queries": setting(
        "object",
        "Queries",
        "Streams made by SQL of your own, by name.",
        additionalProperties={
            "type": "object",
            "properties": _QUERY,
            "required": ["sql"],
            "additionalProperties": False,
        },
    ),
    "source_timezone": setting(
        "string", "Time zone", "IANA zone of times without one; without it they are sent as they are."
    ),
    "lookback_days": setting(
        "number", "Look back", "Days before the bookmark that are read again: rows may come late.", minimum=0, default=0
    ),
    "max_rows": setting("integer", "Row limit", "Rows read of a stream in one run, at most.", minimum=1),
    "chunk_rows": setting("integer", "Chunk", "Rows read, sent and bookmarked at a time.", minimum=1, default=100_000),
    "on_bad_value": setting(
        "string",
        "On a bad value",
        "What JSON cannot hold (times before the year 1 or without end, NaN): null empties it, fail stops the run, "
        "quarantine leaves the row out. Each is counted.",
        enum=[NULL, FAIL, QUARANTINE],
        default=NULL,
    ),
    "statement_timeout": setting("number", "Statement timeout", "Seconds a statement may take.", exclusiveMinimum=0),
    "batch_config": BATCH_CONFIG,
}
"""Settings every SQL tap has beside those of its connection."""


@dataclass(frozen=True)
class StreamOptions:
    """What the settings say of one stream."""

    keys: tuple[str, ...] = ()
    replication_key: str | None = None
    where: str | None = None
    columns: tuple[str, ...] = ()
    timezone: str | None = None
    lookback_days: float = 0
    sql: str | None = None


@dataclass(frozen=True)
class Options:
    """The settings that say which streams there are."""

    schemas: tuple[str, ...]
    tables: tuple[str, ...]
    streams: Mapping[str, Any]
    queries: Mapping[str, Any]
    timezone: str | None
    lookback_days: float
    used: set[str] = field(default_factory=set)
    """Names in `streams` that a table has."""

    def wants(self, schema: str, table: str) -> bool:
        """Whether the settings let a table be a stream."""
        return _matches(schema, self.schemas) and _matches(table, self.tables)

    def of_table(self, stream: str, table: str) -> StreamOptions:
        """The options of a table's stream."""
        for name in (stream, table):
            for given, options in self.streams.items():
                if given.lower() == name.lower():
                    self.used.add(given)
                    return self._options(options)
        return self._options({})

    def of_query(self, name: str) -> StreamOptions:
        """The options of a stream made by SQL."""
        return self._options(self.queries[name])

    def unused(self) -> list[str]:
        """Names in `streams` that no table has."""
        return sorted(set(self.streams) - self.used)

    def _options(self, given: Mapping[str, Any]) -> StreamOptions:
        return StreamOptions(
            keys=tuple(given.get("key_properties", ())),
            replication_key=given.get("replication_key") or given.get("timestamp_column"),
            where=given.get("where"),
            columns=tuple(given.get("columns", ())),
            timezone=given.get("source_timezone", self.timezone),
            lookback_days=float(given.get("lookback_days", self.lookback_days)),
            sql=given.get("sql"),
        )


def options(config: Mapping[str, Any]) -> Options:
    """The options in a checked config."""
    return Options(
        tuple(config.get("schemas", ())),
        tuple(config.get("tables", ())),
        config.get("streams", {}),
        config.get("queries", {}),
        config.get("source_timezone"),
        float(config.get("lookback_days", 0)),
    )


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return not patterns or any(fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns)
