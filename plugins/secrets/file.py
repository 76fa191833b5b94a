"""Secrets in one file a tenant, readable by its owner alone."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

from pipe.errors import CredentialsError
from pipe.files import keep
from plugins.secrets import vault

if TYPE_CHECKING:
    from pathlib import Path

    from plugins.secrets.vault import Content

MODE = 0o600
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class FileResolver:
    """`<directory>/<tenant>.json`: path -> content."""

    def __init__(self, directory: Path) -> None:
        """Keep the files in `directory`."""
        self._directory = directory

    def read(self, tenant: str, path: str) -> Content | None:
        """As `Resolver.read`.

        Raises:
            CredentialsError: others may read the file, or it is damaged.
        """
        return self._all(tenant).get(path)

    def write(self, tenant: str, path: str, content: Content) -> None:
        """As `Resolver.write`."""
        self._keep(tenant, {**self._all(tenant), path: content})

    def delete(self, tenant: str, path: str) -> None:
        """As `Resolver.delete`."""
        kept = {name: content for name, content in self._all(tenant).items() if name != path}
        if kept:
            self._keep(tenant, kept)
        else:
            self._file(tenant).unlink(missing_ok=True)

    def paths(self, tenant: str) -> list[str]:
        """As `Resolver.paths`."""
        return list(self._all(tenant))

    def _all(self, tenant: str) -> dict[str, Content]:
        file = self._file(tenant)
        if not file.exists():
            return {}
        if file.stat().st_mode & _OTHERS:
            raise CredentialsError(f"{file.name} of the secrets is open to others", remedy=f"Run: chmod 600 {file}")
        return vault.decode(file.name, file.read_bytes())

    def _keep(self, tenant: str, content: dict[str, Content]) -> None:
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        keep(self._file(tenant), json.dumps(content, indent=1, sort_keys=True).encode(), mode=MODE)

    def _file(self, tenant: str) -> Path:
        return self._directory / f"{tenant}.json"
