"""Secrets in the environment of whoever runs: nothing is stored by us."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipe.errors import ConfigurationError
from plugins.secrets import vault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plugins.secrets.vault import Content

BLOB = re.compile(r"GROWTHNAV_\w+_CONNECTOR_\w+")
"""Variables that hold whole secrets: no child gets them, only the values of its own tenant."""


class EnvironmentResolver:
    """A secret is the JSON in the variable named like its path, in capitals and with `_`."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Read `environment`."""
        self._environment = environment

    def read(self, tenant: str, path: str) -> Content | None:
        """As `Resolver.read`.

        Raises:
            CredentialsError: the variable holds no JSON object.
        """
        del tenant
        text = self._environment.get(name(path))
        return vault.decode(path, text) if text else None

    def write(self, tenant: str, path: str, content: Content) -> None:
        """Nothing, when the variable holds that content already.

        Raises:
            ConfigurationError: it does not; names the variable and what should be in it.
        """
        if self.read(tenant, path) != content:
            raise ConfigurationError(
                f"secrets come from the environment, and {name(path)} does not hold the one for {path}",
                remedy=f"Set it to a JSON object with {', '.join(sorted(content))}",
            )

    def delete(self, tenant: str, path: str) -> None:
        """Nothing: the variable is not ours."""

    def paths(self, tenant: str) -> list[str]:
        """As `Resolver.paths`; `-` and `_` are one in the name of a variable, so the former is assumed."""
        start = name(vault.prefix(tenant))
        return [
            vault.prefix(tenant) + found.removeprefix(start).lower().replace("_", "-")
            for found in self._environment
            if found.startswith(start)
        ]


def name(path: str) -> str:
    """The variable that holds the secret at `path`."""
    return re.sub(r"\W", "_", path).upper()
