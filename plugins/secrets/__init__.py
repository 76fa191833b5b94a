"""Secrets of tenants' data sources: where they are kept, and how they reach the one child process that needs them.

A data source has one secret: a JSON object of what its tap needs to sign in, such as `{"user": ..., "password": ...}`
(F031), at the path `growthnav-{customer_id}-connector-{connector_id}` (F030).

```python
values = open_vault(project).resolve(project.tenant("acme"))    # {"ACME__SNOWFLAKE_THANX_PASSWORD": "..."}
environment = {**meltano_call.environment(...), **values}       # of the child, nowhere else
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plugins import settings
from plugins.secrets.vault import Resolver, Vault, path, variable
from plugins.settings import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plugins.project import Project

__all__ = ["Vault", "open_vault", "path", "variable"]


def _file(project: Project, config: Mapping[str, Any]) -> Resolver:
    from plugins.secrets.file import FileResolver

    return FileResolver(project.root / str(config["directory"]))


def _environment(project: Project, config: Mapping[str, Any]) -> Resolver:
    from plugins.secrets.environment import EnvironmentResolver

    del config
    return EnvironmentResolver(project.environment)


def _google(project: Project, config: Mapping[str, Any]) -> Resolver:
    from plugins.secrets.google import GoogleResolver

    del project
    return GoogleResolver(config)


KINDS: dict[str, Kind[Resolver]] = {
    "file": Kind({"directory": ".growthnav/secrets"}, _file),
    "environment": Kind({}, _environment),
    "google": Kind({"project": None, "credentials_file": None, "api_endpoint": None}, _google),
}
"""Where secrets may be kept."""


def open_vault(project: Project) -> Vault:
    """The place that `annotations.growthnav.secrets` of meltano.yml names; by default a file a tenant.

    Raises:
        ConfigurationError: a setting of it is unknown or missing.
    """
    return Vault(settings.opened(project, "secrets", KINDS, "file"))
