"""The registry: which tenants there are, their data sources, their runs and their onboardings.

```python
registry = open_registry(project)
registry.customers(), registry.connectors("acme"), registry.runs("acme", limit=20)
registry.record_run(result.as_dict())
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipe.errors import ConfigurationError
from plugins import settings
from plugins.registry.registry import Registry
from plugins.registry.rows import Connector, Customer, Onboarding
from plugins.settings import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plugins.project import Project
    from plugins.registry.store import Store

__all__ = ["Connector", "Customer", "Onboarding", "Registry", "open_registry"]


def _duckdb(project: Project, config: Mapping[str, Any]) -> Store:
    from plugins.registry.duckdb_store import DuckDBStore

    return DuckDBStore(project.root / str(config["path"]))


def _bigquery(project: Project, config: Mapping[str, Any]) -> Store:
    from plugins.registry.bigquery_store import BigQueryStore

    del project
    if not config["project"]:
        raise ConfigurationError("the registry in BigQuery needs a project", field="registry.project")
    return BigQueryStore(config)


_OF_BIGQUERY = ("project", "location", "credentials_file", "impersonate_service_account", "api_endpoint")
KINDS: dict[str, Kind[Store]] = {
    "duckdb": Kind({"path": ".growthnav/registry.duckdb"}, _duckdb),
    "bigquery": Kind(dict.fromkeys(_OF_BIGQUERY), _bigquery),
}
"""Where the registry may be."""


def open_registry(project: Project) -> Registry:
    """The registry that `annotations.growthnav.registry` of meltano.yml names; by default a DuckDB file.

    Raises:
        ConfigurationError: a setting of it is unknown or missing.
    """
    return Registry(settings.opened(project, "registry", KINDS, "duckdb"))
