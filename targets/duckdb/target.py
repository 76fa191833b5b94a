"""`target-duckdb`: the executable and its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from singer_sdk import typing as th

from pipe import command
from pipe.errors import ConfigurationError
from targets.core.settings import CORE_SETTINGS
from targets.core.target import CoreTarget

if TYPE_CHECKING:
    from targets.core.loader import Loader

DEFAULT_SCHEMA = "main"


class TargetDuckDB(CoreTarget):
    """Loads Singer streams into a DuckDB file: one table a stream, merged by key."""

    name = "target-duckdb"
    config_jsonschema = th.PropertiesList(
        th.Property(
            "filepath",
            th.StringType(min_length=1),
            required=True,
            title="File",
            description="Path of the database file; it and its directory are made when missing",
        ),
        th.Property(
            "default_target_schema",
            th.StringType(min_length=1),
            title="Schema",
            description=f"Schema of the tables, made when missing; default {DEFAULT_SCHEMA}",
        ),
        th.Property("schema", th.StringType(min_length=1), title="Schema", description="Same as default_target_schema"),
        th.Property(
            "memory_limit",
            th.StringType,
            default="1GB",
            title="Memory limit",
            description="What DuckDB may use before it puts work aside on disk, such as 2GB",
        ),
        th.Property(
            "threads",
            th.IntegerType(minimum=1),
            title="Threads",
            description="How many DuckDB may use; default: one a core",
        ),
        *CORE_SETTINGS,
    ).to_dict()

    def open_loader(self) -> Loader[Any]:
        """Open the database file."""
        from targets.duckdb.loader import DuckDBLoader  # the engine is not needed to say --about

        return DuckDBLoader({**self.config, "default_target_schema": self._schema_name()})

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        found = super()._validate_config(raise_errors=raise_errors)
        if len({self.config[name] for name in ("schema", "default_target_schema") if name in self.config}) > 1:
            found.append("schema and default_target_schema differ")
            if raise_errors:
                raise ConfigurationError(found[-1], remedy="Set one of the two")
        return found

    def _schema_name(self) -> str:
        return str(self.config.get("default_target_schema") or self.config.get("schema") or DEFAULT_SCHEMA)


def main() -> NoReturn:
    """Run `target-duckdb`."""
    command.plugin(TargetDuckDB, dataframes=False)
