"""tap-snowflake: tables of a Snowflake database as Singer streams."""

from __future__ import annotations

import logging
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from pipe import command
from taps.base.settings import setting
from taps.base.sql import settings
from taps.base.sql.tap import SQLTap
from taps.snowflake import login

if TYPE_CHECKING:
    from collections.abc import Mapping

    from taps.base.sql.engine import Engine


class TapSnowflake(SQLTap):
    """Reads tables, views and queries of Snowflake as Arrow: in full, or what is new by a timestamp or an id."""

    name = "tap-snowflake"
    config_jsonschema: ClassVar[dict[str, Any]] = {
        "type": "object",
        "required": ["account", "database"],
        "properties": {
            "account": setting(
                "string", "Account", "Identifier ORGANIZATION-ACCOUNT, without the domain.", minLength=1
            ),
            "host": setting("string", "Host", "Name of the server, where it does not follow from the account."),
            "port": setting("integer", "Port", "Of the server; 443 unless set.", **settings.PORTS),
            "protocol": setting("string", "Protocol", "https unless set.", enum=["https", "http"]),
            **login.SETTINGS,
            "role": setting("string", "Role", "Whose rights count; the user's default unless set."),
            "warehouse": setting("string", "Warehouse", "What runs the queries; the user's default unless set."),
            "database": setting("string", "Database", "Name of the database, in its own case."),
            "schema": setting("string", "Schema", "As schemas, for one."),
            "table": setting("string", "Table", "As tables, for one."),
            "timestamp_column": setting("string", "Timestamp column", "Replication key of the table that table names."),
            "big_integers": setting(
                "string",
                "Big integers",
                "What NUMBER(p,0) of more than 18 digits (so every NUMBER without a size) is sent as: integer, and "
                "the run stops at a value of more than 64 bits, or decimal, as text.",
                enum=["integer", "decimal"],
                default="integer",
            ),
            "retry_seconds": setting(
                "integer", "Retry", "Seconds for which requests that fail are tried again.", minimum=1, default=300
            ),
            **settings.SETTINGS,
        },
        "additionalProperties": False,
    }

    def make_engine(self) -> Engine:
        """The driver, not yet connected."""
        logging.getLogger("snowflake.connector").setLevel(logging.ERROR)  # it tells of itself and of every request
        from taps.snowflake.engine import SnowflakeEngine  # the driver is not needed to say --about

        return SnowflakeEngine(self.config)

    @cached_property
    def options(self) -> settings.Options:
        """Which streams there are."""
        return settings.options(_spelled_out(self.config))

    def contradictions(self) -> list[str]:
        """Problems of settings that are each well formed."""
        config = self.config
        found = [
            f"{one} and {many} exclude each other"
            for one, many in (("schema", "schemas"), ("table", "tables"))
            if one in config and many in config
        ]
        if "timestamp_column" in config and "table" not in config:
            found.append("timestamp_column needs table; for more than one use streams")
        return [*found, *login.contradictions(config), *settings.contradictions(_spelled_out(config))]


def _spelled_out(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with those for one table in the form of those for many."""
    found = dict(config)
    for one, many in (("schema", "schemas"), ("table", "tables")):
        if one in found:
            found[many] = [found[one]]
    if "table" in found and "timestamp_column" in found:
        streams = dict(found.get("streams", {}))
        name = next((given for given in streams if given.lower() == found["table"].lower()), found["table"])
        streams[name] = {**streams.get(name, {}), "timestamp_column": found["timestamp_column"]}
        found["streams"] = streams
    return found


def main() -> NoReturn:
    """Entry point of the executable."""
    command.plugin(TapSnowflake)
