"""The SQL tap base: discovery, and `--test`."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar

import click

from pipe.errors import ConfigurationError
from taps.base.sql import bookmark
from taps.base.sql.settings import Options, contradictions, options
from taps.base.sql.stream import SQLStream
from taps.base.tap import ConnectingTap

if TYPE_CHECKING:
    from singer_sdk.singerlib import CatalogEntry

    from taps.base.sql.engine import Engine, Table


class SQLTap(ConnectingTap):
    """Base of the taps for databases: a subclass has settings and makes its engine."""

    package_name = "growthnav-connectors"

    @abstractmethod
    def make_engine(self) -> Engine:
        """The engine that the settings describe, not yet connected."""

    stream_class: ClassVar[type[SQLStream]] = SQLStream

    def contradictions(self) -> list[str]:
        """Problems of settings that are each well formed."""
        return contradictions(self.config)

    def check_bookmark(self, stream: str, mark: dict[str, Any]) -> None:
        """Raise `DataError` for a bookmark this tap cannot go on from."""
        bookmark.load(stream, mark)

    @cached_property
    def engine(self) -> Engine:
        """The one connection all streams share."""
        return self.make_engine()

    @cached_property
    def options(self) -> Options:
        """Which streams there are."""
        return options(self.config)

    def discover_streams(self) -> list[SQLStream]:
        """A stream for each table the settings let through, and for each query.

        Raises:
            ConfigurationError: the settings, or the catalog given, name another.
        """
        with self.engine.connect():
            found = [self._stream(table) for table in self._tables()]
            found += [self._query(name) for name in self.options.queries]
        if unused := self.options.unused():
            raise ConfigurationError(
                f"streams names what is no table here: {', '.join(unused)}",
                remedy="Compare with --discover, and with schemas and tables",
            )
        self._refuse_unknown({stream.name for stream in found})
        return found

    def test(self) -> None:
        """Connect, and print what is seen: each stream with its columns, key and rows, and what may not be read."""
        streams = self.discover_streams()
        click.echo(f"{self.name}: connected; {len(streams)} streams")
        for stream in streams:
            click.echo(f"  {stream.name}: {stream.describe()}")
        with self.engine.connect():
            for name in self.engine.unreadable(stream.table for stream in streams if stream.table.schema):
                click.echo(f"  {name}: this user may not read it")

    def _refuse_unknown(self, known: set[str]) -> None:
        selected = (self.input_catalog or {}).items()
        if gone := sorted(name for name, entry in selected if name not in known and _is_selected(entry)):
            raise ConfigurationError(
                f"the catalog selects what is not there, or not for this user and these settings: {', '.join(gone)}",
                remedy="Write the catalog anew with --discover, or deselect it there",
            )

    def _tables(self) -> list[Table]:
        chosen = self.options
        schemas = [name for name in self.engine.schemas() if name not in self.engine.excluded_schemas]
        return [
            table
            for schema in schemas
            if chosen.wants_schema(schema)
            for table in self.engine.tables(schema, partial(self._zone, schema))
            if chosen.wants_table(table.name)
        ]

    def _zone(self, schema: str, table: str) -> str | None:
        return self.options.of_table(f"{schema}-{table}", table).timezone

    def _stream(self, table: Table) -> SQLStream:
        name = table.stream
        return self.stream_class(self, table, self.options.of_table(name, table.name, used=True), name)

    def _query(self, name: str) -> SQLStream:
        chosen = self.options.of_query(name)
        table = self.engine.query(name, str(chosen.sql), chosen.timezone)
        counts = Counter(column.name for column in table.columns)
        if twice := [column for column, count in counts.items() if count > 1]:
            raise ConfigurationError(
                f"its query gives two columns the name '{twice[0]}'",
                stream=name,
                field="sql",
                remedy="Name each by AS",
            )
        return self.stream_class(self, table, chosen, name)


def _is_selected(entry: CatalogEntry) -> bool:
    """Whether the catalog wants the stream."""
    return entry.metadata.resolve_selection()[()]
