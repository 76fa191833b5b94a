"""tap-postgres: tables of a PostgreSQL database as Singer streams."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, cast

from pipe import command
from taps.base.settings import setting
from taps.base.sql.settings import LOG_BASED, PORTS, SETTINGS, wrong_places
from taps.base.sql.tap import SQLTap
from taps.base.sql.tunnel import TUNNEL
from taps.postgres.stream import PUBLICATION, SLOT, PostgresStream

if TYPE_CHECKING:
    from taps.base.sql.engine import Engine
    from taps.base.sql.stream import SQLStream
    from taps.postgres.engine import PostgresEngine
    from taps.postgres.log import ChangeLog


class TapPostgres(SQLTap):
    """Reads tables, views and queries by COPY: in full, what is new by a timestamp or an id, or changes by the log."""

    name = "tap-postgres"
    stream_class: ClassVar[type[SQLStream]] = PostgresStream
    config_jsonschema: ClassVar[dict[str, Any]] = {
        "type": "object",
        "properties": {
            "url": setting("string", "URL", "postgresql://..., instead of the next five.", secret=True),
            "host": setting("string", "Host", "Name or address of the server, or the directory of its socket."),
            "port": setting("integer", "Port", "Of the server; 5432 unless set.", **PORTS),
            "database": setting("string", "Database", "Name of the database."),
            "user": setting("string", "User", "Who reads; needs USAGE on the schemas and SELECT on the tables."),
            "password": setting("string", "Password", "Of the user.", secret=True),
            "sslmode": setting(
                "string",
                "TLS",
                "How the connection is encrypted, as libpq's setting of that name.",
                enum=["disable", "allow", "prefer", "require", "verify-ca", "verify-full"],
            ),
            "sslrootcert": setting("string", "TLS root", "File of the certificates that may sign the server's."),
            "sslcert": setting("string", "TLS certificate", "File of the client's certificate."),
            "sslkey": setting("string", "TLS key", "File of the client's key."),
            "ssh_tunnel": TUNNEL,
            "replication_publication": setting(
                "string", "Publication", "Publication that LOG_BASED streams read.", default=PUBLICATION
            ),
            "replication_slot": setting(
                "string",
                "Slot",
                "Logical replication slot of this tap alone, by pgoutput; small letters, digits and _.",
                default=SLOT,
                pattern="^[a-z0-9_]{1,63}$",
            ),
            "replication_create": setting(
                "boolean", "Make both", "Make publication and slot where they are missing.", default=True
            ),
            **SETTINGS,
        },
        "additionalProperties": False,
    }

    def make_engine(self) -> Engine:
        """psycopg, not yet connected."""
        from taps.postgres.engine import PostgresEngine  # the driver is not needed to say --about

        return PostgresEngine(self.config)

    @cached_property
    def log(self) -> ChangeLog:
        """The log of changes, for streams that are LOG_BASED."""
        from taps.postgres.log import ChangeLog

        return ChangeLog(cast("PostgresEngine", self.engine), self.config)

    def contradictions(self) -> list[str]:
        """Problems of settings that are each well formed."""
        found = super().contradictions()
        for name, given in self.config.get("streams", {}).items():
            if given.get("replication_method") == LOG_BASED and given.get("where"):
                found.append(f"streams.{name}: where is not for LOG_BASED, which reads every change")
        root = ["sslrootcert"] if self.config.get("sslrootcert") != "system" else []  # libpq's word for those it has
        found += wrong_places(self.config, ("postgresql", "postgres"), [*root, "sslcert", "sslkey"])
        if "url" in self.config or ("host" in self.config and "database" in self.config):
            return found
        return ["url, or host and database, must be set", *found]


def main() -> NoReturn:
    """Entry point of the executable."""
    command.plugin(TapPostgres, dataframes=False)
