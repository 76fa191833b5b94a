"""tap-postgres: tables of a PostgreSQL database as Singer streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from pipe import command
from taps.base.settings import setting
from taps.base.sql.settings import SETTINGS
from taps.base.sql.tap import SQLTap

if TYPE_CHECKING:
    from taps.base.sql.engine import Engine


class TapPostgres(SQLTap):
    """Reads tables, views and queries by COPY: in full, or what is new by a timestamp or an id."""

    name = "tap-postgres"
    config_jsonschema: ClassVar[dict[str, Any]] = {
        "type": "object",
        "properties": {
            "url": setting("string", "URL", "postgresql://..., instead of the next five.", secret=True),
            "host": setting("string", "Host", "Name or address of the server, or the directory of its socket."),
            "port": setting("integer", "Port", "Of the server; 5432 unless set."),
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
            **SETTINGS,
        },
        "additionalProperties": False,
    }

    def make_engine(self) -> Engine:
        """psycopg, not yet connected."""
        from taps.postgres.engine import PostgresEngine  # the driver is not needed to say --about

        return PostgresEngine(self.config)

    def contradictions(self) -> list[str]:
        """Problems of settings that are each well formed."""
        found = super().contradictions()
        if "url" in self.config or ("host" in self.config and "database" in self.config):
            return found
        return ["url, or host and database, must be set", *found]


def main() -> NoReturn:
    """Entry point of the executable."""
    command.plugin(TapPostgres)
