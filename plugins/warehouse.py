"""The warehouse of a tenant, as the operator's commands need it: is it there, make it, ask it, take it away."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pipe.errors import ConfigurationError, RetriableError
from pipe.streams import CANONICAL
from plugins import plugin_call
from plugins.project import choose

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from plugins.project import Plugin, Project, Tenant
    from transforms.models.queries import Parameters

LOADERS = ("target-duckdb", "target-bigquery")


class Warehouse(Protocol):
    """One tenant's dataset."""

    name: str
    """For people: file and schema, or project and dataset."""
    place: str
    """As SQL names it, before the name of a table."""

    def exists(self) -> bool:
        """Whether the dataset is there."""

    def drop(self) -> None:
        """Remove it with all its tables; nothing happens where there is none."""

    def tables(self) -> set[str]:
        """Names of its tables."""

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """What a SELECT gives."""

    def execute(self, sql: str) -> None:
        """Make a change."""

    def make_models(self, parameters: Parameters) -> dict[str, int]:
        """Make the tables of the SQL models anew, all or none; model -> rows."""


def create(project: Project, tenant: str, loader: Plugin, own: Mapping[str, Any]) -> None:
    """Make the dataset with the canonical tables, empty: by the target itself, so that there is one way to make them.

    Raises:
        PipeError: as the target ends.
    """
    import json

    lines = [json.dumps(stream.schema_message()).encode() + b"\n" for stream in CANONICAL.values()]
    plugin_call.call(project, loader, plugin_call.settings(project, loader, tenant, own), lines=lines)


def open_warehouse(project: Project, tenant: str, loader: Plugin, own: Mapping[str, Any]) -> Warehouse:
    """The warehouse that a loader with those settings fills.

    Raises:
        ConfigurationError: it is no loader of ours.
    """
    config = plugin_call.settings(project, loader, tenant, own)
    if loader.name == "target-duckdb":
        return DuckDBWarehouse(project.root / str(config["filepath"]), str(config["schema"]))
    if loader.name == "target-bigquery":
        return BigQueryWarehouse(config)
    raise ConfigurationError(
        f"the warehouse of loader '{loader.name}' cannot be looked into", remedy=f"Known are {' and '.join(LOADERS)}"
    )


class DuckDBWarehouse:
    """A schema in a DuckDB file of the tenant's own."""

    def __init__(self, path: Path, schema: str) -> None:
        """Look at the file `path`."""
        self._path, self._schema = path, schema
        self.name = f"{path.name}, schema {schema}"
        self.place = f'"{schema}"'

    def exists(self) -> bool:
        """As `Warehouse.exists`."""
        return self._path.exists() and bool(
            self.query(f"SELECT 1 FROM information_schema.schemata WHERE schema_name = '{self._schema}'")  # noqa: S608
        )

    def drop(self) -> None:
        """As `Warehouse.drop`; the file goes, too, unless something else is in it."""
        if not self._path.exists():
            return
        with self._open(read_only=False) as connection:
            connection.execute(f'DROP SCHEMA IF EXISTS "{self._schema}" CASCADE')
            left = connection.execute("SELECT 1 FROM information_schema.tables LIMIT 1").fetchone()
        if not left:
            for path in (self._path, Path(f"{self._path}.wal")):
                path.unlink(missing_ok=True)

    def tables(self) -> set[str]:
        """As `Warehouse.tables`."""
        if not self._path.exists():
            return set()
        sql = f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{self._schema}'"  # noqa: S608
        return {str(name) for (name,) in self.query(sql)}

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """As `Warehouse.query`."""
        with self._open(read_only=True) as connection:
            rows: list[tuple[Any, ...]] = connection.execute(sql).fetchall()
        return rows

    def execute(self, sql: str) -> None:
        """As `Warehouse.execute`."""
        with self._open(read_only=False) as connection:
            connection.execute(sql)

    def _open(self, *, read_only: bool) -> Any:
        """The file.

        Raises:
            RetriableError: a run has it open.
            ConfigurationError: it cannot be opened at all.
        """
        import duckdb

        from targets.duckdb.database import is_in_use, unusable

        try:
            return duckdb.connect(str(self._path), read_only=read_only)
        except duckdb.IOException as error:
            if not is_in_use(error):
                raise unusable(self._path, error) from None
            raise RetriableError(f"{self._path.name} is in use", remedy="Wait for the run's end") from None

    def make_models(self, parameters: Parameters) -> dict[str, int]:
        """As `Warehouse.make_models`, and raises as `runner.run`."""
        from transforms.models import runner

        return runner.run(self._path, self._schema, parameters)


class BigQueryWarehouse:
    """A dataset of BigQuery."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Look at `project` and `dataset`."""
        from pipe import bigquery

        self._client = bigquery.connect(config)
        self._dataset = f"{config['project']}.{config['dataset']}"
        self.name = self._dataset
        self.place = f"`{config['project']}`.{config['dataset']}"

    def exists(self) -> bool:
        """As `Warehouse.exists`."""
        from google.api_core.exceptions import NotFound

        with _service_errors("looking for the dataset"):
            try:
                self._client.get_dataset(self._dataset)
            except NotFound:
                return False
            return True

    def drop(self) -> None:
        """As `Warehouse.drop`."""
        with _service_errors("removing the dataset"):
            self._client.delete_dataset(self._dataset, delete_contents=True, not_found_ok=True)

    def tables(self) -> set[str]:
        """As `Warehouse.tables`."""
        if not self.exists():
            return set()
        with _service_errors("listing tables"):
            return {table.table_id for table in self._client.list_tables(self._dataset)}

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """As `Warehouse.query`."""
        with _service_errors("the query"):
            return [tuple(row.values()) for row in self._client.query(sql).result()]

    def execute(self, sql: str) -> None:
        """As `Warehouse.execute`."""
        self.query(sql)

    def make_models(self, parameters: Parameters) -> dict[str, int]:
        """As `Warehouse.make_models`, and raises as `transforms.models.bigquery.run`."""
        from transforms.models import bigquery as models

        return models.run(self._client, self._dataset.rpartition(".")[2], parameters)


def of_tenant(project: Project, tenant: Tenant) -> Warehouse:
    """The warehouse that a tenant's jobs fill; of several, the first.

    Raises:
        ConfigurationError: its jobs load nowhere we can look.
    """
    loader = loader_of(project, tenant)
    _, own = tenant.config(loader)
    return open_warehouse(project, tenant.name, loader, own)


def loader_of(project: Project, tenant: Tenant) -> Plugin:
    """Of the jobs a tenant schedules, else the one it has settings for, else the embedded default."""
    scheduled = project.plugins_of(job for _, job in tenant.schedules)
    configured = [project.plugins.get(str(entry.get("name"))) for _, entry in tenant.entries("loaders")]
    found = (plugin for plugin in (*scheduled, *configured) if plugin and plugin.kind == "loaders")
    return next(found, None) or choose("plugin", LOADERS[0], project.plugins)


def _service_errors(what: str) -> AbstractContextManager[None]:
    """The client's errors as ours; the client is loaded only where it is used."""
    from targets.bigquery.errors import service_errors

    return service_errors(what)
