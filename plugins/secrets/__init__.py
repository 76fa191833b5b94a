"""Secrets of tenants' data sources: where they are kept, and how they reach the one child process that needs them.

A data source has one secret: a JSON object of what its tap needs to sign in, such as `{"user": ..., "password": ...}`
(F031), at the path `growthnav-{customer_id}-connector-{connector_id}` (F030).

```python
values = open_vault(project).resolve(project.tenant("acme"))    # {"ACME__SNOWFLAKE_THANX_PASSWORD": "..."}
environment = {**meltano_call.environment(...), **values}       # of the child, nowhere else
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugins import settings
from plugins.secrets.vault import Vault, path, variable

if TYPE_CHECKING:
    from plugins.project import Project
    from plugins.secrets.vault import Resolver

__all__ = ["Vault", "open_vault", "path", "variable"]

KINDS: dict[str, dict[str, str | None]] = {
    "file": {"directory": ".growthnav/secrets"},
    "environment": {},
    "google": {"project": None, "credentials_file": None, "api_endpoint": None},
}
"""Where secrets may be kept, with the settings of each place and their defaults."""


def open_vault(project: Project) -> Vault:
    """The place that `annotations.growthnav.secrets` of meltano.yml names; by default a file a tenant.

    Raises:
        ConfigurationError: a setting of it is unknown or missing.
    """
    kind, config = settings.read(project, "secrets", KINDS, "file")
    resolver: Resolver
    if kind == "file":
        from plugins.secrets.file import FileResolver

        resolver = FileResolver(project.root / str(config["directory"]))
    elif kind == "environment":
        from plugins.secrets.environment import EnvironmentResolver

        resolver = EnvironmentResolver(project.environment)
    else:
        from plugins.secrets.google import GoogleResolver

        resolver = GoogleResolver(config)
    return Vault(resolver)
