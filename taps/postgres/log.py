"""PostgreSQL's log of changes: a publication, a logical slot, and what is read from them.

Changes are peeked at, which leaves them in the slot. The slot goes on at the start of a run only, to the least position
that the STATE given to the run has for any stream: what a target has not confirmed stays in the server.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg

from pipe.errors import ConfigurationError, CredentialsError, DataError, RetriableError
from taps.postgres import pgoutput

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from taps.base.sql.engine import Table
    from taps.postgres.engine import PostgresEngine

_BATCH = 2_000
_SLOT = """
SELECT plugin, database = current_database(), wal_status, confirmed_flush_lsn FROM pg_replication_slots
WHERE slot_name = %s
"""
_TABLE = """
SELECT c.relkind, c.relreplident, array(
    SELECT a.attname::text FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY(i.indkey)
    WHERE i.indrelid = c.oid AND CASE c.relreplident WHEN 'i' THEN i.indisreplident ELSE i.indisprimary END),
  EXISTS (SELECT FROM pg_publication_tables p
    WHERE p.pubname = %s AND p.schemaname = n.nspname AND p.tablename = c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s
"""
_PEEK = """
SELECT data
FROM pg_logical_slot_peek_binary_changes(%s, %s::pg_lsn, NULL, 'proto_version', '1', 'publication_names', %s)
"""


def parsed(position: str) -> int:
    """A position in the log as a number."""
    high, low = position.split("/")
    return (int(high, 16) << 32) + int(low, 16)


def written(position: int) -> str:
    """A position in the log as PostgreSQL writes it."""
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


class ChangeLog:
    """The slot all streams of a run share, through a connection of its own."""

    def __init__(self, engine: PostgresEngine, config: Mapping[str, Any]) -> None:
        """Take a checked config."""
        self._engine = engine
        self._publication = config["replication_publication"]
        self._slot = config["replication_slot"]
        self._create = config["replication_create"]
        self.upper = 0
        """Position up to which this run reads; 0 before `begin`."""
        self.start = 0
        """Position from which the slot has all changes."""

    def begin(self, tables: Mapping[str, Table], positions: Mapping[str, str | None]) -> None:
        """Make what is missing, let the slot go on to what is durable, and set the upper bound; once a run.

        Args:
            tables: of the streams that read the log.
            positions: of the same streams, from the STATE the run was given.

        Raises:
            ConfigurationError, CredentialsError: the server is not set up for it.
            DataError: the slot no longer has what comes after one of the positions.
        """
        if self.upper:
            return
        with self._connection() as connection:
            (level,) = connection.execute("SHOW wal_level").fetchone() or ("",)
            if level != "logical":
                raise ConfigurationError(
                    f"the server's wal_level is {level}, and LOG_BASED needs logical",
                    remedy="ALTER SYSTEM SET wal_level = logical, and restart the server",
                )
            found = connection.execute(_SLOT, [self._slot]).fetchone()
            if found is None and any(positions.values()):
                raise DataError(
                    f"the replication slot {self._slot} is gone, and with it changes since the last run",
                    remedy="Run once without state (--full-refresh): a new slot and a new snapshot are made",
                )
            self._publish(connection, tables, positions, fresh=found is None)
            if found is None:
                if not self._create:
                    raise self._missing(f"replication slot {self._slot}")
                connection.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [self._slot])
                found = connection.execute(_SLOT, [self._slot]).fetchone()
            self.start = self._advanced(connection, found or (), positions)
            (upper,) = connection.execute("SELECT pg_current_wal_flush_lsn()").fetchone() or ("0/0",)
            self.upper = parsed(str(upper))

    def messages(self, stream: str) -> Iterator[tuple[pgoutput.Reader, Any]]:
        """Every message about rows up to the upper bound, in the order of commits."""
        reader = pgoutput.Reader()
        with (
            self._connection(stream) as connection,
            connection.transaction(),
            connection.cursor("changes", binary=True) as cursor,
        ):
            cursor.itersize = _BATCH
            cursor.execute(_PEEK, [self._slot, written(self.upper), self._publication])
            for (data,) in cursor:
                message = reader.message(bytes(data))
                if message is not None:
                    yield reader, message

    def _publish(
        self,
        connection: psycopg.Connection[Any],
        tables: Mapping[str, Table],
        positions: Mapping[str, str | None],
        *,
        fresh: bool,
    ) -> None:
        """See that the publication has the tables, and that their rows can be told apart."""
        exists = connection.execute(
            "SELECT true FROM pg_publication WHERE pubname = %s", [self._publication]
        ).fetchone()
        if not exists:
            if not self._create:
                raise self._missing(f"publication {self._publication}")
            if not fresh:
                raise ConfigurationError(
                    f"the publication {self._publication} is gone, and the slot {self._slot} cannot be read without",
                    remedy="Drop the slot (pg_drop_replication_slot), and run once without state (--full-refresh)",
                )
        missing = []
        for stream, table in tables.items():
            if not self._has(connection, stream, table):
                if positions[stream]:
                    raise DataError(
                        f"the publication {self._publication} has lost the table, and with it changes",
                        stream=stream,
                        remedy="Run once without state (--full-refresh)",
                    )
                missing.append(table.source.replace("%%", "%"))
        if missing and not self._create:
            raise self._missing(f"table in the publication {self._publication}: {', '.join(missing)}")
        name = '"' + self._publication.replace('"', '""') + '"'
        listed = ", ".join(missing)
        change = f"ALTER PUBLICATION {name} ADD TABLE {listed}"
        if not exists:
            change = f"CREATE PUBLICATION {name} FOR TABLE {listed} WITH (publish_via_partition_root = true)"
        if missing:
            # The lock waits for whoever is writing: their changes would else be neither published nor in the snapshot.
            lock = f"LOCK TABLE {listed} IN SHARE ROW EXCLUSIVE MODE"
            connection.execute(f"BEGIN READ WRITE; {lock}; {change}; COMMIT".encode())

    def _has(self, connection: psycopg.Connection[Any], stream: str, table: Table) -> bool:
        """Whether the publication has the table; its kind and REPLICA IDENTITY are checked as well."""
        row = connection.execute(_TABLE, [self._publication, table.schema, table.name]).fetchone()
        kind, identity, names, published = row or ("", "n", [], False)
        if kind not in ("r", "p"):
            raise ConfigurationError(
                "only the changes of tables are in the log, not those of views and queries",
                stream=stream,
                field="replication_method",
                remedy="Set a replication_key, or FULL_TABLE",
            )
        if not table.keys or (identity != "f" and not set(table.keys) <= set(names if identity != "n" else [])):
            raise ConfigurationError(
                "its REPLICA IDENTITY does not say which row was changed or deleted",
                stream=stream,
                remedy="Give it a primary key, or ALTER TABLE ... REPLICA IDENTITY FULL (or USING INDEX) and set "
                "key_properties to columns of that identity",
            )
        return bool(published)

    def _advanced(
        self, connection: psycopg.Connection[Any], found: tuple[Any, ...], positions: Mapping[str, str | None]
    ) -> int:
        plugin, here, status, flushed = found
        if plugin != "pgoutput" or not here:
            raise ConfigurationError(
                f"the replication slot {self._slot} is of another plugin or database",
                field="replication_slot",
                remedy="Name a slot of pgoutput in this database, or one that is to be made",
            )
        start = parsed(str(flushed))
        for stream, position in positions.items():
            if status == "lost" or (position and parsed(position) < start):
                raise DataError(
                    f"the replication slot {self._slot} no longer has the changes since the last run",
                    stream=stream,
                    remedy="Drop the slot if its wal_status is lost, raise max_slot_wal_keep_size, and run once "
                    "without state (--full-refresh)",
                )
        if all(positions.values()):
            least = min(parsed(str(position)) for position in positions.values())
            if least > start:
                connection.execute("SELECT pg_replication_slot_advance(%s, %s::pg_lsn)", [self._slot, written(least)])
                return least
        return start

    def _missing(self, what: str) -> ConfigurationError:
        return ConfigurationError(
            f"there is no {what}", remedy="Have it made, or set replication_create and give the user the right to"
        )

    @contextmanager
    def _connection(self, stream: str | None = None) -> Iterator[psycopg.Connection[Any]]:
        with self._engine.errors(stream), self._engine.open(autocommit=True) as connection:
            try:
                yield connection
            except psycopg.Error as error:
                if ours := _refused(error, stream):
                    raise ours from None
                raise


@contextmanager
def typing(stream: str) -> Iterator[None]:
    """Tell of a value in the log that its column, whose type was changed since, does not take."""
    try:
        yield
    except psycopg.DataError:
        raise DataError(
            "the log has values of before a column's type was changed, which it no longer takes",
            stream=stream,
            remedy="Drop the slot (pg_drop_replication_slot), and run once without state (--full-refresh)",
        ) from None


def _refused(error: psycopg.Error, stream: str | None) -> Exception | None:
    """Our error for what only the log of changes can raise; None for all others."""
    if isinstance(error, psycopg.errors.ObjectInUse):
        return RetriableError(
            "another process reads the replication slot", stream=stream, remedy="Wait for it, or set replication_slot"
        )
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return CredentialsError(
            "the user may not use the log of changes",
            stream=stream,
            remedy="ALTER ROLE ... REPLICATION; who is to make the publication must own the tables",
        )
    if isinstance(error, psycopg.errors.UndefinedObject | psycopg.errors.ObjectNotInPrerequisiteState):
        return ConfigurationError(
            f"the replication slot or its publication cannot be used (SQLSTATE {error.sqlstate})",
            stream=stream,
            remedy="Drop the slot, and run once without state (--full-refresh)",
        )
    return None
