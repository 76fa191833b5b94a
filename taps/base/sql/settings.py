"""Settings of the SQL taps, and what they say of one stream."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from pipe.rejects import MAX_RATIO
from taps.base.settings import BATCH_CONFIG, setting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NULL, FAIL, QUARANTINE = "null", "fail", "quarantine"

FULL_TABLE, INCREMENTAL, LOG_BASED = "FULL_TABLE", "INCREMENTAL", "LOG_BASED"

PORTS = {"minimum": 1, "maximum": 65_535}

_STREAM = {
    "key_properties": setting(
        "array", "Key", "Columns of the key, where the database declares none.", items={"type": "string"}
    ),
    "replication_key": setting("string", "Replication key", "Column that grows when a row is added or changed."),
    "timestamp_column": setting("string", "Timestamp column", "Another name for replication_key."),
    "coalesce": setting(
        "array",
        "In its place",
        "Columns that stand in, in order, where the replication key is NULL.",
        items={"type": "string"},
    ),
    "replication_method": setting(
        "string",
        "Method",
        "FULL_TABLE, INCREMENTAL (with a replication key, and then the default) or LOG_BASED where the tap has it.",
        enum=[FULL_TABLE, INCREMENTAL, LOG_BASED],
    ),
    "where": setting("string", "Condition", "SQL condition a row must meet."),
    "columns": setting("array", "Columns", "The only columns to read.", items={"type": "string"}),
    "source_timezone": setting("string", "Time zone", "IANA zone of this stream's times without one."),
    "lookback_days": setting("number", "Look back", "Days before the bookmark that are read again.", minimum=0),
    "lookback_seconds": setting("number", "Look back", "Seconds to add to lookback_days.", minimum=0),
    "lookback_ids": setting(
        "integer",
        "Look back",
        "Of a replication key that is a number: so many before the bookmark are read again.",
        minimum=0,
    ),
    "chunk_rows": setting("integer", "Chunk", "As the setting of the tap, for this stream.", minimum=1),
}
_QUERY_OPTIONS = (
    "key_properties",
    "replication_key",
    "timestamp_column",
    "coalesce",
    "source_timezone",
    "lookback_days",
    "lookback_seconds",
    "lookback_ids",
    "chunk_rows",
)
_QUERY = {
    "sql": setting("string", "SQL", "A SELECT; `:start` stands for the bookmark (NULL on the first run)."),
    **{name: _STREAM[name] for name in _QUERY_OPTIONS},
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
        "quarantine sends the row to the stream rejects, without its values. Each is counted.",
        enum=[NULL, FAIL, QUARANTINE],
        default=NULL,
    ),
    "statement_timeout": setting("number", "Statement timeout", "Seconds a statement may take.", exclusiveMinimum=0),
    "tenant": setting("string", "Tenant", "Whose data this is, as rejects name it."),
    "max_reject_ratio": setting(
        "number",
        "Bearable rejects",
        "Share of a stream's rows in quarantine above which the run fails.",
        default=MAX_RATIO,
        minimum=0,
        maximum=1,
    ),
    "batch_config": BATCH_CONFIG,
}
"""Settings every SQL tap has beside those of its connection."""


_DAY = 86_400


def contradictions(config: Mapping[str, Any]) -> list[str]:
    """Problems of what is said of single streams."""
    found = []
    for group in ("streams", "queries"):
        for name, given in config.get(group, {}).items():
            here = f"{group}.{name}"
            key = given.get("replication_key") or given.get("timestamp_column")
            if {"replication_key", "timestamp_column"} <= set(given):
                found.append(f"{here}: replication_key and timestamp_column are two names of one setting")
            if given.get("replication_method") == INCREMENTAL and not key:
                found.append(f"{here}: INCREMENTAL needs a replication_key")
            if given.get("coalesce") and not key:
                found.append(f"{here}: coalesce needs a replication_key")
    for zone in _zones(config):
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError):
            found.append("source_timezone must be an IANA name such as America/Chicago")
    return found


def wrong_places(config: Mapping[str, Any], schemes: Sequence[str], files: Sequence[str]) -> list[str]:
    """Problems of the settings that say where the server is: a `url` of another kind, `files` that cannot be read."""
    found = []
    if "url" in config and not config["url"].startswith(tuple(f"{scheme}://" for scheme in schemes)):
        found.append(f"url must start with {schemes[0]}://")
    found += [f"{name} names no file that can be read" for name in files if not _is_readable(config.get(name))]
    return found


def _is_readable(path: str | None) -> bool:
    return path is None or os.access(path, os.R_OK)


def _zones(config: Mapping[str, Any]) -> set[str]:
    places = (config, *config.get("streams", {}).values(), *config.get("queries", {}).values())
    return {place["source_timezone"] for place in places if "source_timezone" in place}


@dataclass(frozen=True)
class StreamOptions:
    """What the settings say of one stream."""

    keys: tuple[str, ...] = ()
    replication_key: str | None = None
    where: str | None = None
    columns: tuple[str, ...] = ()
    timezone: str | None = None
    lookback_days: float = 0
    lookback_ids: int = 0
    chunk_rows: int = 0
    """0: as the tap's."""
    coalesce: tuple[str, ...] = ()
    method: str | None = None
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

    def wants_schema(self, schema: str) -> bool:
        """Whether the settings let tables of the schema be streams."""
        return _matches(schema, self.schemas)

    def wants_table(self, table: str) -> bool:
        """Whether the settings let tables of that name be streams."""
        return _matches(table, self.tables)

    def of_table(self, stream: str, table: str, *, used: bool = False) -> StreamOptions:
        """The options of a table's stream; `used` says there is such a stream."""
        for name in (stream, table):
            for given, options in self.streams.items():
                if given.lower() == name.lower():
                    if used:
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
            where=_closed(given.get("where")),
            columns=tuple(given.get("columns", ())),
            timezone=given.get("source_timezone", self.timezone),
            lookback_days=float(given.get("lookback_days", self.lookback_days))
            + float(given.get("lookback_seconds", 0)) / _DAY,
            lookback_ids=int(given.get("lookback_ids", 0)),
            chunk_rows=int(given.get("chunk_rows", 0)),
            coalesce=tuple(given.get("coalesce", ())),
            method=given.get("replication_method"),
            sql=_closed(given.get("sql")),
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


def _closed(sql: str | None) -> str | None:
    """SQL that can stand in brackets: without semicolons at its end, and with a line end should it end in a comment."""
    return sql and sql.rstrip("; \t\r\n") + "\n"


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return not patterns or any(fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns)
