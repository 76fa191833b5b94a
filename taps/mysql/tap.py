"""tap-mysql: tables of a MySQL or MariaDB database as Singer streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from pipe import command
from taps.base.settings import setting
from taps.base.sql.settings import PORTS, SETTINGS, wrong_places
from taps.base.sql.tap import SQLTap
from taps.base.sql.tunnel import TUNNEL
from taps.mysql.place import place

if TYPE_CHECKING:
    from taps.base.sql.engine import Engine


class TapMySQL(SQLTap):
    """Reads tables, views and queries of MySQL and MariaDB: in full, or what is new by a timestamp or an id."""

    name = "tap-mysql"
    config_jsonschema: ClassVar[dict[str, Any]] = {
        "type": "object",
        "properties": {
            "url": setting(
                "string", "URL", "mysql://user:password@host:port/database, instead of the next five.", secret=True
            ),
            "host": setting("string", "Host", "Name or address of the server."),
            "port": setting("integer", "Port", "Of the server; 3306 unless set.", **PORTS),
            "database": setting("string", "Database", "Name of the database; all of them unless set."),
            "user": setting("string", "User", "Who reads; needs SELECT on the tables."),
            "password": setting("string", "Password", "Of the user.", secret=True),
            "ssl_ca": setting("string", "TLS root", "File of the certificates that may sign the server's."),
            "ssl_cert": setting("string", "TLS certificate", "File of the client's certificate."),
            "ssl_key": setting("string", "TLS key", "File of the client's key."),
            "ssl_verify_identity": setting(
                "boolean", "TLS name", "Refuse a server whose certificate has another name."
            ),
            "ssh_tunnel": TUNNEL,
            "tinyint1_as_bool": setting(
                "boolean", "tinyint(1) as boolean", "Send tinyint(1) as true and false.", default=False
            ),
            **SETTINGS,
        },
        "additionalProperties": False,
    }

    def make_engine(self) -> Engine:
        """PyMySQL, not yet connected."""
        from taps.mysql.engine import MySQLEngine  # the driver is not needed to say --about

        return MySQLEngine(self.config)

    def contradictions(self) -> list[str]:
        """Problems of settings that are each well formed."""
        found = super().contradictions()
        found += wrong_places(self.config, ("mysql", "mariadb"), ("ssl_ca", "ssl_cert", "ssl_key"))
        try:
            place(self.config)
        except ValueError:
            found.append("the port in url is no number up to 65535")
        return found if "url" in self.config or "host" in self.config else ["url or host must be set", *found]


def main() -> NoReturn:
    """Entry point of the executable."""
    command.plugin(TapMySQL)
