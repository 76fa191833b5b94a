"""The registry: which tenants there are, their data sources, their runs and their onboardings.

```python
registry = open_registry(project)
registry.customers(), registry.connectors("acme"), registry.runs("acme", limit=20)
registry.record_run(result.as_dict())
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipe.errors import ConfigurationError
from plugins import settings
from plugins.registry.registry import Registry
from plugins.registry.rows import Connector, Customer, Onboarding

if TYPE_CHECKING:
    from plugins.project import Project
    from plugins.registry.store import Store

__all__ = ["Connector", "Customer", "Onboarding", "Registry", "open_registry"]

KINDS: dict[str, dict[str, str | None]] = {
    "duckdb": {"path": ".growthnav/registry.duckdb"},
    "bigquery": {
        "project": None,
        "location": None,
        "credentials_file": None,
        "impersonate_service_account": None,
        "api_endpoint": None,
    },
}
"""Where the registry may be, with the settings of each place and their defaults."""


def open_registry(project: Project) -> Registry:
    """The registry that `annotations.growthnav.registry` of meltano.yml names; by default a DuckDB file.

    Raises:
        ConfigurationError: a setting of it is unknown or missing.
    """
    kind, config = settings.read(project, "registry", KINDS, "duckdb")
    store: Store
    if kind == "duckdb":
        from plugins.registry.duckdb_store import DuckDBStore

        store = DuckDBStore(project.root / str(config["path"]))
    else:
        from plugins.registry.bigquery_store import BigQueryStore

        if not config["project"]:
            raise ConfigurationError("the registry in BigQuery needs a project", field="registry.project")
        store = BigQueryStore(config)
    return Registry(store)
